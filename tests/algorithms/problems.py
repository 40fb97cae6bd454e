"""Small problems whose optimum is known by counting, and algorithms made for them."""

import itertools
from functools import partial

import numpy as np

from nasc_search.algorithms.asng import ASNG
from nasc_search.algorithms.elitist_asng import ElitistASNG
from nasc_search.algorithms.evolution import Evolution
from nasc_search.algorithms.exhaustive import Exhaustive
from nasc_search.algorithms.model_based import ModelBased
from nasc_search.algorithms.nsga2 import NSGA2
from nasc_search.algorithms.problem import Outcome, Problem, Variable
from nasc_search.algorithms.random_search import RandomSearch

ALGORITHMS = (Exhaustive, RandomSearch, Evolution, NSGA2, ASNG, ElitistASNG, ModelBased)
LIMIT = 7.0
_COST = np.array([0.0, 1.0, 2.0, 3.0])
_WORTH = np.array([0.0, 2.0, 3.0, 3.5])


def accuracy(point):
    """Grows with what is spent, and with neighbours that agree."""
    values = np.array(point[:4])
    agreeing = float((values[1:] == values[:-1]).sum())
    return 0.5 + 0.02 * float(_WORTH[values].sum()) + 0.01 * agreeing


def violations(points):
    """Cost of four choices, less what the fifth, the cut, takes off."""
    relief = np.array([0.0, 2.0, 1.0])[points[:, 4]]
    return (_COST[points[:, :4]].sum(axis=1) - relief) / LIMIT - 1


def problem(known=False):
    variables = (*(Variable(f"edge {index}", 4) for index in range(4)), Variable("cut", 3, in_objective=False))
    return Problem(variables, violation=violations if known else None, ceiling=1.0)


def evaluate(point):
    return Outcome((accuracy(point),), float(violations(np.array([point]))[0]))


def optimum():
    points = list(itertools.product(*map(range, problem().sizes)))
    return max(accuracy(point) for point in points if evaluate(point).feasible)


def large(known):
    """Too large to look at each point: 22 layers of 9, a cut, an encoding; the best has a worth of one."""
    best = np.random.default_rng(7).integers(9, size=22)

    def load(points):
        return (points[:, :22] > 4).sum(axis=1) / 12 - 1 + 0.01 * points[:, 22]

    variables = (*(Variable(f"layer {index}", 9) for index in range(22)), Variable("cut", 8, in_objective=False),
                 Variable("encoding", 3))  # fmt: skip
    made = Problem(variables, violation=load if known else None)

    def worth(best, point):
        share = float((np.array(point[:22]) == best).mean()) - 0.01 * point[23]
        return Outcome((share,), float(load(np.array([point]))[0]))

    return made, partial(worth, best)

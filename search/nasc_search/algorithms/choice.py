"""Algorithms by name."""

from __future__ import annotations

from enum import StrEnum
from typing import assert_never

from nasc_search.algorithms.algorithm import Turns
from nasc_search.algorithms.asng import ASNG
from nasc_search.algorithms.elitist_asng import ElitistASNG
from nasc_search.algorithms.evolution import Evolution
from nasc_search.algorithms.exhaustive import Exhaustive
from nasc_search.algorithms.model_based import ModelBased
from nasc_search.algorithms.nsga2 import NSGA2
from nasc_search.algorithms.problem import Problem
from nasc_search.algorithms.random_search import RandomSearch


class AlgorithmName(StrEnum):
    """What ``--algorithm`` takes."""

    MODEL = "model"
    """The default: fewest evaluations."""
    ASNG = "asng"
    ASNG_PUBLISHED = "asng-published"
    """For outcomes that change while searching, as in one-shot training."""
    EVOLUTION = "evolution"
    NSGA2 = "nsga2"
    RANDOM = "random"
    EXHAUSTIVE = "exhaustive"


def open_algorithm(name: AlgorithmName, problem: Problem, seed: int = 0) -> Turns:
    """The algorithm of that name; InputError when the problem is none for it."""
    match name:
        case AlgorithmName.MODEL:
            return ModelBased(problem, seed)
        case AlgorithmName.ASNG:
            return ElitistASNG(problem, seed)
        case AlgorithmName.ASNG_PUBLISHED:
            return ASNG(problem, seed)
        case AlgorithmName.EVOLUTION:
            return Evolution(problem, seed)
        case AlgorithmName.NSGA2:
            return NSGA2(problem, seed)
        case AlgorithmName.RANDOM:
            return RandomSearch(problem, seed)
        case AlgorithmName.EXHAUSTIVE:
            return Exhaustive(problem, seed)
        case _:
            assert_never(name)

"""Spaces as plain data and back."""

import json
from dataclasses import replace

import pytest

from nasc_sdk.errors import InputError
from nasc_sdk.ir.network import TensorSpec
from nasc_search.spaces.fbnet import FBNetMacro, FBNetSpace
from nasc_search.spaces.nb201 import Macro, NB201Space
from nasc_search.spaces.registry import KINDS, from_plain, to_plain

FBNET = FBNetSpace(FBNetMacro(TensorSpec(9, 7, 3), 5, 0.25, (1, 2, 0, 1, 0, 0, 1), 2))
NB201 = NB201Space(Macro(TensorSpec(8, 8, 1), 4, 6, 2, 2))


@pytest.mark.parametrize("space", [FBNET, NB201], ids=lambda space: space.name)
def test_round_trip_through_json(space):
    kind, macro = to_plain(space)
    assert kind in KINDS
    assert from_plain(kind, json.loads(json.dumps(macro))) == space


def test_a_field_that_is_not_there_has_its_default():
    kind, macro = to_plain(replace(FBNET, macro=replace(FBNET.macro, header=CIFAR_HEADER)))
    assert from_plain(kind, {name: value for name, value in macro.items() if name != "header"}).macro.header == 1504


CIFAR_HEADER = 1504


class Stranger:
    """A space that nobody registered."""

    name = "stranger"


def test_a_space_that_is_not_registered_is_refused():
    with pytest.raises(InputError, match="stranger is none of"):
        to_plain(Stranger())


PLAIN = to_plain(FBNET)[1]


@pytest.mark.parametrize(
    ("kind", "macro"),
    [
        ("resnet", PLAIN),
        ("nb201", PLAIN),
        ("fbnet", {}),
        ("fbnet", []),
        ("fbnet", None),
        ("fbnet", PLAIN | {"colour": 3}),
        ("fbnet", PLAIN | {"width": "1"}),
        ("fbnet", PLAIN | {"width": True}),
        ("fbnet", PLAIN | {"classes": 2.5}),
        ("fbnet", PLAIN | {"depth": 4}),
        ("fbnet", PLAIN | {"depth": [1, 2]}),
        ("fbnet", PLAIN | {"depth": ["1"] * 7}),
        ("fbnet", PLAIN | {"input": None}),
        ("fbnet", PLAIN | {"input": {"height": 4}}),
        ("fbnet", PLAIN | {"input": {"height": 4, "width": 4, "channels": "3"}}),
        ("fbnet", PLAIN | {"input": 7}),
    ],
)
def test_other_data_is_refused(kind, macro):
    with pytest.raises(InputError):
        from_plain(kind, macro)

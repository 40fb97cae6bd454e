"""The contract's id: equal when every field is, another one when any field is not, the same in every process."""

import subprocess
import sys
from dataclasses import astuple, fields, replace

import pytest

from nasc_sdk.candidate import CutEncoding, Entropy
from nasc_sdk.contract import Contract
from nasc_sdk.ir.network import TensorSpec

CONTRACT = Contract(3, TensorSpec(14, 14, 16), 0.0234375, -5, "0123456789abcdef")

KNOWN = "e44b8b9fa239e58c"

CHANGES = {
    "cut": [4, 0],
    "shape": [TensorSpec(16, 14, 14), TensorSpec(14, 14, 17)],
    "scale": [0.0234376, 0.0234375 * (1 + 2**-52)],
    "zero_point": [5, -6],
    "model_version": ["0123456789abcdee", ""],
    "encoding": [CutEncoding(bits=4), CutEncoding(bottleneck=8), CutEncoding(entropy=Entropy.ZLIB)],
}


def test_the_id_is_16_hexadecimal_digits_and_known():
    """Known, since boards in the field hold heads under it: a change of the recipe is a change of the format."""
    assert CONTRACT.id == KNOWN
    assert replace(CONTRACT).id == KNOWN


def test_every_field_is_part_of_it():
    assert set(CHANGES) == {field.name for field in fields(Contract)}
    variants = [replace(CONTRACT, **{name: value}) for name, values in CHANGES.items() for value in values]
    ids = {contract.id for contract in (CONTRACT, *variants)}
    assert len(ids) == len(variants) + 1


@pytest.mark.parametrize("seed", ["0", "1"])
def test_another_process_finds_the_same(seed):
    """Whatever its hash seed is: board and server compute it each on their own."""
    parts = (CONTRACT.cut, astuple(CONTRACT.shape), CONTRACT.scale, CONTRACT.zero_point, CONTRACT.model_version)
    program = (
        "from nasc_sdk.contract import Contract; from nasc_sdk.ir.network import TensorSpec; import sys;"
        f"cut, shape, *rest = {parts!r}; sys.stdout.write(Contract(cut, TensorSpec(*shape), *rest).id)"
    )
    run = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True, timeout=30,
    )  # fmt: skip
    assert run.stdout == CONTRACT.id

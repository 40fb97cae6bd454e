"""From a design to profile plans: real blocks with real weights and real activations, for board and server."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from nasc_sdk.ir.network import Network
from nasc_sdk.profiling.plan import PlanItem, ProfilePlan
from nasc_sdk.protocol.messages import Role
from nasc_search.calibrate.design import Design
from nasc_search.encodings.shares import some_payloads
from nasc_search.export.float_writer import write_float
from nasc_search.export.forms import Form
from nasc_search.export.profile_models import block_item
from nasc_search.export.quantize import quantize_array
from nasc_search.service.workshop import Prepared, Workshop

Progress = Callable[[int, int, str], None]


def make_plans(
    workshop: Workshop, design: Design, form: Form, progress: Progress, roles: Collection[Role] = tuple(Role),
    *, coding: bool = True,
) -> tuple[ProfilePlan, ProfilePlan]:  # fmt: skip
    """The board's plan (int8 blocks and whole heads) and the server's (float32 blocks and whole tails).

    The plan of a role that is not among ``roles`` stays empty. With ``coding`` they bring payloads that packing and
    entropy coding are timed on.
    """
    board: list[PlanItem] = []
    edge: list[PlanItem] = []
    for_board, for_edge = Role.BOARD in roles, Role.EDGE in roles
    image = torch.from_numpy(workshop.sample_image())
    by_arch: dict[str, tuple[Prepared, dict[str, NDArray[np.float32]]]] = {}
    total = len(design.blocks) + len(design.heads)

    def ready(arch: str) -> tuple[Prepared, dict[str, NDArray[np.float32]]]:
        # One architecture at a time is enough: the design lists blocks of one architecture together.
        if arch not in by_arch:
            by_arch.clear()
            prepared = workshop.prepare_light(arch)
            by_arch[arch] = (prepared, prepared.folded.block_inputs(image))
        return by_arch[arch]

    for done, block in enumerate(sorted(design.blocks, key=lambda item: item.arch)):
        prepared, inputs = ready(block.arch)
        title = f"{prepared.network.blocks[block.index].kind.value} {block.index}"
        place = block.index, block.index + 1, block.key, title, False
        if for_board:
            board.append(_board_item(prepared, inputs, *place, form))
        if for_edge:
            edge.append(_edge_item(prepared, inputs, *place))
        progress(done, total, "exporting blocks")
    blocks = len(workshop.supernet.space.network(design.heads[0].arch).blocks) if design.heads else 0
    for done, head in enumerate(design.heads):
        prepared, inputs = ready(head.arch)
        title = f"head of {head.cut} blocks, {done}"
        if for_board:
            board.append(_board_item(prepared, inputs, 0, head.cut, head.head_key, title, True, form))
        start = head.cut if head.cut < blocks else 0
        title = f"tail of {blocks - start} blocks, {done}"
        if for_edge:
            edge.append(_edge_item(prepared, inputs, start, blocks, head.tail_key, title, True))
        progress(len(design.blocks) + done, total, "exporting heads")
    payloads: tuple[bytes, ...] = ()
    if coding and by_arch:
        ((prepared, _),) = by_arch.values()
        payloads = some_payloads(prepared.folded, prepared.quantized, image)
    return ProfilePlan(tuple(board), payloads), ProfilePlan(tuple(edge), payloads)


def _shape(network: Network) -> str:
    return f"{network.input}>{network.output}"


def _board_item(
    prepared: Prepared, inputs: dict[str, NDArray[np.float32]], start: int, stop: int,
    key: str, title: str, whole: bool, form: Form,
) -> PlanItem:  # fmt: skip
    part = prepared.quantized.slice(start, stop)
    stored = quantize_array(inputs[part.network.blocks[0].name], part.input)
    model, given = block_item(part, stored, form)
    return PlanItem(key, title, _shape(part.network), model, given, "int8", whole)


def _edge_item(
    prepared: Prepared, inputs: dict[str, NDArray[np.float32]], start: int, stop: int, key: str, title: str, whole: bool
) -> PlanItem:
    part = replace(prepared.network, blocks=prepared.network.blocks[start:stop])
    given = inputs[part.blocks[0].name].astype("<f4").tobytes()
    model = write_float(part, prepared.folded.weights)
    return PlanItem(key, title, _shape(part), model, given, "float32", whole)

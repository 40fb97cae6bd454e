"""Heads on a board: the same bytes as TFLite's reference kernels, counts that repeat and add up."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hardware_tests.heads import SPACES, random_head
from nasc_sdk.errors import InputError, RefusedError, UnreachableError
from nasc_sdk.mcu.boards import load_boards
from nasc_sdk.mcu.compile import compile_model
from nasc_sdk.mcu.packing import Packing
from nasc_sdk.mcu.profile import profile_on_board
from nasc_sdk.mcu.session import BoardSession, Compiled

pytestmark = pytest.mark.timeout(600)


def test_it_says_what_it_is(board, session):
    assert (session.hello.board, session.hello.core) == (board.name, board.core)
    assert session.hello.arena_bytes == board.arena_bytes
    assert session.hello.kernels == board.kernels
    assert session.hello.time_hz > 0


@pytest.mark.parametrize("space", SPACES)
def test_random_heads_are_exact(session, space, pytestconfig):
    for seed in range(pytestconfig.getoption("heads")):
        model, image, expected = random_head(space, seed)
        session.bring(session.compile(model, f"{space}-{seed}"))
        assert session.infer(image)[1] == expected, (space, seed)


def model_file(folder, space="nb201", seed=1):
    path = folder / "head.tflite"
    path.write_bytes(random_head(space, seed)[0])
    return path


def test_operators_and_measuring_add_up_to_a_run(session, tmp_path):
    found = profile_on_board(session, model_file(tmp_path), repeats=3)
    (head,) = found.profile.heads
    assert sum(op.timing.median for op in head.ops) == pytest.approx(head.timing.median, rel=0.01)
    assert found.exact
    assert 0 < found.arena_used_bytes <= found.arena_bytes


def test_counts_of_an_emulated_board_repeat_to_a_tick(session, plug_in, tmp_path, pytestconfig):
    if pytestconfig.getoption("port"):
        pytest.skip("a real board's counts vary")
    path = model_file(tmp_path)
    first = profile_on_board(session, path, repeats=1)
    with plug_in() as (_, another):
        second = profile_on_board(another, path, repeats=1)
    tick = session.counter.per_count
    for one, other in zip(first.operators, second.operators, strict=True):
        assert abs(one.count - other.count) <= 1.01 * tick
    assert first.profile.heads[0].output_sha256 == second.profile.heads[0].output_sha256


def test_a_head_for_another_kernel_set_is_refused(board, session):
    model, image, expected = random_head("nb201", 1)
    good = session.compile(model, "good")
    session.bring(good, keep=True)
    other = next(packing for packing in Packing if packing is not session.packing)
    plan = compile_model(model, other, "other")
    assert plan.pack() != good.packed
    with pytest.raises(RefusedError, match="wrong_board"):
        session.bring(Compiled("other", plan, plan.pack()))
    # The head that ran before still does.
    assert session.infer(image)[1] == expected


def test_heads_change_places_without_an_upload(session):
    heads = [random_head("nb201", seed) for seed in (1, 2)]
    plans = [session.compile(model, str(seed)) for seed, (model, _, _) in enumerate(heads)]
    for plan in plans:
        session.bring(plan, keep=True)
    told = []
    for (_, image, expected), plan in [*zip(heads, plans, strict=True)] * 2:
        session.bring(plan, progress=lambda done, total: told.append(done))
        assert session.infer(image)[1] == expected
    assert not told


def test_a_reset_is_noticed_and_leaves_the_head_that_was_kept(session):
    (model, image, expected), (other, _, _) = (random_head("nb201", seed) for seed in (1, 2))
    kept = session.compile(model, "kept")
    session.bring(kept, keep=True)
    session.bring(session.compile(other, "passing"))
    session.reset()
    with pytest.raises(RefusedError, match="another_head"):
        session.infer(image)
    session.bring(kept, progress=lambda done, total: pytest.fail("it was there"))
    assert session.infer(image)[1] == expected


def test_a_head_without_room_in_the_arena_is_refused_with_the_figures(session):
    model, _, _ = random_head("nb201", 1)
    small = replace(session.hello, arena_bytes=100)
    session.hello, kept = small, session.hello
    try:
        with pytest.raises(RefusedError, match=r"computes in \d+ bytes, the arena has 100"):
            session.bring(session.compile(model, "head"))
    finally:
        session.hello = kept


def test_a_model_that_no_kernel_runs_is_refused_on_the_host(session):
    with pytest.raises(InputError, match=r"no \.tflite model"):
        session.compile(b"nonsense" * 20, "head")


def test_a_reset_between_input_and_run_is_made_good(session):
    model, image, expected = random_head("nb201", 1)
    session.bring(session.compile(model, "kept"), keep=True)
    client = session._client
    client._write_input(image)
    session.reset()
    with pytest.raises(RefusedError, match="wrong_offset"):
        client._run()
    assert session.infer(image)[1] == expected


def test_a_profile_of_another_head_than_was_brought_is_refused(session):
    kept, passing = (session.compile(random_head("nb201", seed)[0], str(seed)) for seed in (1, 2))
    session.bring(kept, keep=True)
    session.bring(passing)
    session.reset()
    with pytest.raises(RefusedError, match="another_head"):
        session.profile(1)


def test_an_upload_that_a_reset_interrupts_ends(session):
    model, image, expected = random_head("nb201", 0)
    compiled = session.compile(model, "head")
    resets = iter([True])
    session.bring(compiled, progress=lambda done, total: session.reset() if next(resets, False) else None)
    assert session.infer(image)[1] == expected


def test_committing_the_active_head_makes_it_run_again(session):
    (model, image, expected), (other, _, _) = (random_head("nb201", seed) for seed in (1, 2))
    kept = session.compile(model, "kept")
    session.bring(kept, keep=True)
    session.bring(session.compile(other, "passing"))
    session._client.commit(kept.sha256)
    session.use_present()
    assert session.infer(image)[1] == expected


def test_a_board_that_vanishes_is_an_error_and_another_session_goes_on(plug_in, tmp_path, pytestconfig):
    if pytestconfig.getoption("port"):
        pytest.skip("nobody pulls the plug")
    path = model_file(tmp_path)
    gone = pytest.raises(UnreachableError, match="the board is gone")
    with plug_in() as (machine, another), gone:
        profile_on_board(another, path, 50, lambda done, total: machine.stop() if done == 3 else None)
    with plug_in() as (_, another):
        assert profile_on_board(another, path, 1).exact


def test_another_board_at_the_port_is_refused(board, plug_in, pytestconfig):
    if pytestconfig.getoption("port"):
        pytest.skip("there is one port")
    other = next(known for name, known in load_boards().items() if name != board.name)
    with plug_in() as (_, there), pytest.raises(RefusedError, match=f"firmware of {board.name}, not of {other.name}"):
        BoardSession(other, lambda: there._client, emulated=True)

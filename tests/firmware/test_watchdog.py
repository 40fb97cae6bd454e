"""A head that never ends: the watchdog resets the board, and the head from before runs.

On the boards whose watchdog QEMU has, one of each kind; ``test_rp2040.py`` has a third.
"""

from __future__ import annotations

import pytest
from hardware_tests.heads import random_head

from nasc_sdk.errors import RefusedError
from nasc_sdk.mcu.boards import find_board
from nasc_sdk.mcu.session import open_session
from tests.firmware.hanging import hanging, named
from tests.firmware.harness import missing

WHY_NOT = missing("arm-none-eabi-gcc", "qemu-system-arm")
pytestmark = [pytest.mark.system, pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)]


@pytest.mark.parametrize("name", ["mps2-an386", "ast1030-evb"])
def test_a_head_that_never_ends_leaves_the_one_before(name):
    (model, image, expected), (other, _, _) = (random_head("nb201", seed) for seed in (1, 2))
    with open_session(hanging(find_board(name))) as session:
        session.bring(session.compile(model, "kept"), keep=True)
        # The reset has forgotten the upload, which the host learns when it asks again.
        with pytest.raises(RefusedError, match="unknown"):
            session.bring(named(session, other, "never"), keep=True)
        session.use_present()
        assert session.infer(image)[1] == expected
        # One that was committed, and hangs at each start: the board comes up without it.
        session.bring(named(session, other, "not_first"), keep=True)
        session.reset()
        session.use_present()
        assert session.infer(image)[1] == expected

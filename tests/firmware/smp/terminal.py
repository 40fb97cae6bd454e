"""The firmware's SMP server at a pseudo-terminal, as a serial port would show it."""

import contextlib
import os
import pty
import subprocess
import tty


@contextlib.contextmanager
def terminal_board(program, *words):
    """The port's name, and a function that unplugs the board; other programs than the server are told ``words``."""
    board_end, host_end = pty.openpty()
    for end in (board_end, host_end):
        tty.setraw(end)
    process = subprocess.Popen([program, *(words or ("terminal",))], stdin=board_end, stdout=board_end)
    os.close(board_end)
    name = os.ttyname(host_end)
    # Held open, or the terminal hangs up between two users of the port.
    held = [host_end]

    def unplug():
        process.kill()
        process.wait(timeout=20)

    try:
        yield name, unplug
    finally:
        unplug()
        for end in held:
            os.close(end)

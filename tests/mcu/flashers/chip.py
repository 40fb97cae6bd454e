"""A chip at a pseudo terminal: its loader in a thread, then its firmware as a process."""

import os
import pty
import select
import subprocess
import threading
import tty


class Chip:
    """Subclasses are the loader: ``serve`` reads until it returns, which ends the loader."""

    def __init__(self):
        self.board_end, host_end = pty.openpty()
        for end in (self.board_end, host_end):
            tty.setraw(end)
        self.port, self._held = os.ttyname(host_end), host_end
        self._stop, self._process = threading.Event(), None
        self.trouble = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        try:
            self.serve()
        except EOFError:
            return
        except Exception as error:  # told by the test's own thread
            self.trouble = error

    def serve(self):
        raise NotImplementedError

    def read(self, count):
        """Exactly so many bytes; EOFError when the test has ended."""
        content = b""
        while len(content) < count:
            if self._stop.is_set():
                raise EOFError
            if select.select([self.board_end], [], [], 0.05)[0]:
                content += os.read(self.board_end, count - len(content))
        return content

    def send(self, content):
        os.write(self.board_end, content)

    def boot(self, program):
        """The loader ends, the firmware runs."""
        self._halt()
        self._process = subprocess.Popen([program, "terminal"], stdin=self.board_end, stdout=self.board_end)

    def _halt(self):
        self._stop.set()
        self._thread.join(10)
        assert self.trouble is None, self.trouble

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join(10)
        if self._process is not None:
            self._process.kill()
            self._process.wait(20)
        for end in (self.board_end, self._held):
            os.close(end)

"""A real sshd on this machine with its own configuration, keys and port, and ssh told to use only these."""

import os
import shutil
import socket
import stat
import subprocess
import time

PROGRAMS = {
    name: shutil.which(name, path=f"{os.environ.get('PATH', '')}{os.pathsep}/usr/sbin")
    for name in ("sshd", "ssh", "ssh-keygen")
}
MISSING = next((name for name, found in PROGRAMS.items() if found is None), "")


def free_port():
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


class SshServer:
    """``environment``: of commands that run there. Keys: ``key`` opens it, ``stranger`` does not."""

    def __init__(self, folder, environment):
        self.port, self._folder = free_port(), folder
        self.key, self.stranger, host_key = folder / "key", folder / "stranger", folder / "host_key"
        for key in (self.key, self.stranger, host_key):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True, timeout=20)
        (folder / "authorized").write_bytes(self.key.with_suffix(".pub").read_bytes())
        settings = " ".join(f'{name}="{value}"' for name, value in environment.items())
        (folder / "sshd_config").write_text(
            f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {host_key}\nPidFile none\nUsePAM no\n"
            f"AuthorizedKeysFile {folder / 'authorized'}\nStrictModes no\nPasswordAuthentication no\n"
            f"KbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\nSetEnv {settings}\n"
        )
        self.log = folder / "sshd.log"
        if os.geteuid() == 0:
            # What Debian's service makes before it starts sshd.
            os.makedirs("/run/sshd", mode=0o755, exist_ok=True)  # noqa: PTH103

    def client_on(self, tools):
        """An ``ssh`` in this folder, the real one, that neither reads nor writes what is in the user's home."""
        config = self._folder / "ssh_config"
        config.write_text(f"Host *\nUserKnownHostsFile {self.known_hosts}\nGlobalKnownHostsFile /dev/null\n")
        wrapper = tools / "ssh"
        wrapper.write_text(f'#!/bin/sh\nexec {PROGRAMS["ssh"]} -F {config} "$@"\n')
        wrapper.chmod(wrapper.stat().st_mode | stat.S_IXUSR)
        return config

    @property
    def known_hosts(self):
        return self._folder / "known_hosts"

    def __enter__(self):
        self._process = subprocess.Popen([PROGRAMS["sshd"], "-D", "-f", self._folder / "sshd_config", "-E", self.log])
        for _ in range(100):
            with socket.socket() as asking:
                if asking.connect_ex(("127.0.0.1", self.port)) == 0:
                    return self
            time.sleep(0.1)
        raise AssertionError(self.log.read_text())

    def __exit__(self, *_):
        self._process.terminate()
        self._process.wait(20)

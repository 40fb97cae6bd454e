"""The agent installed through a real ssh on a real sshd of this machine; the virtual environment and pip are real.

Three things are not: CI has no systemd, so ``systemctl`` and ``loginctl`` on the board's PATH are scripts that record
how they are called; ``id -u`` says what the test wants, for both kinds of service; and pip installs no dependencies,
which are lent by PYTHONPATH, since a package index takes minutes. A board with a running systemd is for a person.
"""

import getpass
import importlib.util
import shlex
import subprocess
import sys
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pytest

from nasc_sdk.errors import FlashError, InputError, UnreachableError
from nasc_sdk.mcu.boards import find_any_board
from nasc_sdk.mcu.flashers import ssh
from nasc_sdk.mcu.flashers.ssh import Agent, Change, Target, make_change, plan_change, script_of
from nasc_sdk.mcu.flashers.wheel import own_wheel
from tests.mcu.flashers.ssh_server import MISSING, SshServer

needs_sshd = pytest.mark.skipif(bool(MISSING), reason=f"{MISSING} is not installed")
BOARD = replace(find_any_board("raspberrypi4"), machines=())
AGENT = Agent("kitchen", "home", "mqtt://me:secret@broker.local:1884", sys.executable, own_wheel())
LENT = ("click", "msgspec")
SYSTEMCTL = """#!/bin/sh
echo "$*" >>"{log}"
case " $* " in
    *" is-active "*) cat "{state}" ;;
    *" disable "*) echo inactive >"{state}" ;;
    *" restart "*) [ ! -e "{broken}" ] && echo active >"{state}" || echo failed >"{state}" ;;
esac
"""


class Remote:
    """The board's side: folders that stand for its own, and what its services were told."""

    def __init__(self, folder):
        self.folder = folder
        self.log, self.state, self.broken = folder / "systemctl.log", folder / "state", folder / "broken"
        self.home, self.root, self.programs = folder / "home", folder / "root", folder / "bin"
        for path in (self.home, self.root, self.programs, folder / "lent"):
            path.mkdir(parents=True)
        self.state.write_text("inactive\n")
        for name in LENT:
            (folder / "lent" / name).symlink_to(Path(importlib.util.find_spec(name).origin).parent)
        self.program("systemctl", SYSTEMCTL.format(log=self.log, state=self.state, broken=self.broken))
        self.program("loginctl", f'#!/bin/sh\n[ "$1" = show-user ] && echo no || echo "$*" >>"{self.log}"\n')
        self.program("journalctl", "#!/bin/sh\necho 'nasc-sdk: no broker at broker.local'\n")
        # Three checks a second apart tell one that ends at once; here nothing does.
        self.program("sleep", "#!/bin/sh\n")
        self.user(1000)

    def program(self, name, text):
        (self.programs / name).write_text(text)
        (self.programs / name).chmod(0o755)

    def user(self, number):
        self.program("id", f'#!/bin/sh\n[ "$1" = -u ] && echo {number} || echo someone\n')

    @property
    def environment(self):
        return {
            "PATH": f"{self.programs}:/usr/bin:/bin", "HOME": self.home, "DESTDIR": self.root, "PIP_NO_DEPS": "1",
            "PIP_NO_INDEX": "1", "PYTHONPATH": self.folder / "lent", "PYTHONDONTWRITEBYTECODE": "1",
            "SSH_CLIENT": "10.1.2.3 5 22",
        }  # fmt: skip

    def told(self):
        """What systemctl and loginctl were told since the last time, without the questions."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        self.log.unlink(missing_ok=True)
        return [line for line in lines if "is-active" not in line]


@pytest.fixture
def remote(tmp_path):
    return Remote(tmp_path / "remote")


@pytest.fixture
def server(remote, tmp_path, tools):
    folder = tmp_path / "sshd"
    folder.mkdir()
    with SshServer(folder, remote.environment) as running:
        running.client_on(tools)
        yield running


def target_at(server, key=None):
    return Target(f"{getpass.getuser()}@127.0.0.1", server.port, key or server.key)


def environment_is_there(base):
    """So that none is made: that takes long, and is seen above."""
    environment = base / f"venv-{AGENT.edition()}"
    environment.mkdir(parents=True)
    (environment / "complete").touch()


def here(remote, script):
    """What a shell of this machine does with the script: what needs no connection to be tested."""
    return subprocess.run(
        ["sh", "-s"], input=script, capture_output=True, text=True, timeout=100,
        env={name: str(value) for name, value in remote.environment.items()},
    )  # fmt: skip


@needs_sshd
@pytest.mark.system
def test_the_agent_is_installed_again_and_removed(server, remote):
    target = target_at(server)
    done = make_change(BOARD, target, Change.INSTALL, AGENT)
    assert done[-1] == "installed"
    base = remote.home / ".local/share/nasc-agent"
    unit = remote.home / ".config/systemd/user/nasc-agent.service"
    environment = base / f"venv-{AGENT.source.sha256[:12]}"
    lines = unit.read_text().splitlines()
    assert f"ExecStart={environment}/bin/nasc-sdk agent --device kitchen --state-dir {base}/state" in lines
    assert f"EnvironmentFile={base}/agent.env" in lines
    assert "secret" not in unit.read_text()
    secrets = base / "agent.env"
    assert secrets.read_text() == "NASC_BROKER='mqtt://me:secret@broker.local:1884'\nNASC_SITE='home'\n"
    assert secrets.stat().st_mode & 0o777 == 0o600
    assert remote.told() == [
        "enable-linger someone", "--user daemon-reload", "--user enable nasc-agent.service",
        "--user restart nasc-agent.service",
    ]  # fmt: skip
    # What was installed is this package, and it runs by itself.
    installed = next(environment.glob("lib/python3*/site-packages/nasc_sdk/mcu/flashers/ssh.py"))
    assert installed.read_bytes() == Path(ssh.__file__).read_bytes()

    # Another edition beside it is removed after the switch; the same one is not made anew.
    (base / "venv-older").mkdir()
    made = (environment / "complete").stat().st_mtime_ns
    done = make_change(BOARD, target, Change.INSTALL, AGENT)
    assert "is there already" in done[0]
    assert (environment / "complete").stat().st_mtime_ns == made
    assert not (base / "venv-older").exists()
    remote.told()

    assert make_change(BOARD, target, Change.UNINSTALL, AGENT) == ("removed",)
    assert not base.exists()
    assert not unit.exists()
    assert remote.told() == [
        "--user disable --now nasc-agent.service", "--user daemon-reload", "disable-linger someone",
    ]  # fmt: skip
    assert make_change(BOARD, target, Change.UNINSTALL, AGENT) == ("removed",)
    assert remote.told() == []


@needs_sshd
@pytest.mark.system
def test_refusals_come_back_over_the_line(server, remote):
    with pytest.raises(FlashError, match=r"this board is a \w+, the one that was named is: mips64"):
        make_change(replace(BOARD, machines=("mips64",)), target_at(server), Change.INSTALL, AGENT)
    with pytest.raises(FlashError, match="there is no python9: sudo apt install python3 python3-venv"):
        make_change(BOARD, target_at(server), Change.INSTALL, replace(AGENT, python="python9"))
    with pytest.raises(UnreachableError, match=r"Permission denied.*a key must open it without a question: try ssh -p"):
        make_change(BOARD, target_at(server, server.stranger), Change.INSTALL, AGENT)
    with pytest.raises(UnreachableError, match=r"not done within 0.001 s; it may be run again"):
        make_change(BOARD, target_at(server), Change.UNINSTALL, AGENT, timeout_s=0.001)
    assert not list(remote.home.iterdir())


@needs_sshd
@pytest.mark.system
def test_a_host_that_became_another_one_is_refused(server, tools):
    target = target_at(server)
    make_change(BOARD, target, Change.UNINSTALL, AGENT)
    known = server.known_hosts.read_text().split()
    assert f"[127.0.0.1]:{server.port}" in known[0] or known[0].startswith("|1|")
    other = server.stranger.with_suffix(".pub").read_text().split()[:2]
    server.known_hosts.write_text(f"{known[0]} {' '.join(other)}\n")
    with pytest.raises(UnreachableError, match=r"(?i)host key|identification"):
        make_change(BOARD, target, Change.UNINSTALL, AGENT)
    # The user's configuration outweighs what is the default here.
    server.known_hosts.unlink()
    config = server.client_on(tools)
    config.write_text(config.read_text() + "StrictHostKeyChecking yes\n")
    with pytest.raises(UnreachableError, match=r"(?i)host key"):
        make_change(BOARD, target, Change.UNINSTALL, AGENT)


@needs_sshd
def test_nobody_listens(tools, tmp_path):
    with pytest.raises(UnreachableError, match="Connection refused"):
        make_change(BOARD, Target("127.0.0.1", 1), Change.UNINSTALL, AGENT)


@pytest.mark.system
def test_root_gets_a_service_of_the_system(remote):
    remote.user(0)
    environment_is_there(remote.root / "opt/nasc-agent")
    done = here(remote, script_of(BOARD, Change.INSTALL, replace(AGENT, broker="")))
    assert done.returncode == 0, done.stderr
    assert "nasc: the broker is taken to be mqtt://10.1.2.3:1883" in done.stdout
    lines = (remote.root / "etc/systemd/system/nasc-agent.service").read_text().splitlines()
    for line in ("DynamicUser=yes", "StateDirectory=nasc-agent", "WantedBy=multi-user.target"):
        assert line in lines
    assert any(line.endswith("--device kitchen --state-dir /var/lib/nasc-agent") for line in lines)
    assert remote.told()[-1] == "--system restart nasc-agent.service"
    done = here(remote, script_of(BOARD, Change.UNINSTALL, AGENT))
    assert done.returncode == 0, done.stderr
    assert not [path for path in remote.root.rglob("*") if path.is_file()]


@pytest.mark.system
def test_a_service_that_does_not_stay_up_is_told_with_its_last_words(remote):
    environment_is_there(remote.home / ".local/share/nasc-agent")
    remote.broken.touch()
    done = here(remote, script_of(BOARD, Change.INSTALL, AGENT))
    assert done.returncode == 1
    assert "nasc: the service does not stay active: nasc-sdk: no broker at broker.local" in done.stderr


def test_a_stream_that_is_cut_short_does_nothing(remote):
    script = script_of(BOARD, Change.INSTALL, AGENT)
    for share in (0.1, 0.5, 0.99):
        here(remote, script[: int(len(script) * share)])
    # The last line but its end.
    here(remote, script.rstrip()[:-2])
    assert remote.told() == []
    assert not list(remote.home.iterdir())


def test_an_older_interpreter_is_refused(remote):
    remote.program("python3", '#!/bin/sh\n[ "$1" = --version ] && echo Python 3.9.2\nexit 1\n')
    done = here(remote, script_of(BOARD, Change.INSTALL, replace(AGENT, python="python3")))
    assert "nasc: Python 3.9.2 is too old, Python 3.11 or later is needed: name one with --python" in done.stderr


@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_the_script_is_a_script(shell):
    script = files("nasc_sdk.mcu.flashers").joinpath("install_agent.sh").read_text()
    assert subprocess.run([shell, "-n"], input=script, text=True, timeout=20).returncode == 0
    assert "set -eu" in script


def test_values_are_quoted_and_no_secret_is_on_a_command_line():
    agent = replace(AGENT, python="/opt/my python/$(reboot)'`x`")
    first, *_ = script_of(BOARD, Change.UNINSTALL, agent).split("wheel()")
    assert f"python={shlex.quote(agent.python)}\n" in first
    for step in plan_change(BOARD, Target("pi@x"), Change.INSTALL, AGENT):
        assert "secret" not in " ".join((*step.command, step.what))


@pytest.mark.parametrize("host", ["", "-oProxyCommand=reboot", "a b", "me@", "x;reboot", "$(x)"])
def test_hosts_that_are_none(host):
    with pytest.raises(InputError, match="is no host"):
        Target(host)


@pytest.mark.parametrize("host", ["pi", "pi@raspberrypi.local", "root@10.0.0.7", "pi@fe80::1%eth0", "my_host"])
def test_hosts(host):
    command = ssh.ssh_command(Target(host), accept_new=False)
    assert command[-3:] == ("--", host, "sh -s")
    assert "BatchMode=yes" in command


def test_a_key_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match="no key at"):
        Target("pi", identity=tmp_path / "absent")


@pytest.mark.parametrize(
    "change",
    [
        {"device": "a b"}, {"site": "a/b"}, {"broker": "http://x"}, {"broker": "mqtt://a:'b@c"}, {"python": "-c"},
        {"broker": "mqtt://a:\nb@c"}, {"source": "--index-url=x"}, {"source": "x; y"}, {"python": "a\nb"},
    ],
)  # fmt: skip
def test_values_that_could_do_harm_are_refused(change):
    with pytest.raises(InputError):
        replace(AGENT, **change)

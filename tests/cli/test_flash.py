"""``nasc-sdk flash``: plans, refusals, and an emulated board for real; tools and boards are in tests/mcu/flashers."""

from __future__ import annotations

import json
import shutil

import pytest

from nasc_sdk.mcu.boards import find_board, firmware_folder
from tests.cli.test_profile_model import nasc as run
from tests.mcu.flashers.elf_files import elf
from tests.mcu.flashers.fake_tool import FakeTool

BOARD = "mps2-an386"
TOOLS = (find_board(BOARD).build.compiler, find_board(BOARD).emulator.command)
MISSING = next((tool for tool in TOOLS if shutil.which(tool) is None), "")
emulated = pytest.mark.skipif(bool(MISSING), reason=f"{MISSING} is not installed")


def board_file(folder, tool, **changes):
    """A board of one's own: the emulated one's file with another tool."""
    text = (firmware_folder() / "boards" / f"{BOARD}.toml").read_text()
    flash = "\n".join([f'tool = "{tool}"', *(f"{key} = {value!r}" for key, value in changes.items())])
    text = text.replace('tool = "emulator"', flash).replace("ids = []", 'ids = ["0000:0001"]')
    (folder / "mine.toml").write_text(text)
    return {"NASC_BOARDS": str(folder)}


@pytest.fixture
def firmware(tmp_path):
    path = tmp_path / "my.elf"
    path.write_bytes(elf(((0, b"code" * 100), (0x400, b"data"))))
    return path


@emulated
@pytest.mark.system
def test_an_emulated_board_is_built_started_and_says_what_it_is():
    found = run("flash", "--board", BOARD)
    assert found.returncode == 0, found.stderr
    assert f"{BOARD} runs firmware" in found.stdout
    assert "cortex-m4 at 25 MHz, dsp kernels" in found.stdout
    assert f"next: nasc-sdk profile --board {BOARD}" in found.stdout
    document = json.loads(run("flash", "--board", BOARD, "--json").stdout)
    assert document["hello"]["board"] == BOARD
    assert [step["action"] for step in document["plan"]] == ["write", "reset"]
    assert document["firmware"]["segments"][0]["address"] == 0


def test_a_dry_run_shows_what_goes_where_and_touches_nothing(tmp_path, firmware):
    own = tmp_path / "boards"
    own.mkdir()
    environment = board_file(own, "stm32flash")
    tools = tmp_path / "tools"
    tools.mkdir()
    fake = FakeTool(tools, "stm32flash")
    words = ("flash", "--board", "mine", "--firmware", firmware, "--port", "/dev/ttyS9", "--dry-run")
    found = run(*words, PATH=str(tools), **environment)
    assert found.returncode == 0, found.stderr
    for part in ("400 bytes at 0x00000000", "4 bytes at 0x00000400", "stm32flash -b 115200", "/dev/ttyS9"):
        assert part in found.stdout
    assert fake.calls == []
    document = json.loads(run(*words, "--json", PATH=str(tools), **environment).stdout)
    assert document["hello"] is None
    assert document["lacking"] == []


def test_a_dry_run_without_compiler_flasher_and_board(tmp_path):
    found = run("flash", "--board", "mine", "--dry-run", PATH="", **board_file(tmp_path, "stm32flash"))
    assert found.returncode == 0, found.stderr
    lacking = [line for line in found.stdout.splitlines() if line.startswith("lacking: ")]
    assert len(lacking) == 3
    assert "apt install stm32flash" in lacking[0]
    assert "no mine is attached" in lacking[1]
    assert "apt install gcc-arm-none-eabi" in lacking[2]


def test_what_a_tool_complains_of_is_the_error(tmp_path, firmware):
    own, tools = tmp_path / "boards", tmp_path / "tools"
    own.mkdir()
    tools.mkdir()
    environment = board_file(own, "openocd", target="board/mine.cfg")
    FakeTool(tools, "openocd", "print('Error: open failed'); sys.exit(1)")
    words = ("flash", "--board", "mine", "--firmware", firmware, "--port", "/dev/absent")
    found = run(*words, PATH=str(tools), **environment)
    assert found.returncode == 4
    assert found.stderr.splitlines()[-1] == "nasc-sdk: openocd ended with status 1: Error: open failed"
    found = run(*words, PATH="", **environment)
    assert found.returncode == 6
    assert "apt install openocd (under the GPL" in found.stderr


def test_a_file_that_is_no_firmware(tmp_path):
    path = tmp_path / "x.elf"
    path.write_text("no")
    found = run("flash", "--board", BOARD, "--firmware", path)
    assert found.returncode == 3
    assert f"{path} is no ELF file" in found.stderr


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--board", BOARD, "--host", "pi"), "--host: not for mps2-an386, a microcontroller that emulator writes"),
        (("--board", "raspberrypi4"), "runs Linux: say with --host USER@HOST where it is"),
        (("--board", "raspberrypi4", "--host", "pi", "--port", "x"), "--port: not for raspberrypi4, which runs Linux"),
        (("--board", "raspberrypi4", "--host", "pi", "--wheel", "x", "--from-index", "y"), "two sources for one thing"),
    ],
)
def test_options_that_do_not_belong(words, reason):
    found = run("flash", *words)
    assert found.returncode == 2
    assert reason in found.stderr


def test_a_board_with_linux_is_planned_without_asking_it(tmp_path):
    fake = FakeTool(tmp_path, "ssh")
    words = ("flash", "--board", "raspberrypi4", "--host", "pi@raspberrypi.local", "--ssh-port", "2222", "--dry-run")
    found = run(*words, "--broker", "mqtt://me:secret@broker:1", "--device", "kitchen", PATH=str(tmp_path))
    assert found.returncode == 0, found.stderr
    for part in ("nasc_sdk-", "device kitchen", "broker mqtt://broker:1", "-p 2222 -- pi@raspberrypi.local 'sh -s'"):
        assert part in found.stdout
    assert "secret" not in found.stdout
    assert fake.calls == []
    document = json.loads(run(*words, "--uninstall", "--json", PATH=str(tmp_path)).stdout)
    assert document["host"] == "pi@raspberrypi.local"
    assert "remove" in document["plan"][0]["what"]


def test_a_board_with_linux_is_no_microcontroller(tmp_path):
    found = run("profile", "--board", "raspberrypi4", "--model", tmp_path / "x.tflite")
    assert found.returncode == 3
    assert "name it with --device instead of --board" in found.stderr
    assert "ssh" in next(line for line in run("boards").stdout.splitlines() if line.startswith("raspberrypi4"))


def test_a_file_of_a_board_with_linux_that_lacks_something(tmp_path):
    (tmp_path / "mine.toml").write_text('title = "x"\n[flash]\ntool = "ssh"\n')
    found = run("flash", "--board", "mine", "--host", "x", NASC_BOARDS=str(tmp_path))
    assert found.returncode == 3
    assert "mine.toml describes no board" in found.stderr


def test_ssh_that_fails_is_unreachable(tmp_path):
    FakeTool(tmp_path, "ssh", "sys.stderr.write('ssh: Could not resolve hostname pi\\n'); sys.exit(255)")
    words = ("flash", "--board", "raspberrypi4", "--host", "pi", "--uninstall")
    found = run(*words, PATH=str(tmp_path))
    assert found.returncode == 4
    assert "nasc-sdk: pi: ssh: Could not resolve hostname pi; a key must open it" in found.stderr
    found = run(*words, PATH="")
    assert found.returncode == 6
    assert "apt install openssh-client" in found.stderr


def test_the_script_is_what_the_shell_gets(tmp_path):
    FakeTool(tmp_path, "ssh", "text = sys.stdin.read(); print('nasc: got ' + str(len(text)) + text[:19] + text[-5:])")
    found = run("flash", "--board", "raspberrypi4", "--host", "pi", "--uninstall", "--json", PATH=str(tmp_path))
    assert found.returncode == 0, found.stderr
    assert "action=uninstall" in json.loads(found.stdout)["done"][0]


def test_a_rate_that_a_board_does_not_offer_is_refused():
    found = run("flash", "--board", "nucleo-f446re", "--baud", "9600", "--dry-run")
    assert found.returncode != 0
    assert "nucleo-f446re offers 115200 or 230400 baud, not 9600" in found.stderr
    found = run("flash", "--board", "raspberrypi4", "--host", "pi", "--baud", "115200", "--dry-run")
    assert "--baud: not for raspberrypi4" in found.stderr


@pytest.mark.parametrize("words", [("profile",), ("infer", "--input", "x.npy")])
def test_a_rate_goes_with_a_microcontroller(words):
    found = run(*words, "--baud", "115200")
    assert found.returncode == 2
    assert "--baud: only with a microcontroller" in found.stderr

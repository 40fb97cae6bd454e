"""Who may import whom, and what an import may load."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = {
    "nasc_sdk": ROOT / "sdk/nasc_sdk",
    "nasc_search": ROOT / "search/nasc_search",
    "nasc_edge": ROOT / "edge_server/nasc_edge",
}
FORBIDDEN = {
    "nasc_sdk": {"torch", "nasc_search", "nasc_edge"},
    "nasc_search": {"nasc_edge"},
    "nasc_edge": {"torch", "nasc_search"},
}
MAX_LINES = 400
SOURCES = {
    (package, path.relative_to(folder).as_posix()): ast.parse(path.read_text())
    for package, folder in PACKAGES.items()
    for path in sorted(folder.rglob("*.py"))
}


def imported(tree):
    """Full names of all imported modules, those inside functions included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def at_import(tree):
    """Modules that importing a file loads: not those inside functions or under TYPE_CHECKING."""
    pending = list(tree.body)
    while pending:
        node = pending.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.If | ast.Try | ast.With):
            pending.extend(node.body)


def loaded(code, *modules):
    """Which of the modules are in sys.modules after the code, in a fresh interpreter."""
    program = f"{code}\nimport sys\nsys.stderr.write(' '.join(m for m in {modules!r} if m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return set(done.stderr.split())


@pytest.mark.parametrize("package", PACKAGES)
def test_packages_import_in_one_direction(package):
    wrong = [
        (path, name)
        for (owner, path), tree in SOURCES.items()
        if owner == package
        for name in imported(tree)
        if name.split(".")[0] in FORBIDDEN[package]
    ]
    assert not wrong


def test_no_relative_imports():
    levels = [node.level for tree in SOURCES.values() for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert not any(levels)


def test_modules_do_not_import_each_other_in_circles():
    names = {
        (package + "." + path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")).removesuffix(
            ".__init__"
        ): tree
        for (package, path), tree in SOURCES.items()
    }
    waiting = {name: {other for other in at_import(tree) if other in names} for name, tree in names.items()}
    while ready := [name for name, needs in waiting.items() if not needs]:
        for name in ready:
            del waiting[name]
        for needs in waiting.values():
            needs.difference_update(ready)
    assert not waiting


def test_the_ir_imports_nothing_but_errors():
    for (package, path), tree in SOURCES.items():
        if package == "nasc_sdk" and path.startswith("ir/"):
            ours = {name for name in imported(tree) if name.startswith("nasc_")}
            assert all(name == "nasc_sdk.errors" or name.startswith("nasc_sdk.ir.") for name in ours), path


@pytest.mark.parametrize(
    ("file", "allowed"),
    [
        ("protocol/frames.py", ("nasc_sdk.errors", "nasc_sdk.protocol.")),
        ("protocol/messages.py", ("nasc_sdk.errors", "nasc_sdk.profiling.profile", "nasc_sdk.protocol.")),
        ("protocol/transfer.py", ("nasc_sdk.errors", "nasc_sdk.protocol.")),
        ("mcu/smp_frames.py", ("nasc_sdk.errors",)),
        ("mcu/smp_messages.py", ("nasc_sdk.errors", "nasc_sdk.mcu.smp_cbor")),
        ("mcu/smp_upload.py", ("nasc_sdk.errors",)),
        ("mcu/plan.py", ("nasc_sdk.bundle", "nasc_sdk.mcu.packing", "nasc_sdk.runtime.base")),
        ("mcu/lower.py", ("nasc_sdk.errors", "nasc_sdk.mcu", "nasc_sdk.tflite.")),
        ("mcu/elf.py", ("nasc_sdk.errors",)),
    ],
)
def test_the_protocol_touches_no_port(file, allowed):
    names = set(imported(SOURCES["nasc_sdk", file]))
    assert not names & {"socket", "asyncio", "paho", "threading", "serial"}
    assert all(name.startswith(allowed) for name in names if name.startswith("nasc_"))


@pytest.mark.parametrize(("module", "file"), [("tflite", "tflite/model.py"), ("cbor2", "mcu/smp_cbor.py")])
def test_a_dependency_of_microcontrollers_is_imported_in_one_file(module, file):
    importing = re.compile(rf"import {module}$|import_module\(\"{module}\"\)", re.MULTILINE)
    folder = PACKAGES["nasc_sdk"]
    importers = [path for path in folder.rglob("*.py") if importing.search(path.read_text())]
    assert importers == [folder / file]


def test_the_firmware_package_is_data():
    (source,) = (ROOT / "firmware_profiles").rglob("*.py")
    assert ast.get_docstring(tree := ast.parse(source.read_text()))
    assert len(tree.body) == 1


def test_c_files_are_short():
    folder = ROOT / "firmware_profiles/nasc_firmware"
    long = [path.name for path in folder.rglob("*.[ch]") if len(path.read_text().splitlines()) > MAX_LINES]
    assert not long


def test_files_are_short():
    folders = [*PACKAGES.values(), ROOT / "tests"]
    long = {
        str(path.relative_to(ROOT)): lines
        for folder in folders
        for path in folder.rglob("*.py")
        if (lines := len(path.read_text().splitlines())) > MAX_LINES
    }
    assert not long


def test_functions_are_short():
    # A click command's options are its signature.
    long = [
        (path, node.name)
        for (_, path), tree in SOURCES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name != "command"
        and node.end_lineno - node.lineno >= 60
    ]
    assert not long


def test_nothing_prints():
    calls = [
        path
        for (_, path), tree in SOURCES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert not calls


def test_nothing_unpickles():
    """Python's unpickler runs what a file says; ``pickletools`` only knows the instructions' names."""
    forbidden = {"pickle", "_pickle", "cPickle", "dill", "cloudpickle", "shelve", "marshal"}
    assert not [(path, name) for (_, path), tree in SOURCES.items() for name in imported(tree) if name in forbidden]
    said = {
        ast.unparse(node.value)
        for tree in SOURCES.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.keyword) and node.arg == "allow_pickle"
    }
    assert said == {"False"}


def test_packages_are_typed():
    assert all((folder / "py.typed").exists() for folder in PACKAGES.values())


def test_help_loads_neither_numpy_nor_msgspec():
    code = (
        "import sys\nsys.argv = ['nasc-sdk', '--help']\nfrom nasc_sdk.cli.main import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code"
    )
    assert not loaded(code, "numpy", "msgspec", "torch", "paho", "nasc_search", "nasc_edge")


@pytest.mark.parametrize("module", ["nasc_sdk.agent.agent", "nasc_sdk.agent.client", "nasc_sdk.report.html"])
def test_a_board_loads_no_torch(module):
    assert not loaded(f"import {module}", "torch", "matplotlib", "nasc_search", "nasc_edge", "flatbuffers")


def test_verbs_of_other_packages_load_no_torch_until_they_run():
    verbs = ("train", "service", "demo", "prior", "experiment")
    code = "import nasc_edge.cli, " + ", ".join(f"nasc_search.cli.{verb}" for verb in verbs)
    assert not loaded(code, "torch", "numpy")

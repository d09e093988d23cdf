"""`send` of the clients is replaced while a test runs, and afterwards each class has the function that it had."""

import importlib
import inspect
import sys
import types

import pytest

from pytest_graysplit.gateway.clients.patches import CLIENTS, SendPatches


@pytest.fixture
def library(monkeypatch):
    """A module with two classes of clients, in the place of httpx."""
    module = types.ModuleType("httpx")
    module.Client = type("Client", (), {"send": lambda client, text: f"sent {text}"})

    async def send(client, text):
        return f"sent {text}"

    module.AsyncClient = type("AsyncClient", (), {"send": send})
    monkeypatch.setitem(sys.modules, "httpx", module)
    monkeypatch.delitem(sys.modules, "httpx2", raising=False)
    return module


def answering(library, owner, found):
    """Answer texts that begin with "model", and send all others."""
    return lambda client, text: f"answered {text}" if text.startswith("model") else found(client, text)


@pytest.fixture
def patches():
    made = SendPatches(answering)
    yield made
    made.stop()


def sends(library):
    return [vars(getattr(library, name))["send"] for name in CLIENTS]


def test_only_requests_for_models_are_answered(library, patches):
    found = sends(library)
    patches.start()
    client = library.Client()
    assert (client.send("model"), client.send("other")) == ("answered model", "sent other")
    patches.stop()
    assert client.send("model") == "sent model"
    assert sends(library) == found


def test_asynchronous_function_stays_one(library, patches):
    patches.start()
    assert inspect.iscoroutinefunction(library.AsyncClient.send)
    assert not inspect.iscoroutinefunction(library.Client.send)


def test_second_start_and_second_stop_change_nothing(library, patches):
    found = sends(library)
    patches.start()
    patches.start()
    assert library.Client().send("model") == "answered model"
    patches.stop()
    patches.stop()
    assert sends(library) == found
    assert not any(type(finder).__module__ == SendPatches.__module__ for finder in sys.meta_path)


def test_wrapper_from_before_the_test_is_found_and_put_back(library, patches):
    found = library.Client.send
    library.Client.send = wrapper = lambda client, text: f"<{found(client, text)}>"
    patches.start()
    assert (library.Client().send("model"), library.Client().send("other")) == ("answered model", "<sent other>")
    patches.stop()
    assert library.Client.send is wrapper


def test_wrapper_made_during_a_test_stays_and_reaches_the_original(library, patches):
    """A tracing library is set up in the test: its wrapper outlives the test, and ours below it does nothing then."""
    patches.start()
    ours = library.Client.send
    library.Client.send = wrapper = lambda client, text: f"<{ours(client, text)}>"
    assert library.Client().send("model") == "<answered model>"
    patches.stop()
    assert library.Client.send is wrapper
    assert library.Client().send("model") == "<sent model>"


def test_wrapper_over_several_tests_stays_below_the_next_replacement(library, patches):
    """A fixture of the session wraps `send` during the first test; the second test is answered all the same."""
    found = library.Client.send
    patches.start()
    ours = library.Client.send
    library.Client.send = wrapper = lambda client, text: f"<{ours(client, text)}>"
    patches.stop()
    patches.start()
    assert (library.Client().send("model"), library.Client().send("other")) == ("answered model", "<sent other>")
    patches.stop()
    assert library.Client.send is wrapper
    library.Client.send = ours  # the fixture ends, and puts back the function that it found
    patches.start()
    assert library.Client.send is ours
    assert library.Client().send("model") == "answered model"
    patches.stop()
    assert library.Client.send is found


def test_wrapper_taken_away_during_a_test_is_not_put_back(library, patches):
    """A mock of an earlier fixture ends inside of the test; to put it back would mock the tests that follow."""
    found = library.Client.send
    library.Client.send = lambda client, text: "mocked"
    patches.start()
    library.Client.send = found
    patches.stop()
    assert library.Client.send is found


class Mock:
    """An object that can be called, without the `__get__` of a function."""

    def __call__(self, text):
        return f"mocked {text}"


@pytest.mark.parametrize("mock", [Mock(), staticmethod(Mock())], ids=["object", "static method"])
def test_object_that_is_not_a_function_is_called_as_python_would(library, patches, mock):
    """It gets no client, before the test and below the wrapper of another library."""
    library.Client.send = mock
    patches.start()
    ours = library.Client.send
    library.Client.send = wrapper = lambda client, text: f"{ours(client, text)}"
    assert library.Client().send("model") == "answered model"
    patches.stop()
    assert library.Client().send("model") == "mocked model"
    assert vars(library.Client)["send"] is wrapper
    library.Client.send = ours
    patches.start()
    patches.stop()
    assert vars(library.Client)["send"] is mock


def test_library_imported_during_the_test_is_patched(library, patches, monkeypatch, tmp_path):
    """An application may import its client inside of a function."""
    monkeypatch.delitem(sys.modules, "httpx")
    text = (
        "class Client:\n    def send(self, text):\n        return f'sent {text}'\n\nclass AsyncClient(Client): pass\n"
    )
    (tmp_path / "httpx.py").write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    patches.start()
    assert "httpx" not in sys.modules
    imported = importlib.import_module("httpx")
    assert imported.Client().send("model") == "answered model"
    assert imported.AsyncClient().send("model") == "answered model"  # through the class below it
    patches.stop()
    assert imported.Client().send("model") == "sent model"


def test_library_imported_after_the_test_is_left_alone(library, patches, monkeypatch, tmp_path):
    monkeypatch.delitem(sys.modules, "httpx")
    text = "class Client:\n    def send(self, text):\n        return f'sent {text}'\n"
    (tmp_path / "httpx.py").write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    patches.start()
    spec = importlib.util.find_spec("httpx")
    patches.stop()
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.Client().send("model") == "sent model"


def test_one_class_under_two_names_is_patched_once(library, patches, monkeypatch):
    """`httpx2.alias_httpx()` makes both names one module."""
    found = library.Client.send
    monkeypatch.setitem(sys.modules, "httpx2", library)
    patches.start()
    patches.stop()
    assert library.Client.send is found

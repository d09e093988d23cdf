"""Carries results from an xdist worker to the controller, as bytes inside the report."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator


# The name of the plugin that only the xdist controller has; it is how the rest knows that it runs no tests itself.
CONTROLLER = "graysplit-controller"


def sendable(value: Any) -> Any:
    """Return the value with half surrogates written as escapes: execnet sends texts as UTF-8, which has none."""
    if isinstance(value, str):  # execnet refuses a subclass, such as Slug
        return str(value) if value.isascii() else value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, dict):
        return {sendable(name): sendable(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(sendable, value)) if type(value) in (list, tuple) else value
    return value


class Courier:
    """Lives in a worker and packs what its reports carry."""

    @pytest.hookimpl(wrapper=True)
    def pytest_report_to_serializable(self) -> Generator[None, Any, Any]:
        """Pack the results of a report."""
        data = yield
        if isinstance(data, dict):
            if isinstance(results := data.pop("graysplit", None), tuple):
                results = packed(results)
            data = sendable(data)
            if results is not None:  # a forked test has packed its own
                data["graysplit"] = results
        return data


def packed(results: Any) -> bytes:
    """Return results as bytes, for a report that leaves its process."""
    return pickle.dumps(results)


def unpacked(results: bytes) -> Any:
    """Return the results that a worker packed; it is a process of this very run, which executes our code anyway."""
    return pickle.loads(results)  # noqa: S301

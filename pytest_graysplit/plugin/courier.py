"""Carries results from an xdist worker to the controller, as bytes inside the report."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator


# The name of the plugin that only the xdist controller has; it is how the rest knows that it runs no tests itself.
CONTROLLER = "graysplit-controller"


class Courier:
    """Lives in a worker and packs what its reports carry."""

    @pytest.hookimpl(wrapper=True)
    def pytest_report_to_serializable(self) -> Generator[None, Any, Any]:
        """Pack the results of a report."""
        data = yield
        if isinstance(data, dict) and "graysplit" in data:
            data["graysplit"] = pickle.dumps(data["graysplit"])
        return data


def unpacked(results: bytes) -> Any:
    """Return the results that a worker packed; it is a process of this very run, which executes our code anyway."""
    return pickle.loads(results)  # noqa: S301

"""The gateway of this process, started before the first test that runs an application."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pytest_graysplit.gateway.app_run import AppRun
from pytest_graysplit.gateway.item_calls import ItemCalls
from pytest_graysplit.gateway.matching import Normaliser

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_graysplit.config.settings import Settings
    from pytest_graysplit.gateway.gateway import Gateway
    from pytest_graysplit.plugin.collect.plans import Plan
    from pytest_graysplit.plugin.fetch.fetching import Fetching
    from pytest_graysplit.plugin.hookspecs import FolderHooks

NORMALIZE = "pytest_graysplit_normalize"


class GatewayHolder:
    """The one gateway of this process, and the runs of applications that it serves one after the other."""

    def __init__(self, settings: Settings, fetching: Fetching, hooks: FolderHooks) -> None:
        self._settings = settings
        self._fetching = fetching
        self._hooks = hooks
        self._gateway: Gateway | None = None
        self._pid = os.getpid()

    def start(self) -> Gateway:
        """Return the gateway, started; raise UsageError if a package is missing."""
        if self._gateway is None or self._pid != os.getpid():  # a forked process has no thread of its parent
            from pytest_graysplit.gateway.gateway import Gateway

            gateway = Gateway(
                begin=self._fetching.begin,
                hosts=known_hosts(self._settings),
                secret_names=frozenset(secret_names(self._settings, os.environ)),
            )
            gateway.start()
            self._gateway, self._pid = gateway, os.getpid()
        return self._gateway

    def enter(self, nodeid: str, plan: Plan) -> ItemCalls:
        """Begin the run of an item: all requests belong to it until `leave`."""
        gateway, part = self.start(), plan.app
        assert part is not None  # noqa: S101 # only items with such a part are entered
        run = AppRun(
            nodeid=nodeid,
            case=plan.case,
            arm=part.arm,
            config=part.config,
            sample=part.recorded_sample,
            recording_path=plan.recording_path,
            swapped=part.swapped,
            max_calls=self._settings.table.app.max_calls,
        )
        calls = ItemCalls(run, self._normaliser(plan))
        gateway.enter(calls)
        return calls

    def _normaliser(self, plan: Plan) -> Normaliser:
        return Normaliser(
            plan.case,
            ignore=self._settings.table.app.ignore,
            hook=self._hooks.of(NORMALIZE, plan.path),
            redact=self._fetching.redaction.of(plan.recording_path),
        )

    def leave(self) -> None:
        """End the run: restore the environment and the clients."""
        if self._gateway is not None:
            self._gateway.leave()

    def stop(self) -> None:
        """End the gateway; no request is answered any more."""
        if self._gateway is not None and self._pid == os.getpid():
            self._gateway.stop()
        self._gateway = None


def known_hosts(settings: Settings) -> tuple[str, ...]:
    """Return the hosts of models: those that the user names, and the addresses of all arms.

    An application has one address, and it is that of the control also while a treatment with its own answers.
    """
    addresses = (arm.access.base_url for arm in settings.arms)
    return (*settings.table.app.hosts, *dict.fromkeys(filter(None, addresses)))


def secret_names(settings: Settings, environ: Mapping[str, str]) -> Iterator[str]:
    """Yield the environment variables that hold a key or the value of a header, which no application may see."""
    for arm in settings.table.arms.values():
        if arm.api_key_env:
            yield arm.api_key_env
    secrets = settings.secrets
    yield from (name for name, value in environ.items() if any(secret in value for secret in secrets))

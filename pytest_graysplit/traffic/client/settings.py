"""The settings of a client: its arguments before the environment and the project, and where its one key may be sent."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_graysplit.config.credentials import OWN_KEY, find_arm_access
from pytest_graysplit.config.project import read_settings
from pytest_graysplit.config.settings import SettingsSource
from pytest_graysplit.errors import Slug, UsageError
from pytest_graysplit.traffic.client.calls import Deadlines, is_seconds
from pytest_graysplit.types import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_graysplit.config.credentials import Access
    from pytest_graysplit.config.settings import Settings

KEY_ARGUMENT = "SplitClient(api_key=...)"
# Connections are opened on demand; a service has more requests in flight than a test run.
CONCURRENCY = 64
# The part of the user's wait that a treatment may use up, if the control answers in its place after that.
TREATMENT_SHARE = 0.5


def settings_of(given: Mapping[str, object], api_key: str | None, project: str | os.PathLike[str] | None) -> Settings:
    """Return the settings of a client; raise UsageError that names the argument with an invalid value."""
    names = {"base-url": "base_url", "timeout": "timeout_s", "rpm": "requests_per_min"}
    layer = SettingsSource(
        lambda option: f"SplitClient({names.get(option.name, option.name)}=...)",
        {name: [str(value)] for name, value in given.items() if value is not None},
    )
    environ = dict(os.environ)
    if api_key is not None:
        environ[OWN_KEY] = api_key
    settings = read_settings(None if project is None else Path(project), environ, first=[layer])
    if api_key is None:
        return settings
    # The key of the environment that `api_key` replaces is still a secret.
    own = os.environ.get(OWN_KEY, "").strip()
    idle = {**settings.idle_keys, **({OWN_KEY: Secret(own)} if own else {})}
    variable = KEY_ARGUMENT if settings.key_variable == OWN_KEY else settings.key_variable
    settings = replace(settings, key_variable=variable, idle_keys=idle)
    return replace(settings, arm_access=dict(_arm_access(settings)))


def deadlines_of(timeout_s: float, fallback_after_s: float | None, *, fallback: bool) -> Deadlines:
    """Return the deadlines of a client's requests; raise UsageError for a share that leaves the control no time."""
    if fallback_after_s is None:
        return Deadlines(timeout_s=timeout_s, treatment_s=timeout_s * TREATMENT_SHARE)
    if not fallback:
        problem, hint = "there is no fallback", "add fallback=True, or leave fallback_after_s out"
    elif not is_seconds(fallback_after_s):
        problem, hint = "it is not a number of seconds above 0", "write a part of timeout_s, such as 5"
    elif fallback_after_s >= timeout_s:
        problem, hint = f"the user waits {timeout_s:g} s", "leave the control a part of timeout_s"
    else:
        return Deadlines(timeout_s=timeout_s, treatment_s=fallback_after_s)
    raise UsageError(
        f"SplitClient(fallback_after_s={fallback_after_s!r}): {problem}", hint=hint, slug=Slug.OPTION_VALUE
    )


def _arm_access(settings: Settings) -> Iterator[tuple[str, tuple[Access, bool]]]:
    """Yield the endpoint of each configured arm; the argument `api_key` is sent only to the address of the run."""
    for name, (access, is_own) in settings.arm_access.items():
        table = settings.table.arms[name]
        if table.api_key_env == OWN_KEY:  # the table names the variable, not the argument
            yield name, find_arm_access(name, table.base_url, OWN_KEY, settings.access, os.environ)
        elif access.variable == OWN_KEY and access.key is not None:
            yield name, (replace(access, variable=KEY_ARGUMENT), is_own)
        else:
            yield name, (access, is_own)

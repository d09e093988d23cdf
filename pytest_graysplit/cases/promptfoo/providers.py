"""The models of a configuration, and the parameters that it sends to all of them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_graysplit.cases.promptfoo.parameters import take_params
from pytest_graysplit.cases.promptfoo.parts import PROVIDER, PROVIDER_CONFIG

if TYPE_CHECKING:
    from pytest_graysplit.cases.promptfoo.suite import Suite

_KINDS = re.compile(r"^(?:[a-z-]+:)?(?:chat|completion|messages|responses|text):|^[a-z-]+:")
_NO_MODELS = (
    "exec:",
    "python:",
    "ruby:",
    "golang:",
    "javascript:",
    "file:",
    "http",
    "ws",
    "echo",
    "browser",
    "webhook:",
)
# Parameters that a command line can carry; the others go into each case.
_SCALAR = str | int | float | bool


class Providers(NamedTuple):
    """Names of models, `name=value` of the parameters that all get, and names of the parameters that differ."""

    models: tuple[str, ...] = ()
    params: tuple[str, ...] = ()
    apart: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderList:
    """The models with their parameters.

    `common` is sent with every case, and `prompts` has the prompts that each provider names.
    """

    providers: Providers
    common: dict[str, Any]
    prompts: tuple[tuple[str, ...], ...]


def providers_of(suite: Suite) -> ProviderList:
    """Read the providers that are models, and report programs and addresses."""
    name = "providers" if suite.config.get("providers") else "targets"
    entries = _loaded(suite, suite.config.get(name) or [], name)
    if suite.config.get("providers") and suite.config.get("targets"):
        suite.miss("targets", "stands beside providers, which are read")
    models: dict[str, None] = {}
    sent: list[dict[str, Any]] = []
    prompts: list[tuple[str, ...]] = []
    for number, entry in enumerate(entries):
        at = f"{name}[{number}]"
        with suite.counting(at):
            model, table = _read(suite, entry)
            prompts.append(_names(table.get("prompts")))
            if not model or model.startswith(_NO_MODELS) or "://" in model:
                suite.note(
                    f"{at} ({model or 'without a name'})", at, "not a model of a relay, left out with its settings"
                )
                continue
            if "{{" in model:
                suite.note(f"{at} ({model})", "id", "a model that the environment names: name it to pytest")
                continue
            models[_KINDS.sub("", model)] = None
            sent.append(_settings(suite, table, at))
    return _together(suite, name, models, sent, prompts)


def _loaded(suite: Suite, entries: Any, name: str) -> list[Any]:
    """Return the entries with those of files in their places; a file of a program stays a name."""
    found: list[Any] = []
    for number, entry in enumerate(entries if isinstance(entries, list) else [entries]):
        if isinstance(entry, str) and entry.startswith("file://") and entry.endswith((".yaml", ".yml", ".json")):
            with suite.counting(f"{name}[{number}]"):
                inner = suite.loaded(entry)
                found += inner if isinstance(inner, list) else [inner]
        else:
            found.append(entry)
    return found


def _together(
    suite: Suite, name: str, models: dict[str, None], sent: list[dict[str, Any]], prompts: list[tuple[str, ...]]
) -> ProviderList:
    named = list(dict.fromkeys(name for one in sent for name in one))
    common = [name for name in named if all(one.get(name) == sent[0].get(name) for one in sent)]
    whole = {name: sent[0][name] for name in common if not isinstance(sent[0][name], _SCALAR)}
    apart = [name for name in named if name not in common]
    for one in apart:
        if any(not isinstance(params.get(one, 0), _SCALAR) for params in sent):
            suite.miss(f"{name}[].config.{one}", "differs by model: write params of an arm in [tool.graysplit.arms]")
    flags = tuple(f"{name}={sent[0][name]}" for name in common if name not in whole)
    return ProviderList(providers=Providers(tuple(models), flags, tuple(apart)), common=whole, prompts=tuple(prompts))


def _read(suite: Suite, entry: Any) -> tuple[str, dict[str, Any]]:
    if isinstance(entry, str):
        return entry, {}
    table = suite.table(entry)
    name: Any = table.get("id")
    if name is None and len(table) == 1:  # {"openai:gpt-4o": {"config": ...}}
        [(name, inner)] = table.items()
        table = suite.table(inner)
        name = table.get("id") or name
    return name if isinstance(name, str) else "", table


def _settings(suite: Suite, table: dict[str, Any], at: str) -> dict[str, Any]:
    PROVIDER.name_parts(suite, table, at)
    params, rest = take_params(suite, suite.table(table.get("config")), f"{at}.config")
    PROVIDER_CONFIG.name_parts(suite, rest, f"{at}.config")
    return params


def _names(value: Any) -> tuple[str, ...]:
    return tuple(map(str, value if isinstance(value, list) else [value])) if value else ()

"""The environment of the process while a test with `graysplit_app` runs, for clients and subprocesses that read it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, MutableMapping

OPENAI_ADDRESSES = ("OPENAI_BASE_URL", "OPENAI_API_BASE")
ANTHROPIC_ADDRESSES = ("ANTHROPIC_BASE_URL", "ANTHROPIC_API_BASE")
OPENAI_KEYS = ("OPENAI_API_KEY",)
ANTHROPIC_KEYS = ("ANTHROPIC_API_KEY",)
# Keys of other addresses: an application may need them to be there, and must not have them.
_OTHER_KEYS = ("ANTHROPIC_AUTH_TOKEN", "OPENROUTER_API_KEY")
_OTHER_KEY_PREFIX = "HOLYSHEEP_"
_OWN_PREFIX = "GRAYSPLIT_"
_NO_PROXY = ("NO_PROXY", "no_proxy")
_LOCAL = ("127.0.0.1", "localhost")


class ItemEnvironment:
    """The variables that lead an application to the gateway, and the keys that are out of its reach.

    Each key is replaced by a token that names its variable, so that a request for a model that is not swapped gets the
    key that it would have had, and no other. `secret_names` are further variables that hold keys or header values. A
    variable that the test itself changes meanwhile keeps the value that the test gave it.
    """

    def __init__(
        self,
        *,
        base_url: str,
        anthropic_url: str,
        token: str,
        secret_names: Collection[str] = (),
        environ: MutableMapping[str, str] = os.environ,
    ) -> None:
        self._addresses = {
            **dict.fromkeys(OPENAI_ADDRESSES, base_url),
            **dict.fromkeys(ANTHROPIC_ADDRESSES, anthropic_url),
        }
        self._token = token
        self._secret_names = frozenset((*_OTHER_KEYS, *secret_names))
        self._environ = environ
        self._before: dict[str, str | None] = {}
        self._during: dict[str, str | None] = {}

    @property
    def users(self) -> Mapping[str, str]:
        """The environment of the user, also while the variables are changed."""
        return _UsersEnvironment(self._environ, self._before)

    def enter(self) -> None:
        """Change the variables."""
        self._during = self._changes()
        self._before = {name: self._environ.get(name) for name in self._during}
        for name, value in self._during.items():
            self._set(name, value)

    def leave(self) -> None:
        """Restore the variables that still lead here, with the values of `enter` or with others of this run."""
        for name, value in self._before.items():
            now = self._environ.get(name)
            if now == self._during[name] or (now is not None and self._token in now):
                self._set(name, value)
        self._before, self._during = {}, {}

    def _changes(self) -> dict[str, str | None]:
        """Return the new values by name; None removes a variable."""
        changes: dict[str, str | None] = {**self._addresses}
        for name in self._environ:
            if name.startswith(_OWN_PREFIX):
                changes[name] = None
            elif name in self._secret_names or name.startswith(_OTHER_KEY_PREFIX):
                changes[name] = token_for(name, self._token)
        changes.update((name, token_for(name, self._token)) for name in (*OPENAI_KEYS, *ANTHROPIC_KEYS))
        changes.update(dict.fromkeys(_NO_PROXY, self._direct()))
        return changes

    def _direct(self) -> str:
        """Return the hosts without a proxy: those of the user, in either spelling of the variable, and this one."""
        given = [part.strip() for name in _NO_PROXY for part in self._environ.get(name, "").split(",")]
        return "*" if "*" in given else ",".join(dict.fromkeys([*filter(None, given), *_LOCAL]))

    def _set(self, name: str, value: str | None) -> None:
        if value is None:
            self._environ.pop(name, None)
        else:
            self._environ[name] = value


class _UsersEnvironment(Mapping[str, str]):
    """A view of variables in which `before` has the values of those that are changed meanwhile, None for no value."""

    def __init__(self, environ: Mapping[str, str], before: Mapping[str, str | None]) -> None:
        self._environ = environ
        self._before = before

    def __getitem__(self, name: str) -> str:
        value = self._before[name] if name in self._before else self._environ[name]
        if value is None:
            raise KeyError(name)
        return value

    def __iter__(self) -> Iterator[str]:
        yield from (name for name, value in self._before.items() if value is not None)
        yield from (name for name in self._environ if name not in self._before)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def token_for(name: str, token: str) -> str:
    """Return the text that takes the place of a variable's key.

    >>> token_for("OPENAI_API_KEY", "abc"), token_for("TEAM_KEY", "abc")
    ('abc', 'abc.TEAM_KEY')
    """
    return token if name in OPENAI_KEYS else f"{token}.{name}"


def variable_of(key: str, token: str) -> str | None:
    """Return the variable whose key this text stands for; empty for the token alone, and None for any other key."""
    if key == token:
        return ""
    start, dot, name = key.rpartition(".")
    return name if dot and start == token else None

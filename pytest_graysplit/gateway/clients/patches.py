"""The replacement of `send` in the clients of httpx and httpx2 while a test with an application runs."""

from __future__ import annotations

import functools
import inspect
import sys
from contextlib import suppress
from importlib.abc import MetaPathFinder
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

    Send = Callable[..., Any]
    # Makes the new function from the library, the class, and the function that was found there.
    MakeSend = Callable[[ModuleType, type, Send], Send]

# Libraries with the same classes. Each is patched only where the application has imported it.
LIBRARIES = ("httpx", "httpx2")
CLIENTS = ("Client", "AsyncClient")


def bound(function: Any, client: object) -> Send:
    """Return a function of a class as a client's method; another library may have put any object in its place."""
    method: Send = function.__get__(client, type(client)) if hasattr(function, "__get__") else function
    return method


class SendPatches:
    """The new `send` functions of all clients; `start` puts them in place and `stop` takes them away again.

    Where another library has wrapped one of them in between, that wrapper stays, and the function below it only calls
    the one that it replaced.
    """

    def __init__(self, make_send: MakeSend) -> None:
        """Patch with the functions that `make_send` makes."""
        self._make_send = make_send
        self._is_active = False
        self._imports = _ImportWatch(self._patch)
        self._patched: list[tuple[type, Send]] = []
        self._replaced: WeakKeyDictionary[Send, Send] = WeakKeyDictionary()
        # The last function of each class, with the one that it was made from: the next test mostly finds the same.
        self._made: dict[type, tuple[Send, Send]] = {}

    def start(self) -> None:
        """Patch all libraries that are imported, and those that are imported until `stop`."""
        if not self._is_active:
            self._is_active = True
            sys.meta_path.insert(0, self._imports)
            for name in LIBRARIES:
                if (module := sys.modules.get(name)) is not None:
                    self._patch(module)

    def stop(self) -> None:
        """Put back the functions that were found."""
        self._is_active = False
        with suppress(ValueError):
            sys.meta_path.remove(self._imports)
        for owner, send in self._patched:
            if vars(owner).get("send") is send:
                owner.send = self._replaced[send]  # type: ignore[attr-defined] # clients have it
        self._patched.clear()

    def _patch(self, library: ModuleType) -> None:
        if not self._is_active:
            return
        for name in CLIENTS:
            owner = getattr(library, name, None)
            found = vars(owner).get("send") if isinstance(owner, type) else None
            if owner is None or found is None:
                continue
            # It is ours where a wrapper of another library was taken away after the last test.
            if found not in self._replaced:
                found = owner.send = self._send_of(library, owner, found)
            if (owner, found) not in self._patched:
                self._patched.append((owner, found))

    def _send_of(self, library: ModuleType, owner: type, found: Send) -> Send:
        if owner not in self._made or self._made[owner][0] is not found:
            self._made[owner] = found, self._new_send(library, owner, found)
        return self._made[owner][1]

    def _new_send(self, library: ModuleType, owner: type, found: Send) -> Send:
        answered = self._make_send(library, owner, found)

        def send(client: Any, *args: Any, **kwargs: Any) -> Any:
            __tracebackhide__ = True
            return bound(answered if self._is_active else found, client)(*args, **kwargs)

        async def send_async(client: Any, *args: Any, **kwargs: Any) -> Any:
            __tracebackhide__ = True
            return await send(client, *args, **kwargs)

        new = functools.update_wrapper(send_async if inspect.iscoroutinefunction(found) else send, found)
        self._replaced[new] = found
        return new


class _ImportWatch(MetaPathFinder):
    """A finder of modules that changes nothing but calls `patch` with each library after its import."""

    def __init__(self, patch: Callable[[ModuleType], None]) -> None:
        self._patch = patch

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Find a library as the other finders do; None for any other module."""
        if name not in LIBRARIES:
            return None
        finders = [finder for finder in sys.meta_path if finder is not self and hasattr(finder, "find_spec")]
        found = (finder.find_spec(name, path, target) for finder in finders)
        spec = next((spec for spec in found if spec is not None), None)
        if spec is not None and spec.loader is not None:
            self._watch(spec.loader)
        return spec

    def _watch(self, loader: Any) -> None:
        execute = loader.exec_module

        def exec_module(module: ModuleType) -> None:
            execute(module)
            if module.__name__ in LIBRARIES:  # some loaders load several modules
                self._patch(module)

        with suppress(AttributeError):  # a loader with fixed attributes: the next test finds the library imported
            loader.exec_module = exec_module

"""How many files of the package a prompt enters in one run, and how many the cap on the cost does.

    python benchmarks/trips.py

One case of a case file runs against the loopback relay, and every call in the package is watched. A holder is a value
that is, or directly holds, the value that is followed:

- The prompt, from its case file to the summary. Its holders are texts that contain it, JSON with such a text,
  dataclasses and named tuples up to three levels deep (case, request, reply, comparison, result), an item of pytest
  with its case, and the results of the run.
- The cap, from its option to the sum that is reported. Its holders are its amount, as a number or a text, and the
  accounts in ACCOUNTS.

The trip of the prompt is read backwards, from the bytes on the connection and from the calls in `reporting/summary/`.
A file is entered if a call in it makes a holder on the way, hands back one that it was not given, or passes one to a
call that does. Calls that only look at the prompt are side visits: checks, scores, hashes, estimates, the report of a
failed case, and everything that ends in the recordings. The cap enters each file with a call that receives a holder or
hands one back. Files of `formatting/` are not counted, because they change how a value is written, not where it goes.

Files are printed in the order in which they are entered, with the first call in each.
"""

import contextlib
import dataclasses
import inspect
import io
import json
import os
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from types import FrameType

import pytest
from measured import ALONE, ARMS, RunningRelay, verdict

import pytest_graysplit
from pytest_graysplit.verdict.results import Results

PACKAGE = f"{Path(pytest_graysplit.__file__).parent}{os.sep}"
PROMPT = "Where is parcel 4711 on its way to Lisbon"
CAP_USD = Decimal("0.7391")
BOUNDS = {"prompt": 20, "cap": 10}
END = "reporting/summary/"  # a call in this folder that receives the prompt is the end of its trip
CONNECTION = "Pipe.write"  # so is this one, for the request
ACCOUNTS = {"Budget", "BudgetTracker", "BudgetUsage", "CostGuard", "CostReservation", "MemoryLedger", "Reservation"}
UNCOUNTED = "formatting/"
CASE = {"id": "parcel", "prompt": PROMPT, "params": {"max_tokens": 50}, "expect": {"contains": "parcel"}}
STARRED = (inspect.CO_VARARGS, inspect.CO_VARKEYWORDS)


@dataclasses.dataclass(eq=False)
class Call:
    """One call of a function of the package, with the holders that it received, saw and handed back, by identity."""

    file: str
    name: str
    caller: "Call | None"
    received: set[int] = dataclasses.field(default_factory=set)
    seen: set[int] = dataclasses.field(default_factory=set)
    handed: set[int] = dataclasses.field(default_factory=set)


def prompt_parts(value: object, records: int = 3) -> list[object]:
    """Return the value and all parts of it that hold the prompt; empty where it does not."""
    if isinstance(value, str):
        return [value] if PROMPT in value else []
    if isinstance(value, bytes | bytearray):
        return [value] if PROMPT.encode() in value else []
    inner: list[object] = []
    if isinstance(value, dict):
        inner = list(value.values())
    elif isinstance(value, list | tuple):
        inner = list(value)
        records -= hasattr(value, "_fields")
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        inner = [getattr(value, field.name, None) for field in dataclasses.fields(value)]
        records -= 1
    elif isinstance(value, pytest.Item):
        inner = [getattr(value, "case", None)]
    elif isinstance(value, Results):
        inner = list(getattr(value, "_items", {}).values())  # without its caches, which any reader may have filled
    found = [part for one in inner for part in prompt_parts(one, records)] if records >= 0 else []
    return [value, *found] if found else []


def cap_parts(value: object) -> list[object]:
    """Return the value alone if it is the cap or accounts for it."""
    if isinstance(value, str):
        return [value] if str(CAP_USD) in value and len(value) < 60 else []
    if isinstance(value, Decimal):
        return [value] if value == CAP_USD else []
    return [value] if type(value).__name__ in ACCOUNTS else []


class Watch:
    """A profile function that keeps every call in the package which meets a followed value."""

    def __init__(self, parts_of: Callable[[object], list[object]]) -> None:
        self._parts_of = parts_of
        self._calls: dict[int, Call] = {}
        self.kept: list[object] = []  # an identity is unique only while its object lives
        self._busy = threading.local()
        self.calls: list[Call] = []
        self.makers: dict[int, Call] = {}

    def __call__(self, frame: FrameType, event: str, value: object) -> None:
        """Note a call or a return; calls that this function makes are not watched."""
        if event in {"call", "return"} and is_watched(frame):
            if getattr(self._busy, "on", False):
                return
            self._busy.on = True
            try:
                self._note(frame, event, value)
            finally:
                self._busy.on = False

    def _note(self, frame: FrameType, event: str, value: object) -> None:
        call = self._look_at(frame)
        back = package_frame(frame.f_back)
        if event == "call":
            received = self._keep(arguments(frame))
            call.received |= received
            if back is not None:
                self._made_by(self._look_at(back), received)
        elif value is not None:
            returned = self._keep([value])
            self._made_by(call, returned)
            call.handed |= returned - call.received
            if back is not None:
                self._call_of(back).seen |= returned

    def _look_at(self, frame: FrameType) -> Call:
        call = self._call_of(frame)
        call.seen |= self._keep(frame.f_locals.values())
        return call

    def _call_of(self, frame: FrameType) -> Call:
        call = self._calls.get(id(frame))
        if call is None:
            back = package_frame(frame.f_back)
            code = frame.f_code
            caller = None if back is None else self._call_of(back)
            call = Call(code.co_filename.removeprefix(PACKAGE), code.co_qualname, caller)
            self._calls[id(frame)] = call
            self.kept.append(frame)
            self.calls.append(call)
        return call

    def _keep(self, values: Iterable[object]) -> set[int]:
        found = [part for value in values for part in self._parts_of(value)]
        self.kept += found
        return set(map(id, found))

    def _made_by(self, call: Call, parts: set[int]) -> None:
        for part in parts - self.makers.keys():
            self.makers[part] = call


def arguments(frame: FrameType) -> list[object]:
    """Return the arguments with which the function was called."""
    code = frame.f_code
    count = code.co_argcount + code.co_kwonlyargcount + sum(bool(code.co_flags & bit) for bit in STARRED)
    return [frame.f_locals[name] for name in code.co_varnames[:count] if name in frame.f_locals]


def is_watched(frame: FrameType) -> bool:
    """Tell whether the frame is of a function of the package; a comprehension belongs to the function around it."""
    code = frame.f_code
    return code.co_filename.startswith(PACKAGE) and (code.co_name[0] != "<" or code.co_name == "<lambda>")


def package_frame(frame: FrameType | None) -> FrameType | None:
    """Return the nearest frame of the package, from this one outwards."""
    while frame is not None and not is_watched(frame):
        frame = frame.f_back
    return frame


def road(watch: Watch) -> Iterator[Call]:
    """Yield the calls on the way of the prompt, in the order in which they began."""
    ends = [call for call in watch.calls if call.file.startswith(END) or call.name == CONNECTION]
    if not any(call.received for call in ends if call.name == CONNECTION):
        sys.exit(f"the prompt was not met in {CONNECTION}; correct CONNECTION")
    waiting = [part for call in ends for part in call.received]
    on_the_way: set[int] = set()
    while waiting:
        part = waiting.pop()
        if part not in on_the_way:
            on_the_way.add(part)
            if part in watch.makers:
                waiting += watch.makers[part].seen
    entered = {call for call in ends if call.received} | {
        watch.makers[part] for part in on_the_way & watch.makers.keys()
    }
    entered |= {call for call in watch.calls if call.handed & on_the_way}
    for call in reversed(watch.calls):  # a caller began before the calls that it made
        if call in entered and call.caller is not None and call.received & call.caller.seen & on_the_way:
            entered.add(call.caller)
    yield from (call for call in watch.calls if call in entered)


def receivers(watch: Watch) -> Iterator[Call]:
    """Yield the calls that received the cap or an object that accounts for it, or returned one."""
    yield from (call for call in watch.calls if call.received or call.handed)


def files(calls: Iterator[Call]) -> dict[str, str]:
    """Return each file that counts with the name of the first call in it."""
    found: dict[str, str] = {}
    for call in calls:
        if not call.file.startswith(UNCOUNTED):
            found.setdefault(call.file, call.name)
    return found


def require_accounts(watch: Watch) -> None:
    """Exit if a class of ACCOUNTS was not met: a renamed class would make the trip look shorter."""
    if missing := ACCOUNTS - {type(one).__name__ for one in watch.kept}:
        sys.exit(f"not met on the trip of the cap: {', '.join(sorted(missing))}; correct ACCOUNTS")


def run(watch: Watch, *options: str) -> None:
    """Run pytest on one case in this process, under the watch."""
    with RunningRelay() as relay, tempfile.TemporaryDirectory(prefix="graysplit-benchmark-") as folder:
        Path(folder, "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
        Path(folder, "support.graysplit.jsonl").write_text(f"{json.dumps(CASE)}\n", encoding="utf-8")
        os.environ["GRAYSPLIT_API_KEY"] = "any"
        arguments = ["-p", "no:cacheprovider", *ALONE, *ARMS, f"--graysplit-base-url={relay.url}", *options]
        output = io.StringIO()
        with contextlib.chdir(folder), contextlib.redirect_stdout(output):
            threading.setprofile(watch)
            sys.setprofile(watch)
            try:
                status = pytest.main(arguments)
            finally:
                sys.setprofile(None)
                threading.setprofile(None)
        if status != pytest.ExitCode.OK:
            sys.exit(output.getvalue())


def main() -> None:
    """Print both lists."""
    prompt, cap = Watch(prompt_parts), Watch(cap_parts)
    run(prompt)
    run(cap, f"--graysplit-max-cost={CAP_USD}")
    require_accounts(cap)
    for name, entered in {"prompt": files(road(prompt)), "cap": files(receivers(cap))}.items():
        print(f"\n{name}: {len(entered)} files ({verdict(len(entered), BOUNDS[name])})")
        print("".join(f"  {number:>2}. {file:<44}{call}\n" for number, (file, call) in enumerate(entered.items(), 1)))
    aside = {call.file for call in prompt.calls if call.received} - files(road(prompt)).keys()
    print(f"side visits of the prompt: {len(aside)} files\n  {', '.join(sorted(aside))}")


if __name__ == "__main__":
    main()

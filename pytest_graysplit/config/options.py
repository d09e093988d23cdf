"""The options: names, meanings, and parsers of their texts."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pytest_graysplit.config.address import EXAMPLE, masked, read_address

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_graysplit.types import Json

RECORD_MODES = ("auto", "none", "new", "all", "off")
GATES = ("case", "verdict", "none")
ON_HOLD = ("pass", "fail")
EARLY_STOPS = ("harm", "both")
# The smallest suite that can carry a verdict, more cases than any suite has, and the largest number of planned looks.
FEWEST_CASES, MOST_CASES, MOST_LOOKS = 30, 1_000_000, 20

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Option(Generic[T]):
    """One option: its name, its meaning, and the parser of its text."""

    name: str
    metavar: str
    help: str
    parse: Callable[[str], T]
    repeatable: bool = False
    const: str | None = None  # the value of the option when it is given without one
    displayed: Callable[[str], str] = str  # shows its text in a message

    @property
    def flag(self) -> str:
        """The name on the command line."""
        return f"--graysplit-{self.name}"

    @property
    def ini(self) -> str:
        """The name in pytest's configuration."""
        return f"graysplit_{self.name.replace('-', '_')}"

    @property
    def variable(self) -> str:
        """The name in the environment."""
        return self.ini.upper()

    def value_of(self, text: str, spelling: str) -> T:
        """Parse the text; raise UsageError naming the option as the user spelled it."""
        try:
            return self.parse(text)
        except ValueError as error:
            from pytest_graysplit.errors import Slug, UsageError  # 142 slugs cost an unused plugin 9 ms

            raise UsageError(
                f"{spelling}: {self.displayed(text)!r} {error}",
                hint=f"{self.flag} {self.metavar}: {self.help}",
                slug=Slug.OPTION_VALUE,
            ) from None


def nearest(word: str, known: Sequence[str], at_least: float = 60) -> str:
    """Return ", did you mean X?" for the most similar known name, or nothing if none is similar.

    `at_least` is the similarity that counts, from 0 to 100.
    """
    from rapidfuzz import process

    best = process.extractOne(word, known, score_cutoff=at_least)
    return f", did you mean {best[0]}?" if best else ""


def _text(text: str) -> str:
    if not text.strip():
        raise ValueError("is empty")
    return text.strip()


def _one_of(known: Sequence[str]) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in known:
            raise ValueError(f"is not one of {', '.join(known)}{nearest(text, known)}")
        return text

    return parse


def _number(text: str, low: float, high: float = math.inf, *, above: bool = False) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not low <= value <= high or (above and value == low) or math.isinf(value):
        span = f"from {low:g} to {high:g}" if high < math.inf else f"above {low:g}" if above else f"of {low:g} or more"
        raise ValueError(f"is not a number {span}")
    return value


def _share(text: str) -> float:
    return _number(text, 0, 1)


def _margin(text: str) -> float:
    value = _number(text, 0, 1, above=True)
    if value == 1:
        raise ValueError("is not a number above 0 and below 1, such as 0.05 for five points")
    return value


def _share_or_auto(text: str) -> float | str:
    if text.strip() == "auto":
        return "auto"
    try:
        return _share(text)
    except ValueError as error:
        raise ValueError(f"{error} or auto") from None


def _positive(text: str) -> float:
    return _number(text, 0, above=True)


def _amount(text: str) -> Decimal:
    try:
        value = Decimal(text.strip())
    except InvalidOperation:
        value = Decimal(0)
    if not value.is_finite() or value <= 0:
        raise ValueError("is not an amount of US dollars above 0, such as 0.50")
    return value


def _whole(low: int, high: int | None = None) -> Callable[[str], int]:
    span = f"of {low} or more" if high is None else f"from {low} to {high}"

    def parse(text: str) -> int:
        if not text.strip().isdecimal() or int(text) < low or (high is not None and int(text) > high):
            raise ValueError(f"is not a whole number {span}")
        return int(text)

    return parse


def checked_looks(looks: Sequence[object]) -> tuple[int, ...]:
    """Return planned numbers of cases; raise ValueError with a reason if they cannot be used."""
    numbers = tuple(look for look in looks if isinstance(look, int) and not isinstance(look, bool))
    if len(numbers) < len(looks) or not numbers:
        raise ValueError("is not a list of whole numbers of cases, such as 100,200,400")
    if min(numbers) < FEWEST_CASES:
        raise ValueError(f"has a look at {min(numbers)} cases, and a verdict needs at least {FEWEST_CASES}")
    if max(numbers) > MOST_CASES:
        raise ValueError(f"has a look at more than {MOST_CASES:,} cases")
    if any(before >= now for before, now in pairwise(numbers)):
        raise ValueError("does not increase from look to look, such as 100,200,400")
    if len(numbers) > MOST_LOOKS:
        raise ValueError(f"has {len(numbers)} looks, and at most {MOST_LOOKS} can be planned")
    return numbers


def _looks(text: str) -> tuple[int, ...]:
    parts = [part.strip() for part in text.split(",")]
    # Python parses no number of more than 4,300 digits.
    return checked_looks([int(part[:9]) if part.isascii() and part.isdecimal() else part for part in parts])


def _param(text: str) -> tuple[str, Json]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise ValueError("is not KEY=VALUE, such as temperature=0")
    if name.strip() in ("model", "messages"):
        raise ValueError(f"sets {name.strip()}, which the arm and the case decide")
    try:
        return name.strip(), json.loads(value)
    except ValueError:
        return name.strip(), value


OPTIONS: tuple[Option[Any], ...] = (
    Option(name="control", metavar="MODEL", help="the model you run today", parse=_text),
    Option(name="treatment", metavar="MODEL", parse=_text, repeatable=True,
           help="the candidate model; repeat for several (without one, marked tests are skipped)"),
    Option(name="base-url", metavar="URL", parse=read_address, displayed=masked,
           help=f"the OpenAI-compatible relay (default: the home of the key, such as {EXAMPLE} for OPENAI_API_KEY)"),
    Option(name="record", metavar="MODE", parse=_one_of(RECORD_MODES),
           help="auto (default: none if CI is set or there is no key, else new), none: replay only, new: "
                "replay, and record missing replies, all: record everything again, off: always call, store nothing"),
    Option(name="recordings", metavar="DIR", parse=_text,
           help="the folder of the recordings (default: __graysplit__ beside the test file)"),
    Option(name="min-similarity", metavar="X|auto", parse=_share_or_auto,
           help="similarity threshold of every case, 0 to 1, or auto: what the control reaches against itself "
                "(needs --graysplit-control-samples=2 and 19 cases)"),
    Option(name="metric", metavar="NAME", help="how answers are compared (default: lexical)", parse=_text),
    Option(name="max-latency", metavar="SECONDS", help="latency budget of every reply", parse=_positive),
    Option(name="max-latency-ratio", metavar="X", parse=_positive,
           help="latency budget of the treatment over the control"),
    Option(name="samples", metavar="N", help="replies per case and arm (default: 1)", parse=_whole(1)),
    Option(name="control-samples", metavar="N", parse=_whole(1),
           help="replies of the control per case (default: 1); 2 measure how consistent it is with itself"),
    Option(name="param", metavar="KEY=VALUE", parse=_param, repeatable=True,
           help="request parameter for both arms, e.g. temperature=0 or seed=42 (sample n sends 42+n)"),
    Option(name="concurrency", metavar="N", help="requests in flight (default: 16; falls on 429)", parse=_whole(1)),
    Option(name="rpm", metavar="N", help="requests per minute, at most", parse=_whole(1)),
    Option(name="timeout", metavar="SECONDS", help="total deadline of a request (default: 60)", parse=_positive),
    Option(name="retries", metavar="N", help="retries of a request (default: 3)", parse=_whole(0)),
    Option(name="max-cost", metavar="USD", parse=_amount,
           help="hard cap of the run: the worst case of each request is reserved before it is sent"),
    Option(name="gate", metavar="GATE", parse=_one_of(GATES),
           help="what fails the session: case (default: any failed case), verdict (misses are shown, and a treatment "
                "that is rejected fails) or none (misses are shown, nothing fails)"),
    Option(name="margin", metavar="X", parse=_margin,
           help="how much worse the treatment's pass rate may be (default: 0.05, five points)"),
    Option(name="looks", metavar="N,N,...", parse=_looks,
           help="the numbers of cases at which you want a verdict, such as 100,200,400, planned before the first: "
                "a treatment can only be promoted there, and all looks together err no more often than one"),
    Option(name="on-hold", metavar="WHAT", parse=_one_of(ON_HOLD),
           help="what a hold does to the session under the gate verdict: pass (default) or fail"),
    Option(name="early-stop", metavar="[WHEN]", parse=_one_of(EARLY_STOPS), const="harm",
           help="stop asking a treatment when enough is shown: harm (when given without a value), or both, which "
                "promotes early too; cases then run in a seeded random order"),
    Option(name="json", metavar="PATH", help="write the results as JSON", parse=_text),
    Option(name="dashboard", metavar="[PORT]", parse=_whole(0, 65_535), const="0",
           help="serve a live page on 127.0.0.1 while the run goes on (without a number: on any free port)"),
)  # fmt: skip

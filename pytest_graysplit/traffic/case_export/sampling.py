"""Sample the prompts of live traffic: each prompt once, from every stratum, reproducibly.

A prompt's position in the sample is a hash of the prompt and the seed, so new lines in a log add a few prompts and
leave the others in place.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from pytest_graysplit.evaluation.metrics.words import script_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_graysplit.types import Json, Message, Outcome

_QUARTERS = ("shortest quarter", "shorter half", "longer half", "longest quarter")
_DIGITS, _ASCII_DIGITS = re.compile(r"\d+"), re.compile(rb"[0-9]+")


Kind: TypeAlias = "tuple[str, Outcome]"


_encode = json.JSONEncoder(sort_keys=True, ensure_ascii=False).encode


class Properties(NamedTuple):
    """The properties of a prompt that do not depend on the model; `letters` is the length of the users' texts."""

    letters: int
    script: str
    has_several_turns: bool


@dataclass(slots=True)
class Prompt:
    """A prompt without its texts, which would fill the memory; `where` is the place of its first request in the log.

    `key` is the same for prompts with the same words. Most prompts have one request, so one kind (arm and outcome) is
    counted without a dictionary, and further ones in `others`.
    """

    key: bytes
    where: str
    properties: Properties
    kind: Kind
    count: int = 0
    others: Counter[Kind] | None = None

    def add(self, kind: Kind) -> None:
        """Count a request of that arm with that outcome."""
        if kind == self.kind:
            self.count += 1
        else:
            self.others = self.others or Counter()
            self.others[kind] += 1

    @property
    def asked(self) -> int:
        """The number of requests with this prompt."""
        return self.count + (self.others.total() if self.others else 0)

    @property
    def failures(self) -> tuple[Outcome, ...]:
        """The outcomes other than ok in at least a tenth of an arm's requests.

        With this threshold, a prompt that is sent a thousand times does not count as failed because of one failure.
        """
        if self.others is None:
            return () if self.kind[1] == "ok" else (self.kind[1],)
        counts = Counter({self.kind: self.count}) + self.others
        by_arm: Counter[str] = Counter()
        for (arm, _), count in counts.items():
            by_arm[arm] += count
        often = {outcome for (arm, outcome), count in counts.items() if count * 10 >= by_arm[arm]}
        return tuple(sorted(often - {"ok"}))


class Stratum(NamedTuple):
    """One kind of prompt, described by properties that do not depend on the model."""

    failures: str
    turns: str
    script: str
    length: str


class StratumSample(NamedTuple):
    """The share of a stratum in the sample."""

    stratum: Stratum
    prompts: int
    requests: int
    taken: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The chosen prompts, in the order of their first requests, and the strata."""

    prompts: tuple[Prompt, ...]
    strata: tuple[StratumSample, ...]


def key_of(messages: Sequence[Message]) -> bytes:
    """Return a key that ignores case, white space and digits."""
    text = _encode(messages)
    if text.isascii():
        return hashlib.sha256(_alike(text.encode("ascii").lower())).digest()
    text = text.casefold().replace("\\n", " ").replace("\\t", " ")
    alike = _DIGITS.sub("0", " ".join(text.split()))
    return hashlib.sha256(alike.encode("utf-8", "surrogatepass")).digest()


def _alike(text: bytes) -> bytes:
    """Do the same for ASCII, which takes half of the time as bytes."""
    if b"\\" in text:
        text = text.replace(b"\\n", b" ").replace(b"\\t", b" ")
    alike = b" ".join(text.split())
    # The deletion of digits is the fastest way to see whether there are any.
    return _ASCII_DIGITS.sub(b"0", alike) if len(alike.translate(None, b"0123456789")) < len(alike) else alike


def properties_of(messages: Sequence[Message]) -> Properties:
    """Return the properties of a prompt that decide its stratum."""
    text = _text(messages)
    return Properties(len(text), script_of(text), sum(message.get("role") == "user" for message in messages) > 1)


def draw(prompts: Sequence[Prompt], size: int, seed: int) -> Sample:
    """Choose `size` prompts: a proportional share of every stratum, and at least one of each if `size` allows."""
    strata = _stratified(prompts)
    sizes = {stratum: len(members) for stratum, members in strata.items()}
    taken = allocate(sizes, min(size, len(prompts)))
    chosen: set[bytes] = set()
    for stratum, members in strata.items():
        chosen |= set(sorted((prompt.key for prompt in members), key=lambda key: _place(key, seed))[: taken[stratum]])
    table = [
        StratumSample(stratum, len(members), sum(prompt.asked for prompt in members), taken[stratum])
        for stratum, members in sorted(strata.items())
    ]
    return Sample(prompts=tuple(prompt for prompt in prompts if prompt.key in chosen), strata=tuple(table))


def allocate(sizes: Mapping[Stratum, int], total: int) -> dict[Stratum, int]:
    """Share out the sample in proportion to the sizes, in whole numbers by the largest remainder.

    Each stratum gets at least one if `total` allows, and at most its size.
    """
    ones: set[Stratum] = set()
    while len(sizes) <= total:
        rest = {stratum: size for stratum, size in sizes.items() if stratum not in ones}
        left = total - len(ones)
        small = {stratum for stratum, size in rest.items() if size * left < sum(rest.values())}
        if not small:
            break
        ones |= small
    rest = {stratum: size for stratum, size in sizes.items() if stratum not in ones}
    return {**dict.fromkeys(ones, 1), **_proportional(rest, total - len(ones))}


def _proportional(sizes: Mapping[Stratum, int], total: int) -> dict[Stratum, int]:
    everything = sum(sizes.values()) or 1
    shares = {stratum: divmod(size * total, everything) for stratum, size in sizes.items()}
    whole = {stratum: quotient for stratum, (quotient, _) in shares.items()}
    by_remainder = sorted(shares, key=lambda stratum: (-shares[stratum][1], -sizes[stratum], stratum))
    for stratum in by_remainder[: total - sum(whole.values())]:
        whole[stratum] += 1
    return whole


def _stratified(prompts: Sequence[Prompt]) -> dict[Stratum, list[Prompt]]:
    bounds = _quartiles(sorted(prompt.properties.letters for prompt in prompts))
    strata: dict[Stratum, list[Prompt]] = {}
    for prompt in prompts:
        letters, script, has_several_turns = prompt.properties
        stratum = Stratum(
            "trouble" if prompt.failures else "fine",
            "several turns" if has_several_turns else "one turn",
            script or "no script",
            _QUARTERS[sum(letters > bound for bound in bounds)],
        )
        strata.setdefault(stratum, []).append(prompt)
    return strata


def _quartiles(lengths: Sequence[int]) -> tuple[int, ...]:
    return tuple(lengths[max(0, math.ceil(len(lengths) * part / 4) - 1)] for part in (1, 2, 3)) if lengths else ()


def _text(messages: Sequence[Message]) -> str:
    """Return the texts of the users; the system's words are the same in most requests."""
    contents = [message.get("content") for message in messages if message.get("role") == "user"]
    return "\n".join(text for content in contents for text in _texts_in(content))


def _texts_in(content: Json) -> Iterator[str]:
    """Yield the texts of a message's content, which is a text or a list of parts."""
    if isinstance(content, str):
        yield content
    elif isinstance(content, list):
        for part in content:
            if isinstance(part, dict) and isinstance(text := part.get("text"), str):
                yield text


def _place(key: bytes, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}:{key.hex()}".encode()).digest()

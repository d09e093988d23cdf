"""The guard against a negation that flipped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_graysplit.evaluation.metrics.guards.parsed_text import MOST_CLAUSES, ParsedText, alike, content, negations
from pytest_graysplit.evaluation.metrics.guards.wording.contrasts import same_polarity
from pytest_graysplit.evaluation.metrics.guards.wording.reading import is_separable
from pytest_graysplit.evaluation.metrics.words import FUNCTION_WORDS, stem, word_set
from pytest_graysplit.types import Flag

if TYPE_CHECKING:
    from pytest_graysplit.evaluation.metrics.guards.parsed_text import Clause

# "not able to return" denies the returning; alone, as in "it is not allowed", the word itself is denied.
_MODAL = word_set("able allowed possible permitted need needs needed want wants going supposed required")
# "not really working" denies the working.
_DEGREE = word_set(
    "longer more less any yet always really very even quite so too currently fully actually properly ever"
)
# "not only", "not necessarily" deny nothing; "no problem" and "no doubt" are idioms.
_PHRASES = word_set("problem problems doubt matter worries")
_HARMLESS = word_set("only just merely necessarily") | _PHRASES
# "not before Friday", "not unless faulty" deny only a part: "on Friday", "if faulty" may mean the same.
_EXCEPTING = word_set("unless until except only before whether")
_PREFIXES = ("un", "in", "im", "dis", "ir", "il", "non")
_PREFIX_STARTS = frozenset(prefix[:2] for prefix in _PREFIXES)
_SHORTEST_PREFIXED = 6
_NO_PREFIX = word_set(
    "unless unlike until display discount discover distance import income inform inside install instance"
    " intake intent impact impress improve impose"
)
# A part of a sentence with one of these is not an item of a list.
_PREDICATES = word_set(
    "is are was were be can could may might must will would shall should do does did has have had i you"
    " he she it we they ist sind war waren kann können darf muss wird werden hat haben ich sie er es wir"
    " est sont peut doit ont vous nous es son puede debe ha han può deve sono pode deve são is zijn kan"
    " mag moet heeft"
)


_NOTHING = ParsedText("")


def negation_flipped(control: ParsedText, treatment: ParsedText) -> Flag | None:
    """Flag a word that one text only denies and the other only asserts, in a similar context."""
    if control.sequence == treatment.sequence:  # a comma more or less changes the clauses and not the meaning
        return None
    if said := _denied_once(control, treatment):
        return _flag(f"not {said}", said)
    if said := _denied_once(treatment, control):
        return _flag(said, f"not {said}")
    our_own, their_own = control.words - treatment.words, treatment.words - control.words
    if (words := _with_prefix(our_own)) and (opposite := _prefixed(words, control, their_own, treatment)):
        return _flag(*opposite)
    if (words := _with_prefix(their_own)) and (opposite := _prefixed(words, treatment, our_own, control)):
        return _flag(*reversed(opposite))
    return None


def _denied_once(denier: ParsedText, affirmer: ParsedText) -> str:
    """Return the word that the first text denies and the second asserts in a similar context."""
    return _flipped(_denied(denier, affirmer), denier, affirmer) if denier.denials else ""


def _flag(ours: str, theirs: str) -> Flag:
    return Flag(name="negation-flipped", detail=f"control says {ours!r}, treatment says {theirs!r}")


def _denied(parsed: ParsedText, other: ParsedText) -> dict[str, Clause]:
    """Map each denied word to its clause, without the clauses that the other text has too."""
    denied: dict[str, Clause] = {}
    clauses, kept = parsed.clauses, other.denials
    for place, clause in enumerate(clauses):
        places = parsed.denials.get(clause, ())
        # Two negations in one clause may cancel out, and an exception changes the meaning; words alone do not show
        # either.
        if len(places) == 1 and clause not in kept:
            following = clauses[place + 1][0] if place + 1 < len(clauses) else ""
            if following not in _EXCEPTING and _EXCEPTING.isdisjoint(clause):
                denied[_target(clause, places[0])] = clause
                if len(denied) > MOST_CLAUSES:
                    break
    denied.pop("", None)
    return denied


def _target(clause: Clause, place: int) -> str:
    modal = ""
    for at, word in enumerate(clause[place + 1 :], place + 1):
        if word in _HARMLESS and not (word in _PHRASES and place):  # "there are no problems" denies them
            return ""
        if word in _MODAL:
            modal = word
        elif word not in FUNCTION_WORDS and word not in _DEGREE:
            if word[0] > "9":
                return _thing(clause[place], clause[at:])
            if clause[place] == "no":  # "order no 5" denies nothing
                return ""
    before = [word for word in clause[:place] if word not in FUNCTION_WORDS and word not in ("t", *_MODAL)]
    return modal or (before[-1] if before and clause[place] != "no" else "")


def _thing(negation: str, following: Clause) -> str:
    """Return the denied word: "no shipping fee" denies the fee, "not shipping the parcel" the shipping."""
    word, after = following[0], following[1:2]
    if negation == "no" and word.endswith("ing") and after and after[0][0] > "9" and after[0] not in FUNCTION_WORDS:
        return after[0]
    return word


def _flipped(denied: dict[str, Clause], denier: ParsedText, affirmer: ParsedText) -> str:
    """Return the word that the denier only denies and the affirmer only asserts, or nothing."""
    for word, clause in denied.items():
        root = stem(word)
        if not affirmer.has(root) or _asserted(root, denier) or root in map(stem, _denied(affirmer, _NOTHING)):
            continue
        context, counted = content(clause) - {root}, _counted(clause, word)
        if any(
            counted.issubset(other)
            and _about_the_same(context, content(other) - {root})
            and _EXCEPTING.isdisjoint(other)
            and not same_polarity(clause, other)
            and not _continues(other, affirmer)
            for other in _asserted(root, affirmer)
        ):
            return word
    return ""


def _about_the_same(context: frozenset[str], other: frozenset[str]) -> bool:
    # "Canberra, not Sydney" has no context, and contradicts no longer clause about Sydney.
    return alike(context, other) and (bool(context) or len(other) <= 1)


def _continues(clause: Clause, parsed: ParsedText) -> bool:
    """Tell whether a clause is an item of a list that its sentence denies: "no thoughts, feelings or plans"."""
    if not _PREDICATES.isdisjoint(clause[:4]):
        return False
    words = set(clause)
    return any(len(one) > len(clause) and words.issubset(one) and negations(one) for one in parsed.sentences)


def _counted(clause: Clause, word: str) -> frozenset[str]:
    """Return the figures between the negation and the word: "not 30 days" denies the thirty, not all days."""
    place = negations(clause)[0]
    return frozenset(figure for figure in clause[place : clause.index(word)] if figure[0] <= "9")


def _asserted(root: str, parsed: ParsedText) -> list[Clause]:
    return [clause for clause in parsed.clauses_with(root) if clause not in parsed.denials]


def _with_prefix(words: frozenset[str]) -> list[str]:
    # Looking two letters up in a set takes half the time of `startswith`; this runs for every word of every answer.
    return [word for word in words if len(word) >= _SHORTEST_PREFIXED and word[:2] in _PREFIX_STARTS]


def _prefixed(
    words: list[str], denier: ParsedText, plain_words: frozenset[str], affirmer: ParsedText
) -> tuple[str, str] | None:
    """Find a word such as "unavailable" that the other text asserts without its prefix, in a similar context."""
    for word in sorted(words)[:MOST_CLAUSES]:
        for plain in sorted({word.removeprefix(prefix) for prefix in _PREFIXES} & plain_words):
            if (
                len(plain) >= 4
                and word not in _NO_PREFIX
                and not is_separable(word, plain)
                and _same_subject(stem(word), denier, stem(plain), affirmer)
            ):
                return word, plain
    return None


def _same_subject(root: str, denier: ParsedText, plain_root: str, affirmer: ParsedText) -> bool:
    return any(
        alike(content(clause) - {root}, content(other) - {plain_root}) and not same_polarity(clause, other)
        for clause in _asserted(root, denier)
        for other in _asserted(plain_root, affirmer)
    )

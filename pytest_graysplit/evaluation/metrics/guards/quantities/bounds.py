"""Bounds of quantities, as a closed list in eight languages: "at least 5", "höchstens 5", "5 or more", "below 25"."""

from __future__ import annotations

import re
from functools import cache

from pytest_graysplit.evaluation.metrics.words import NEGATIONS, word_set

# Each is a lower or an upper bound wherever it is.
_AT_LEAST = (
    "at least|at a minimum|(?:the )?minimum\\w*|min\\.?|no fewer than|no less than|not less than|not fewer than"
    "|no earlier than|starting (?:at|from)|mindestens|minimal|mindest\\w*|wenigstens|ab|au moins|au minimum|minimale?"
    "|minimum de|à partir de|al menos|como mínimo|por lo menos|mínim[oa]|a partir de|desde|almeno|come minimo"
    "|minim[oa]|a partire da|pelo menos|no mínimo|minstens|ten minste|tenminste|minimaal|minimale|vanaf"
    "|至少|最少|不少于|不低于|最低|≥|>="
)
_AT_MOST = (
    "at most|at the most|at a maximum|(?:the )?maximum(?:\\w*| of)|max\\.?|up to|no more than|not more than"
    "|no later than|not exceeding|limited to|höchst(?:ens|\\w*)|maximal\\w*|bis zu|längstens|au plus|au maximum"
    "|maximale?|maximum de|jusqu'à|tout au plus|a lo sumo|como máximo|como mucho|máxim[oa]|hasta|al massimo|massim[oa]"
    "|fino a|al più|no máximo|até|hoogstens|ten hoogste|maximaal|maximale|tot|最多|至多|不超过|不多于|不高于|最高|≤|<="
)
# A negation turns these round: "not above 25".
_ABOVE = (
    "more than|over|above|exceeds?|exceeding|greater than|longer than|higher than|larger than|older than|heavier than"
    "|mehr als|über|länger als|höher als|größer als|älter als|schwerer als|oberhalb von|plus de|au-dessus de|dépass\\w+"
    "|supérieure?s? à|más de|por encima de|superior(?:es)? a|mayor(?:es)? de|più di|oltre|sopra i|superiore a|mais de"
    "|acima de|meer dan|boven|langer dan|ouder dan|hoger dan|超过|高于|大于|多于|超過|>"
)
_BELOW = (
    "less than|fewer than|under|below|shorter than|lower than|smaller than|younger than|jonger dan"
    "|weniger als|unter|kürzer als|kleiner als|jünger als|niedriger als|unterhalb von|moins de|en dessous de"
    "|au-dessous de|inférieure?s? à|menos de|por debajo de|inferior(?:es)? a|menor(?:es)? de|meno di|sotto i"
    "|inferiore a|abaixo de|minder dan|onder|korter dan|lager dan|低于|少于|小于|低於|<"
)
_AFTER_LEAST = (
    "or (?:more|above|over|newer|later|higher|longer|greater)|and (?:up|above|over|newer|later)|minimum|at least|\\+"
    "|oder (?:mehr|höher|neuer|länger)|und (?:mehr|höher|neuer)|aufwärts|upwards?|ou plus|et plus|minimum|au moins"
    "|o más|y más|mínimo|como mínimo|en adelante|o più|in su|minimo|almeno|ou mais|ou superior|no mínimo|of meer"
    "|of hoger|of nieuwer|minimaal|或以上|及以上|以上|或更[多高]|起"
)
_AFTER_MOST = (
    "or (?:less|fewer|below|under|younger|earlier|lower|shorter|smaller)|and (?:under|below)|maximum|at most|tops"
    "|max\\b|oder (?:weniger|niedriger|kürzer|jünger)|ou moins|maximum|au plus|o menos|máximo|como máximo|o meno"
    "|massimo|al massimo|ou menos|no máximo|of minder|maximaal|或以下|及以下|以下|以内|之内|以內"
)
LEAST, MOST = "at least", "at most"
# The words that make it worth looking for bounds.
_COMPOUNDS = {
    start + end
    for starts, ends in (
        (
            ("mindest", "höchst"),
            "bestellwert alter betrag dauer abstand laufzeit größe menge abnahme gewicht preis satz",
        ),
        (("minimum", "maximum"), "bedrag leeftijd gewicht snelheid prijs loon aantal"),
    )
    for start in starts
    for end in ends.split()
}
WORDS = _COMPOUNDS | word_set(
    "least most minimum maximum min max more less fewer over under above below up exceed exceeds exceeding than limited"
    " acima abaixo encima debajo dessus dessous sopra sotto oberhalb unterhalb older younger longer shorter higher"
    " lower greater smaller larger newer upwards mindestens höchstens minimal maximal wenigstens bis ab über unter mehr"
    " weniger länger kürzer höher älter jünger größer kleiner moins plus partir jusqu dépasse dépasser superior"
    " inferior supérieur inférieur menos mínimo máximo mínima máxima hasta desde más mayor menor almeno massimo minimo"
    " massima minima fino oltre meno più pelo até mais minstens hoogstens minimaal maximaal tot vanaf meer minder boven"
    " onder langer ouder jonger hoger lager 少 多 超 低 高 过 于 上 下 内"
)
_BEFORE, _AFTER = 60, 18


def bound_of(text: str, start: int, end: int, *, is_version: bool = False) -> str:
    """Return the direction in which the quantity at this place is bounded, or nothing."""
    after = text[end : end + _AFTER].lower()
    if match := _after().match(after):
        return LEAST if match["least"] else MOST
    if match := _older().match(after):  # "18 or older" is at least 18, "3.10 or older" at most 3.10
        return MOST if is_version else LEAST
    clause = _clause_end().split(text[max(0, start - _BEFORE) : start].lower())[-1]
    every = [*_before().finditer(clause)]
    if not every or not _is_near(found := every[-1], clause):
        return ""
    if found["least"] or found["most"]:
        return LEAST if found["least"] else MOST
    before = clause[: found.start()]
    if not _denials().search(before):
        return LEAST if found["above"] else MOST
    # "Not above 25" is the other bound. In "no fee above 60" or "we do not charge above 60" the fee is denied.
    return (MOST if found["above"] else LEAST) if _denied_next().search(before) else ""


def _is_near(found: re.Match[str], clause: str) -> bool:
    """Tell whether few words are between the bound and the number; "the minimum order value is 5" has some."""
    between = clause[found.end() :]
    return between.count(" ") <= (6 if _noun().match(found[0]) else 3) and len(between) < 40


@cache
def _before() -> re.Pattern[str]:
    return re.compile(
        "|".join(
            f"(?P<{name}>(?<![^\\W_])(?:{words})(?![^\\W_])|{_chinese(words)})"
            for name, words in (("least", _AT_LEAST), ("most", _AT_MOST), ("above", _ABOVE), ("below", _BELOW))
        )
    )


def _chinese(words: str) -> str:
    """Return those of the words that need no space around them."""
    return "|".join(word for word in words.split("|") if word[0] > "\u3400" or word in ("≥", "≤", ">", "<", ">=", "<="))


@cache
def _after() -> re.Pattern[str]:
    return re.compile(
        rf"[岁歲个人位件次名]?[ -]?(?:(?P<least>(?:{_AFTER_LEAST})(?![^\W_]|\d)|{_chinese(_AFTER_LEAST)})"
        rf"|(?P<most>(?:{_AFTER_MOST})(?![^\W_])|{_chinese(_AFTER_MOST)}))"
    )


@cache
def _older() -> re.Pattern[str]:
    return re.compile(r" (?:or older|and older|oder älter|und älter|ou plus âgé|o mayor|of ouder)\b")


@cache
def _noun() -> re.Pattern[str]:
    return re.compile(r"(?:the )?(?:min|max|mín|máx|mindest|höchst|最)")


@cache
def _denials() -> re.Pattern[str]:
    words = "|".join(sorted(NEGATIONS, key=len, reverse=True))
    return re.compile(rf"(?<![^\W_])(?:{words}|\w+n't)(?![^\W_])|[不未]")


@cache
def _denied_next() -> re.Pattern[str]:
    return re.compile(
        r"(?:(?<![^\W_])(?:not|cannot|never|\w+n't|nicht|pas|non|não|niet)(?: (?:be|weigh|last|take|cost|have|go|to))?"
        r"|(?<![^\W_])(?:no|keine?)|[不未][得可能应该会要]{0,2}) ?$"
    )


@cache
def _clause_end() -> re.Pattern[str]:
    return re.compile(r"(?<!max)(?<!min)(?<!máx)(?<!mín)[.!?;,\n](?=\s)|[。!?;]")

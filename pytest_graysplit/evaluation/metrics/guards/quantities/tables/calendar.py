"""Months, weekdays and times of day in seven languages; Chinese dates have figures."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from pytest_graysplit.evaluation.metrics.words import word_set

if TYPE_CHECKING:
    from collections.abc import Iterator

_MONTHS = (
    "january february march april may june july august september october november december",
    "januar februar märz april mai juni juli august september oktober november dezember",
    "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
    "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
    "januari februari maart april mei juni juli augustus september oktober november december",
)
_SHORT_MONTHS = (
    "jan feb mar apr may jun jul aug sep oct nov dec",
    "jan feb mär apr mai jun jul aug sep okt nov dez",
    "janv févr mars avr mai juin juil août sept oct nov déc",
    "ene feb mar abr may jun jul ago sep oct nov dic",
    "gen feb mar apr mag giu lug ago set ott nov dic",
)  # These are also other words, so they need a capital letter and a preposition, or a number beside them.
VAGUE_MONTHS = word_set("march may mars mai august mei maio marzo")
_WEEKDAYS = (
    "monday tuesday wednesday thursday friday saturday sunday",
    "montag dienstag mittwoch donnerstag freitag samstag sonntag",
    "mondays tuesdays wednesdays thursdays fridays saturdays sundays",
    "montags dienstags mittwochs donnerstags freitags samstags sonntags",
    "lundi mardi mercredi jeudi vendredi samedi dimanche",
    "lunes martes miércoles jueves viernes sábado domingo",
    "lunedì martedì mercoledì giovedì venerdì sabato domenica",
    "maandag dinsdag woensdag donderdag vrijdag zaterdag zondag",
)
_MORE_WEEKDAYS = {
    "sonnabend": 5, "segunda-feira": 0, "terça-feira": 1, "quarta-feira": 2, "quinta-feira": 3, "sexta-feira": 4,
    "sábados": 5, "domingos": 6,
}  # fmt: skip
# Abbreviations are also other words ("sun", "mar"): they can confirm a day, not contradict one.
SHORT_WEEKDAYS = {
    "mon": 0, "tue": 1, "tues": 1, "wed": 2, "thu": 3, "thur": 3, "thurs": 3, "fri": 4, "sat": 5, "sun": 6,
}  # fmt: skip
CHINESE_WEEKDAYS = (
    {day: place for place, day in enumerate("一二三四五六日")}
    | {"天": 6}
    | {str(place + 1): place for place in range(6)}
)
DAY_GROUPS = {"weekday": range(5), "weekdays": range(5), "wochentags": range(5), "weekend": (5, 6), "weekends": (5, 6),
              "wochenende": (5, 6)}  # fmt: skip
# Minutes since midnight.
DAY_TIMES = {
    **dict.fromkeys(word_set("noon midday mittags midi mediodía mezzogiorno meio-dia 中午"), 720),
    **dict.fromkeys(word_set("midnight mitternacht minuit medianoche mezzanotte meia-noite middernacht 午夜"), 0),
}


@cache
def months() -> dict[str, int]:
    """Return the number of each month by its name in any language."""
    names = (*_MONTHS, *_SHORT_MONTHS)
    return {word: place for line in names for place, word in enumerate(line.split(), 1)} | {"sept": 9, "march": 3}


@cache
def long_months() -> frozenset[str]:
    """Return the whole names of the months."""
    return frozenset(" ".join(_MONTHS).split())


@cache
def weekdays() -> dict[str, int]:
    """Return the number of each weekday by its name in any language, 0 for Monday."""
    return {word: place for line in _WEEKDAYS for place, word in enumerate(line.split())} | _MORE_WEEKDAYS


def _numbered(words: str, first: int) -> Iterator[tuple[int, str]]:
    return enumerate(words.split(), first)


ORDINALS = {
    "first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8, "ninth": 9,
    "tenth": 10, "eleventh": 11, "twelfth": 12,
    **{
        root + ending: place
        for place, root in _numbered("erst zweit dritt viert fünft sechst siebt acht neunt zehnt", 1)
        for ending in ("e", "en", "er", "es", "em")
    },
    **{word: place for place, word in _numbered("deuxième troisième quatrième cinquième sixième septième huitième", 2)},
    **{word: place for place, word in _numbered("segunda tercera cuarta quinta sexta séptima octava", 2)},
    **{word: place for place, word in _numbered("seconda terza quarta quinta sesta settima ottava", 2)},
    **{word: place for place, word in _numbered("tweede derde vierde vijfde zesde zevende achtste", 2)},
}  # fmt: skip
# "First" is often an adverb, "second" a unit, "erste" a pronoun: they can confirm an ordinal, not contradict one.
VAGUE_ORDINALS = word_set("first second erste ersten erster erstes erstem") | {"quarta", "quinta", "sexta", "segunda"}

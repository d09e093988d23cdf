"""Numbers in words, in seven languages: "twenty-five", "fünfundzwanzig", "quatre-vingt-dix", "two hundred and fifty".

Each table is built from the words for 1 to 19 and the tens in the order of their values; compounds are made by the
rule of the language.
"""

from __future__ import annotations

from collections import defaultdict
from functools import cache
from typing import TYPE_CHECKING

from pytest_graysplit.evaluation.metrics.words import word_set

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Rule = Callable[[str, list[str], list[str]], Iterator[tuple[float, str]]]

_ONES = {
    "English": "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
    " seventeen eighteen nineteen",
    "German": "eins zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn fünfzehn sechzehn"
    " siebzehn achtzehn neunzehn",
    "French": "un deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize dix-sept"
    " dix-huit dix-neuf",
    "Spanish": "uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince dieciséis"
    " diecisiete dieciocho diecinueve",
    "Italian": "uno due tre quattro cinque sei sette otto nove dieci undici dodici tredici quattordici quindici sedici"
    " diciassette diciotto diciannove",
    "Portuguese": "um dois três quatro cinco seis sete oito nove dez onze doze treze catorze quinze dezesseis"
    " dezessete dezoito dezenove",
    "Dutch": "één twee drie vier vijf zes zeven acht negen tien elf twaalf dertien veertien vijftien zestien zeventien"
    " achttien negentien",
}
_TENS = {
    "English": "twenty thirty forty fifty sixty seventy eighty ninety",
    "German": "zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig",
    "French": "vingt trente quarante cinquante soixante",
    "Spanish": "veinte treinta cuarenta cincuenta sesenta setenta ochenta noventa",
    "Italian": "venti trenta quaranta cinquanta sessanta settanta ottanta novanta",
    "Portuguese": "vinte trinta quarenta cinquenta sessenta setenta oitenta noventa",
    "Dutch": "twintig dertig veertig vijftig zestig zeventig tachtig negentig",
}
_MORE: dict[str, dict[str, float]] = {
    "English": {"zero": 0, "hundred": 100, "thousand": 1000, "dozen": 12},
    "German": {"null": 0, "hundert": 100, "tausend": 1000, "zwo": 2, "dreissig": 30, "dutzend": 12,
               "anderthalb": 1.5, "eineinhalb": 1.5, "zweieinhalb": 2.5, "dreieinhalb": 3.5},
    "French": {"zéro": 0, "cent": 100, "cents": 100, "mille": 1000, "septante": 70, "huitante": 80, "nonante": 90,
               "quatre-vingts": 80, "quatre-vingt": 80, "douzaine": 12, "quinzaine": 15, "vingtaine": 20},
    "Spanish": {"cero": 0, "cien": 100, "ciento": 100, "mil": 1000, "docena": 12, "quinientos": 500,
                "quinientas": 500, "setecientos": 700, "setecientas": 700, "novecientos": 900, "novecientas": 900,
                "veintidós": 22, "veintitrés": 23, "veintiséis": 26, "veintiún": 21, "veintiuna": 21},
    "Italian": {"zero": 0, "cento": 100, "mille": 1000, "mila": 1000, "dozzina": 12, "ventitré": 23},
    "Portuguese": {"zero": 0, "cem": 100, "cento": 100, "mil": 1000, "dúzia": 12, "duas": 2, "dezasseis": 16,
                   "dezassete": 17, "dezanove": 19, "quatorze": 14, "duzentos": 200, "duzentas": 200,
                   "trezentos": 300, "trezentas": 300, "quinhentos": 500, "quinhentas": 500},
    "Dutch": {"nul": 0, "honderd": 100, "duizend": 1000, "dozijn": 12, "anderhalf": 1.5, "anderhalve": 1.5},
}  # fmt: skip
MAGNITUDES: dict[str, float] = {
    **dict.fromkeys(word_set("million millions mio million mln millionen millón millones milione milioni milhão"
                    " milhões miljoen milioen millon mm"), 1e6),
    **dict.fromkeys(word_set("billion billions bn milliarde milliarden mrd milliard milliards miliardo miliardi bilhão"
                    " bilhões miljard"), 1e9),
    **dict.fromkeys(word_set("trillion trillions trilhão trilhões"), 1e12),
    "thousand": 1e3, "tausend": 1e3, "tsd": 1e3, "k": 1e3, "mila": 1e3, "mil": 1e3, "mille": 1e3, "duizend": 1e3,
    "hundred": 1e2, "dozen": 12.0, "dutzend": 12.0, "lakh": 1e5, "lakhs": 1e5, "crore": 1e7, "crores": 1e7,
    "万": 1e4, "萬": 1e4, "亿": 1e8, "億": 1e8, "千": 1e3, "百": 1e2,
}  # fmt: skip
_BILLION = {"German": 1e12, "French": 1e12, "Spanish": 1e12, "Italian": 1e12, "Dutch": 1e12}
# The word for one that is also the article, and other words with a second meaning in another language; these count
# only in a text of their own language.
ARTICLES = word_set("ein eine einen einem einer un une una um uma een a an unas unos uno")
_AMBIGUOUS = {
    "once": ("Spanish",), "sei": ("Italian",), "due": ("Italian",), "dos": ("Spanish",), "sept": ("French",),
    "cent": ("French",), "cents": ("French",), "onze": ("French", "Portuguese"), "neuf": ("French",),
    "ten": ("English",), "elf": ("German", "Dutch"), "null": ("German",), "mm": (), "mil": ("Spanish", "Portuguese"),
    "mille": ("French", "Italian"), "seize": ("French",), "treize": ("French", "Portuguese"), "tre": ("Italian",),
    "um": (), "un": (), "six": ("English", "French"), "dix": ("French",), "quinze": ("French", "Portuguese"),
    "acht": ("German", "Dutch"), "nove": ("Italian", "Portuguese"), "trece": ("Spanish",), "venti": ("Italian",),
    "mila": ("Italian",),
}  # fmt: skip
_ENGLISH_TOO = word_set("once due cent cents elf null seize mil venti sei mm um un nove acht")
CONNECTORS = frozenset(("and", "und", "et", "y", "e", "en"))


@cache
def number_words() -> dict[str, float]:
    """Return every word that is a number, with its value; articles are left out."""
    found: dict[str, float] = {}
    for language in _ONES:
        found |= {word: value for word, value in _table(language).items() if word not in ARTICLES}
    return found | {word: value for word, value in MAGNITUDES.items() if len(word) > 3 and word.isalpha()}


def words_of_languages() -> dict[str, frozenset[str]]:
    """Return the numbers of each language, without those that are an article."""
    return {language: frozenset(_table(language).keys() - ARTICLES) for language in _ONES}


def counts_in(word: str, languages: frozenset[str]) -> bool:
    """Tell whether the word is a number in a text of these languages; without a language, if it is not English."""
    if word not in _AMBIGUOUS:
        return True
    return not languages.isdisjoint(_AMBIGUOUS[word]) if languages else word not in _ENGLISH_TOO


def is_ambiguous(word: str) -> bool:
    """Tell whether the word is a number only in a text of some languages."""
    return word in _AMBIGUOUS


def magnitude(word: str, language: str) -> float:
    """Return the number by which a magnitude multiplies, or 0; a German "Billion" is an English trillion."""
    if word in ("billion", "billionen", "billones", "billón", "biljoen", "bilione"):
        return _BILLION.get(language, 1e9)
    return MAGNITUDES.get(word, 0.0)


def compose(parts: Sequence[float]) -> float | None:
    """Return the number that these form together, or None: 200 and 50 do, "two five" are two numbers.

    >>> compose([2, 100, 50]), compose([20, 5]), compose([60, 15]), compose([2, 5])
    (250.0, 25.0, 75.0, None)
    """
    total = group = 0.0
    room = last = float("inf")
    for part in parts:
        if part >= 1000:
            if part >= last:
                return None
            total, group, room, last = total + (group or 1) * part, 0.0, part, part
        elif part == 12 and group and room <= 1:  # "two dozen"
            group *= 12
        elif part == 100 and 0 < group < 100:
            group, room = group * 100, 100
        elif 0 < part < room:
            group += part
            room = 100 if part >= 100 else 20 if part in (60, 80) else 10 if part >= 20 and part % 10 == 0 else 1
        elif part == 0 and len(parts) == 1:
            return 0
        else:
            return None
    return total + group


@cache
def _table(language: str) -> dict[str, float]:
    ones, tens = _ONES[language].split(), _TENS[language].split()
    found: dict[str, float] = {word: value for value, word in enumerate(ones, 1)}
    found |= {word: 20 + 10 * place for place, word in enumerate(tens)}
    for value, word in _compounds(language, ones, tens):
        found.setdefault(word, value)
    return found | {word: float(value) for word, value in _MORE[language].items()}


def _compounds(language: str, ones: list[str], tens: list[str]) -> Iterator[tuple[float, str]]:
    rules: dict[str, Rule] = {"German": _germanic, "Dutch": _germanic, "Italian": _italian, "French": _french}
    yield from rules.get(language, _joined)(language, ones, tens)


def _joined(language: str, ones: list[str], tens: list[str]) -> Iterator[tuple[float, str]]:
    """Yield "twenty-five" and "twentyfive"; the Spanish "veinticinco" and "doscientos"."""
    for place, ten in enumerate(tens):
        for value, one in enumerate(ones[:9], 1):
            if language == "English":
                yield 20 + 10 * place + value, f"{ten}-{one}"
                yield 20 + 10 * place + value, f"{ten}{one}"
            elif language == "Spanish" and place == 0:
                yield 20 + value, f"veinti{one}"
    for value, one in enumerate(ones[:9], 1):
        if language == "Spanish" and value > 1:
            yield 100 * value, f"{one}cientos"
            yield 100 * value, f"{one}cientas"
        elif language == "Portuguese" and value > 3:
            yield 100 * value, f"{one}centos"
            yield 100 * value, f"{one}centas"


def _germanic(language: str, ones: list[str], tens: list[str]) -> Iterator[tuple[float, str]]:
    """Yield "fünfundzwanzig", "zweihundertfünfzig" and "dreitausend"; the Dutch "tweeëntwintig"."""
    first, hundred, thousand = {"German": ("ein", "hundert", "tausend"), "Dutch": ("een", "honderd", "duizend")}[
        language
    ]
    small: dict[int, list[str]] = defaultdict(list)
    for value, one in enumerate(ones, 1):
        small[value].append(one)
    for place, ten in enumerate(tens):
        small[20 + 10 * place].append(ten)
        for value, one in enumerate([first, *ones[1:9]], 1):
            link = "und" if language == "German" else "ën" if one.endswith("e") else "en"
            small[20 + 10 * place + value].append(f"{one}{link}{ten}")
    heads = [(1, ""), (1, first), *enumerate(ones[1:9], 2)]
    for value, words in small.items():
        for word in words:
            yield value, word
            yield 1000 * value, word + thousand
            for times, head in heads:
                yield 100 * times + value, f"{head}{hundred}{word}"
    for times, head in heads:
        yield 100 * times, head + hundred
        yield 1000 * times, head + thousand
        yield 100_000 * times, head + hundred + thousand


def _italian(_: str, ones: list[str], tens: list[str]) -> Iterator[tuple[float, str]]:
    """Yield "ventuno", "centocinquanta", "duecento" and "duemila"."""
    small = dict(enumerate(ones, 1)) | {20 + 10 * place: ten for place, ten in enumerate(tens)}
    for place, ten in enumerate(tens):
        for value, one in enumerate(ones[:9], 1):
            small[20 + 10 * place + value] = (ten[:-1] if one[0] in "uo" else ten) + one
    for value, word in small.items():
        yield value, word
        if word.endswith("tre"):
            yield value, word[:-1] + "é"
        if value > 1:
            yield 1000 * value, word + "mila"
        for times in range(1, 10):
            yield 100 * times + value, f"{ones[times - 1] if times > 1 else ''}cento{word}"
    for times in range(2, 10):
        yield 100 * times, ones[times - 1] + "cento"


def _french(_: str, ones: list[str], tens: list[str]) -> Iterator[tuple[float, str]]:
    """Yield "vingt-deux", "soixante-quinze", "quatre-vingt-dix-sept", and "vingt-et-un" with its hyphens."""
    for place, ten in enumerate([*tens, "soixante", "quatre-vingt"]):
        base = 20 + 10 * place if place < 5 else 60 if place == 5 else 80
        for value, one in enumerate(ones, 1):
            if value < 10 or base in (60, 80):
                yield base + value, f"{ten}-{one}"
                if value in (1, 11):
                    yield base + value, f"{ten}-et-{one}"
                if one == "un":
                    yield base + value, f"{ten}-une"

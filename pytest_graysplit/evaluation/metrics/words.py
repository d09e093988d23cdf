"""Splitting of texts into words, lists of words that carry grammar rather than content, and the script of a text."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from functools import cache, lru_cache

from rapidfuzz.utils import default_process


def word_set(words: str) -> frozenset[str]:
    """Return the words of a list that is written as one text for readability."""
    return frozenset(words.split())


# Words that identify a language. A word that two of these languages share would vote for both, so it is in SHARED.
PROFILES = {
    "English": "the of and to is are was were be been being have has had do does did will would can could should may"
    " might must that this these those with for from by at on it its you your we our us they their them he she his her"
    " i my me as if or but about there then than what which who when where how because into out all any some",
    "German": "der das den dem des ein eine einen einem einer und ist sind wird werden wurde haben hat sein auf mit von"
    " zu zum zur für bei nach aus oder aber auch sie ich wir ihr ihre ihren ihnen es sich dass wenn kann können im vom"
    " unser unsere mir dir mich dich nicht kein keine",
    "French": "le les et est une dans pour avec sur par pas vous nous votre vos notre il elle ils je ce cette ces qui"
    " sont être avez peut pouvez mais ou où du au aux leur plus sous jours ne",
    "Spanish": "el los las y por para está están son del al una su sus se usted puede pero como más este esta muy ya"
    " con ser lo nos sin también",
    "Italian": "il gli di che è sono della dello dei delle nel nella per una suo può ma anche questo questa alla dal"
    " dalla ci più ha hanno i vi",
    "Portuguese": "o os as um uma não com em do dos das na nas ao você são está para por seu sua mas mais este pode foi"
    " ou pelo pela também",
    "Dutch": "het een van niet zijn voor met op dat wij je u uw ook aan bij naar worden wordt kunt kan maar deze dit"
    " uit te hebben heeft",
}
SHARED = word_set("a an in de la die en un es do per me no so am was war us of")
# Words that splitting at an apostrophe produces: "it's", "I'd", "I'm", "l'offre", "n'est", "we've", "isn't".
_REMNANTS = word_set(
    "s d m l n ve ll re don doesn didn isn aren wasn weren wouldn couldn shouldn haven hasn hadn ain mustn needn"
)
_LANGUAGES_WITH = Counter(word for words in PROFILES.values() for word in word_set(words))
LANGUAGE_OF = {
    word: language
    for language, words in PROFILES.items()
    for word in word_set(words)
    if _LANGUAGES_WITH[word] == 1 and word not in SHARED
}
NEGATIONS = word_set(
    "not no never cannot unable without none neither nor nicht kein keine keinen keinem keiner nie niemals ohne"
    " pas jamais aucun aucune sans nunca sin não sem non mai senza niet geen nooit"
)
FUNCTION_WORDS = frozenset(_LANGUAGES_WITH).union(SHARED, _REMNANTS) - NEGATIONS

# Scripts that write no spaces between words; each of their characters counts as a word.
_UNSPACED = r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]"
_CLAUSE_MARKS = r".!?;:,)\n"
_CLAUSE_MARKS_ELSEWHERE = r"…。，、！？；："  # noqa: RUF001 - marks of Chinese and Japanese
WITHIN = ",)，、"  # noqa: RUF001 - the same


def split_words(text: str) -> list[str]:
    """Return the words in lower case, without punctuation; "can't" becomes "can" and "t"."""
    return default_process(spaced(text)).split()


def split_clauses(text: str) -> list[str]:
    """Return the parts of a text from `spaced` between marks of one character; a part may be empty.

    A mark of `WITHIN` does not end a sentence.
    """
    return _clause_end(is_ascii=text.isascii()).split(text)


def spaced(text: str) -> str:
    """Return the text with composed accents, and spaces around each character that counts as a word."""
    return text if text.isascii() else _unspaced().sub(r" \g<0> ", unicodedata.normalize("NFC", text))


# Compiled on first use: wide character sets take milliseconds to compile, and most runs see only English text.
@cache
def _unspaced() -> re.Pattern[str]:
    return re.compile(_UNSPACED)


@cache
def _clause_end(*, is_ascii: bool) -> re.Pattern[str]:
    # A mark inside a word or number ("4.90", "9:00", "e.g") does not end a clause. This pattern runs over every
    # character of every answer; without an alternation it is three times as fast.
    return re.compile(rf"[{_CLAUSE_MARKS}{'' if is_ascii else _CLAUSE_MARKS_ELSEWHERE}](?<![.,:](?=\w))")


_ENDINGS = ("ing", "ed", "es", "s", "e")


@lru_cache(maxsize=8192)
def stem(word: str) -> str:
    """Cut common English endings, so that "returns", "returned" and "return" become one word."""
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            word = word.removesuffix(ending)
            break
    return word[:-1] if len(word) > 3 and word[-1] == word[-2] != "s" else word


@lru_cache(maxsize=1024)
def words_with_stem(root: str) -> frozenset[str]:
    """Return every word that `stem` cuts to this root: with or without an ending, its last letter doubled or not."""
    bases = (root, root + root[-1])
    return frozenset(word for base in bases for ending in ("", *_ENDINGS) if stem(word := base + ending) == root)


# First and last character of the blocks of each script; kana distinguish Japanese from Chinese.
_BLOCKS = (
    ("A", "z", "Latin"), ("À", "\u024f", "Latin"), ("Ͱ", "\u03ff", "Greek"), ("Ѐ", "\u052f", "Cyrillic"),
    ("\u0530", "\u058f", "Armenian"), ("\u0590", "\u05ff", "Hebrew"), ("\u0600", "\u06ff", "Arabic"),
    ("\u0900", "\u0dff", "Indic"), ("\u0e00", "\u0e7f", "Thai"), ("\u10a0", "\u10ff", "Georgian"),
    ("\u1100", "\u11ff", "Hangul"), ("\u1e00", "\u1eff", "Latin"), ("\u3040", "\u30ff", "Kana"),
    ("\u3400", "\u9fff", "Han"), ("\uac00", "\ud7af", "Hangul"),
)  # fmt: skip
_SAMPLE = 60


def script_of(text: str) -> str:
    """Return the script of most letters of a text, such as Latin; "" where there are too few letters."""
    if len(text.encode("latin-1", "ignore")) > 0.7 * len(text):  # accents and typographic marks need no counting
        return "Latin" if any(letter.isalpha() for letter in text[:_SAMPLE]) else ""
    letters = [letter for letter in text if letter.isalpha()]
    counts = Counter(map(_block, letters[:: len(letters) // _SAMPLE + 1]))
    if counts["Kana"]:
        counts["Kana"] += counts.pop("Han", 0)
    script, count = counts.most_common(1)[0] if counts else ("", 0)
    return script if count >= 2 else ""


def _block(letter: str) -> str:
    return next((script for first, last, script in _BLOCKS if first <= letter <= last), "")

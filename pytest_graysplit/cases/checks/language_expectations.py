"""The expectation of a language: detected by py3langid, with probabilities that short texts do not exaggerate."""

from __future__ import annotations

import re
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from pytest_graysplit.cases.checks import CheckFailure
from pytest_graysplit.errors import Slug, UsageError
from pytest_graysplit.formatting.display import excerpt

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PACKAGE = "py3langid"
# The two-letter codes of ISO 639-1 that the package knows, and nb, which it calls no.
LANGUAGES = re.findall(
    "[a-z]+",
    "af am an ar as az ba be bg bn br bs ca cs cy da de dz el en eo es et eu fa fi fo fr fy ga gd gl gu ha he hi hr"
    " ht hu"
    " hy id ig is it ja jv ka kk km kn ko ku ky la lb lg ln lo lt lv mg mk ml mn mr ms mt my nb ne nl nn no oc om"
    " or pa pl"
    " ps pt qu ro ru rw sa se si sk sl sn so sq sr st sv sw ta te tg th tk tl tr tt ug uk ur uz vi vo wa xh yo zh zu",
)
_NORWEGIAN = ("nb", "nn", "no")
# Of a text without a language, each of the 114 gets about 0.01.
_LOWEST = 0.15
# A kin language may win by a little: Afrikaans over Dutch, Bulgarian over Russian.
_SHARE_OF_BEST = 0.5
# A part counts as foreign if it is long enough, and its language is all but certain.
_PART_LETTERS = 30
_CERTAIN = 0.9
_MOST_FOREIGN = 0.25
_MOST_LETTERS = 20_000

_NO_LANGUAGE = re.compile(
    r"(`{3,}|~{3,}).*?(?:\1|\Z)|`[^`\n]*`|https?://\S+|[\w.+-]{1,64}@[\w.-]+|<[^<>]{1,200}>", re.DOTALL
)
_PARTS = re.compile(r"(?<=[.!?。！？])\s*|\n+")  # noqa: RUF001 - marks of Chinese and Japanese


def check_language(language: str | None, text: str) -> Iterator[CheckFailure]:
    """Yield the failure of an answer that is not in the expected language, or only partly."""
    if language is None:
        return
    bare = _NO_LANGUAGE.sub(" ", text)[:_MOST_LETTERS]
    if problem := _difference(language, bare):
        hint = "say in the prompt in which language to answer; one or two words are too short to tell a language"
        problem = f"expected an answer in {language}, {problem}: {excerpt(text)}"
        yield CheckFailure(problem, hint, Slug.EXPECT_LANGUAGE, "expect.language")


def require_detector() -> None:
    """Raise UsageError if the package that detects languages is not installed."""
    if find_spec(PACKAGE) is None:
        hint = "pip install pytest-graysplit[language] (it brings py3langid and numpy), or leave expect.language out"
        raise UsageError(
            f"expect.language needs {PACKAGE}, which is not installed", hint=hint, slug=Slug.LANGUAGE_MISSING
        )


def probabilities(text: str) -> Mapping[str, float]:
    """Return the probability of each language, by its ISO 639-1 code, the most probable first."""
    ranked: dict[str, float] = {}
    for code, share in _detector().rank(text):
        name = "no" if code in _NORWEGIAN else code
        ranked[name] = ranked.get(name, 0.0) + float(share)
    return ranked


def _difference(language: str, text: str) -> str:
    """Return the difference from the expected language, or "" if there is none."""
    wanted = "no" if language in _NORWEGIAN else language
    shares = probabilities(text)
    best, share = max(shares.items(), key=lambda pair: pair[1])
    if not any(map(str.isalpha, text)) or share < _LOWEST:
        return "found too few words to tell a language"
    if shares.get(wanted, 0.0) < max(_LOWEST, _SHARE_OF_BEST * share):
        return f"found {best}"
    foreign = _foreign_parts(wanted, text)
    if sum(map(len, foreign.values())) > _MOST_FOREIGN * len(text):
        return f"found parts in {max(foreign, key=lambda code: len(foreign[code]))}"
    return ""


def _foreign_parts(wanted: str, text: str) -> dict[str, str]:
    """Return the sentences that are certainly in another language, joined by language."""
    foreign: dict[str, str] = {}
    for part in _PARTS.split(text):
        if sum(map(str.isalpha, part)) >= _PART_LETTERS:
            shares = probabilities(part)
            best = max(shares, key=lambda code: shares[code])
            if best != wanted and shares[best] >= _CERTAIN:
                foreign[best] = foreign.get(best, "") + part
    return foreign


@cache
def _detector() -> Any:
    require_detector()
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    detector = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    detector.set_languages([code for code in LANGUAGES if code != "nb"])
    return detector

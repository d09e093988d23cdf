"""The language of an answer is detected where there are enough words, and unknown is a miss."""

import pytest

from pytest_graysplit.cases.checks import language_expectations
from pytest_graysplit.cases.checks.language_expectations import check_language
from pytest_graysplit.cases.fields import build_case
from pytest_graysplit.errors import UsageError

GERMAN = "Ja, Sie können die Lampe innerhalb von 30 Tagen zurückgeben."
ENGLISH = "Yes, you can return the lamp within 30 days, and the label is free."


def problems(language, text):
    return [failure.problem for failure in check_language(language, text)]


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("de", GERMAN),
        ("en", ENGLISH),
        ("fr", "Vous pouvez retourner la lampe sous 30 jours."),
        ("es", "Puede devolver la lámpara en un plazo de 30 días."),
        ("nl", "Uw bestelling 1001 is terugbetaald."),
        ("nb", "Du kan returnere lampen innen 30 dager, og det er gratis."),
        ("ja", "ランプは30日以内に返品できます。"),
        ("zh", "您可以在30天内退货。"),
        ("de", f"{GERMAN}\n```python\nprint('this is English, and it is code')\n```"),
        ("de", f"{GERMAN} https://shop.example/return-the-lamp-within-thirty-days"),
        ("de", f"{GERMAN} Das Motto der Firma ist „Light for everyone“, und es gilt seit vielen Jahren für alle."),
    ],
)
def test_answer_in_the_language_passes(language, text):
    """Code, addresses and a few foreign words do not count."""
    assert problems(language, text) == []


@pytest.mark.parametrize(
    ("language", "text", "found"),
    [
        ("de", ENGLISH, "found en"),
        ("en", GERMAN, "found de"),
        ("de", f"{GERMAN} {ENGLISH}", "found parts in en"),
        ("de", "42", "found too few words to tell a language"),
        ("de", "", "found too few words to tell a language"),
        ("de", "```\nNur ein Programm\n```", "found too few words to tell a language"),
    ],
)
def test_another_or_no_language_misses(language, text, found):
    """Also an answer that changes its language on the way."""
    (problem,) = problems(language, text)
    assert problem.startswith(f"expected an answer in {language}, {found}: ")


@pytest.mark.parametrize("code", ["German", "DE", "de-CH", "xx", 1])
def test_only_codes_are_accepted(code):
    """A name or a country is refused with the form that is right."""
    with pytest.raises(UsageError, match="expected the code of a language, such as de"):
        build_case({"prompt": "a", "expect": {"language": code}}, where="a.jsonl:1")


def test_missing_package_is_named_before_anything_is_sent(monkeypatch):
    """The message says how to install it."""
    monkeypatch.setattr(language_expectations, "PACKAGE", "no_such_package")
    with pytest.raises(UsageError, match="not installed") as caught:
        build_case({"prompt": "a", "expect": {"language": "de"}}, where="a.jsonl:1")
    assert (caught.value.slug, "pytest-graysplit[language]" in caught.value.hint) == ("language-missing", True)

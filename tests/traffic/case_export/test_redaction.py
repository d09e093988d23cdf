"""PiiRedactor removes personal data and keeps the meaning."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_graysplit.traffic.case_export import redaction
from pytest_graysplit.traffic.case_export.redaction import PiiRedactor, fits_iban, fits_luhn


@pytest.mark.parametrize(
    ("text", "scrubbed"),
    [
        ("I am bob@example.com, not ann.o'neil+x@mail.co.uk", "I am <email-1>, not <email-2>"),
        ("mailto:bob@example.com?subject=hi", "mailto:<email-1>?subject=hi"),
        ("bob [at] example [dot] com", "<email-1>"),
        (f"bob [at] {'example' * 9} [dot] com", "<email-1>"),
        ("Call +49 (0)30 1234567 or 030 1234567.", "Call <phone-1> or <phone-2>."),
        ("(555) 123-4567, 0170/1234567, 01.23.45.67.89", "<phone-1>, <phone-2>, <phone-3>"),
        ("Phone: 612 345 678", "Phone: <phone-1>"),
        ("from 10.1.2.3 and 2001:db8::1", "from <ip-1> and <ip-2>"),
        ("4111 1111 1111 1111 was charged", "<card-1> was charged"),
        ("4111-1111-1111-1112, mistyped", "<number-1>, mistyped"),
        ("DE89 3704 0044 0532 0130 00 bob@x.com", "<iban-1> <email-1>"),
        ("https://bob:pw@host.com/x?token=abcdef123456&page=2", "https://<login-1>@host.com/x?token=<key-1>&page=2"),
        ("sk-proj-abc123def456ghi, hs_a1b2c3d4e5f6a7b8c9", "<key-1>, <key-2>"),
        ("Authorization: Bearer abcdefghijklmnop123", "Authorization: Bearer <key-1>"),
        ("-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY----- next", "<key-1> next"),
        ('api_key="abcd1234efgh"', 'api_key="<key-1>"'),
        ("customer 12345678, SSN 123-45-6789", "customer <number-1>, SSN <number-2>"),
        ("with AKIAABCDEFGHIJKLMNOP it works", "with <key-1> it works"),
        ("user 550e8400-e29b-41d4-a716-446655440000", "user <id-1>"),
    ],
)
def test_redactor_finds_each_kind_in_its_spellings(text, scrubbed):
    """The words around a value stay."""
    assert PiiRedactor().text(text) == scrubbed


@pytest.mark.parametrize(
    "text",
    [
        "Order 123456 of 2024-01-02T10:20:30Z, due 01/02/2024 12:30 or 20240131",
        "It costs $1,299.00, 1.299,00 EUR, 1'299 CHF or 5 000 000 yen; 1000000 at most",
        "Python 3.12.1, v1.2.3.4, version 1.2.3.4, react@18.2.0, 1.2.3-beta",
        "From 1999-2024, in 2020 2021 2022 2023, at 12:30:45 UTC+05:30",
        "pi is 3.14159265358979 and 0.000001 is small",
        "commit e3b0c44298fc1c149afbf4c8996fb924, std::dec, 127.0.0.1 and ::1",
        "the key-performance-indicators-2024 of cr-2024-000123",
        "a key-value-store, its password: must have 8 characters, ask @bob in git@github.com:a/b",
        "call 12/24/2024",
    ],
)
def test_redactor_keeps_dates_prices_and_versions(text):
    """Also years, order numbers, hashes and loopback addresses."""
    assert PiiRedactor().text(text) == text


def test_redactor_placeholder_is_stable_within_a_case():
    """Other case or grouping is the same value; a second value gets the next number."""
    scrubber = PiiRedactor()
    texts = ["Bob@Example.com wrote", "to ann@example.com", "and bob@example.com", "+49 170 1234567", "+49-170-1234567"]
    assert [scrubber.text(text) for text in texts] == [
        "<email-1> wrote", "to <email-2>", "and <email-1>", "<phone-1>", "<phone-1>",
    ]  # fmt: skip
    assert scrubber.found == {"email": 2, "phone": 1}


def test_redactor_message_at_every_depth():
    """Arguments of tool calls are redacted; ids that link a result to its call are not."""
    call = {"id": "call_12345678", "function": {"arguments": '{"mail": "bob@example.com"}'}}
    message = {"role": "assistant", "content": [{"type": "text", "text": "for bob@example.com"}], "tool_calls": [call]}
    assert PiiRedactor().table(message) == {
        "role": "assistant",
        "content": [{"type": "text", "text": "for <email-1>"}],
        "tool_calls": [{"id": "call_12345678", "function": {"arguments": '{"mail": "<email-1>"}'}}],
    }


def test_redactor_replaces_the_name_of_a_user():
    """The name of a tool stays."""
    scrubber = PiiRedactor()
    speakers = [{"role": "user", "name": name, "content": "Hi"} for name in ("ann", "bob", "ann")]
    assert [scrubber.message(one)["name"] for one in speakers] == ["person-1", "person-2", "person-1"]
    assert scrubber.message({"role": "tool", "name": "find", "content": ""})["name"] == "find"


@given(st.text(string.ascii_letters + " .,!?", max_size=30), st.emails(), st.text(" ,;)>\n", min_size=1, max_size=3))
def test_redactor_finds_every_email(before, email, after):
    """Any local part that the standard allows, at any position."""
    assert email not in PiiRedactor().text(f"{before} {email}{after}")


@given(st.text(string.digits, min_size=12, max_size=18))
def test_redactor_finds_every_card_number(digits):
    """Any number of a card's length with its check digit, also in groups of four."""
    number = next(digits + last for last in string.digits if fits_luhn(digits + last))
    grouped = " ".join(number[at : at + 4] for at in range(0, len(number), 4))
    if number.endswith("000"):
        return
    for shown in (number, grouped):
        assert shown not in PiiRedactor().text(f"card {shown}, please")


@given(st.text(st.characters(exclude_characters="@:", exclude_categories=["Nd", "Cs"])))
def test_redactor_keeps_text_without_digits_and_signs(text):
    """A text without a digit, an @ or an address is returned unchanged."""
    assert PiiRedactor().text(text.replace("KEY", "key")) == text.replace("KEY", "key")


@given(st.text(string.digits + string.ascii_letters + "@.:-+ ()/<>", max_size=60))
def test_redactor_is_idempotent(text):
    """A placeholder is not redacted again."""
    once = PiiRedactor().text(text)
    assert PiiRedactor().text(once).count("<") == once.count("<")


def test_checksums_match_published_examples():
    """Published numbers pass; the same numbers with one digit changed fail."""
    assert [fits_iban(one) for one in ("GB82WEST12345698765432", "GB82WEST12345698765433")] == [True, False]
    assert [fits_luhn(one) for one in ("4111111111111111", "4111111111111112")] == [True, False]


VALUES = [
    "bob@example.com", "bob (AT) mail (dot) example (dot) org", "+49 (0)30 1234567", "Phone: 612 345 678",
    "phone me is at 612345678", "2001:db8::1", "DE89 3704 0044 0532 0130 00", "MT84 MALT 0110 0001 2345 MTLC AST0 01S",
    "https://bob:pw@host.com/x?token=abcdef123456&page=2", "Bearer abcdefghijklmnopqrstuvwxyzabcdefgh", "Version 1.2.3.4",
    "AKIAABCDEFGHIJKLMNOP", "password = " + "x" * 70 + "9zzz", "550e8400-e29b-41d4-a716-446655440000", "a::b", "1,234,567.89", "2026-11-26",
    "-----BEGIN PRIVATE KEY-----", "phone", "secret:", "x" * 90, "\u65e5\u672c\u8a9e 1234567", "\u00a0", "word",
]  # fmt: skip


@given(st.lists(st.sampled_from(VALUES) | st.sampled_from(["lorem ipsum"] * 9), max_size=40), st.sampled_from(" \n,"))
def test_redactor_reads_only_the_neighbourhood_of_suspect_words(parts, between):
    """With the same result as a search of the whole text."""
    text, part, whole = between.join(parts), PiiRedactor(), PiiRedactor()
    assert part.text(text) == redaction._ANY.sub(whole._replace, text)
    assert part.found == whole.found

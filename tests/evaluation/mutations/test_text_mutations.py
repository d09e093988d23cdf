"""Changes of texts: numbers, negation, refusals, cut answers and JSON fields, each with texts that must be left alone."""

import doctest
import json

import pytest

from pytest_graysplit.evaluation.mutations import form, json_fields, negation, numbers
from pytest_graysplit.evaluation.mutations.form import cut_off, refused
from pytest_graysplit.evaluation.mutations.json_fields import is_json, without_fields
from pytest_graysplit.evaluation.mutations.negation import flipped, negated
from pytest_graysplit.evaluation.mutations.numbers import other_number, with_other_numbers
from pytest_graysplit.replies.refusals import is_refusal


def texts(changes):
    return [change.text for change in changes]


@pytest.mark.parametrize("module", [form, json_fields, negation, numbers])
def test_examples_of_the_docstrings(module):
    """The examples are doctests."""
    assert doctest.testmod(module).failed == 0


# --- numbers


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("Within 30 days.", ["30"]),
        ("It costs 4.90 EUR or 1,250.50 USD.", ["4.90", "1,250.50"]),
        ("Das kostet 1.250,50 € bis zum 30.11.2026.", ["1.250,50", "30.11.2026"]),
        ("Open 9:00 to 17:00.", ["9", "17"]),
        ("送料は30日以内です。", ["30"]),
        ("A refund takes two to four days.", ["two", "four"]),
        ("Zwei Jahre, nicht drei.", ["zwei", "drei"]),
        ("42", ["42"]),
        ('{"order": 48213, "items": 0}', ["48213", "0"]),
        ("1 2 3 4 5", ["1", "2", "3"]),
    ],
)
def test_number_change_names_each_number_once(text, numbers):
    """At most three; figures with their separators are one number, and the zeros of 9:00 are left out."""
    changes = list(with_other_numbers(text))
    assert [change.what.partition(" → ")[0] for change in changes] == numbers
    assert len({change.text for change in changes} | {text}) == len(numbers) + 1


@pytest.mark.parametrize(
    "text",
    [
        "No figure here.",
        "1. Open the box\n2) Take out the lamp\n**3.** Plug it in",
        "Step 1\nOpen it.\nSchritt 2: Fertig.",
        "Use x2, a 4K screen, on the 1st floor of B612.",
        "",
        "At 00:00.",
    ],
)
def test_number_change_leaves_counters_and_names_alone(text):
    """A number of a list item or a step says nothing, and a digit beside a letter belongs to a name."""
    assert texts(with_other_numbers(text)) == []


def test_number_change_applies_to_every_occurrence():
    """Otherwise the answer would contradict itself, which is easier to notice."""
    [change] = with_other_numbers("30 days. As I said: 30.")
    new = change.what.partition(" → ")[2]
    assert change.text == f"{new} days. As I said: {new}."


def test_number_change_keeps_the_form_and_avoids_other_numbers():
    """As many digits, the same separators, a capital letter where it was; never a number that is there already."""
    for old in ("4.90", "1.250,50", "0.059", "7", "0", "2026"):
        new = other_number(old)
        assert (len(new), new != old, new[-1] == old[-1] or len(old) == 1) == (len(old), True, True)
    all_but_one = "1 2 3 4 5 6 7 8 9"
    assert {change.text.split()[0] for change in with_other_numbers(all_but_one)} <= set("123456789")
    first = texts(with_other_numbers("Two lamps."))[0]
    assert first[0].isupper()
    assert first.endswith(" lamps.")


# --- negation


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("You can return it.", "You cannot return it."),
        ("Rugs cannot be returned.", "Rugs can be returned."),
        ("We won't charge you.", "We will charge you."),
        ("You can't call on Sunday.", "You can call on Sunday."),
        ("The lamp isn't covered.", "The lamp is covered."),
        ("You do not have to pay.", "You do have to pay."),
        ("There is no charge for the delivery.", "There is some charge for the delivery."),
        ("The lamp was never sold in May.", "The lamp was sold in May."),
        ("The shop is no longer open.", None),
        ("The fund sold the shares in May.", None),
        ("The lamp is sold without a bulb.", None),
        ("Der Kauf ist nie ohne Risiko.", "Der Kauf ist ohne Risiko."),
        ("Yes, you can return it.", "No, you cannot return it."),
        ("Yes.", "No."),
        ("No, it is not covered.", "Yes, it is covered."),
        ("Yes, we ship to Canada.", "No."),
        ("Ja, Sie können die Lampe zurückgeben.", "Nein, Sie können die Lampe nicht zurückgeben."),
        ("Die Lampe wird morgen geliefert.", "Die Lampe wird morgen nicht geliefert."),
        ("Das ist keine gute Idee.", "Das ist eine gute Idee."),
        ("Teppiche können wir nicht umtauschen.", "Teppiche können wir umtauschen."),
        ("Die Garantie ist abgelaufen.", "Die Garantie ist nicht abgelaufen."),
    ],
)
def test_negation_of_a_statement(text, wrong):
    """In English and German, with an answer of yes or no turned as well; nothing where it would be hard to read."""
    assert texts(negated(text)) == ([] if wrong is None else [wrong])


@pytest.mark.parametrize(
    "text",
    [
        "refund",
        "Is it broken?",
        "If it is broken, send it back.",
        "I am sorry to hear that.",
        "Please feel free to call, we are happy to help.",
        "Es tut mir leid, dass die Lampe defekt ist.",
        "Wenn sie defekt ist, melden Sie sich.",
        "Le client peut renvoyer la lampe.",
        "De lamp is kapot.",
        "def f(x):\n    return x is None",
        "```sql\nselect 1 where a is null\n```",
        "",
        "   ",
    ],
)
def test_negation_leaves_other_texts_alone(text):
    """Questions, conditions, courtesies, code, labels, and other languages."""
    assert texts(negated(text)) == []


def test_negation_of_two_sentences_at_most():
    """Each in a text of its own; the others stay as they are."""
    found = texts(negated("It is here. It is new. It is ours."))
    assert found == ["It is not here. It is new. It is ours.", "It is here. It is not new. It is ours."]


def test_truth_values_flip_outside_of_texts():
    """A text that holds the word stays."""
    assert texts(flipped('{"a": true, "b": ["false", false]}')) == [
        '{"a": false, "b": ["false", false]}',
        '{"a": true, "b": ["false", true]}',
    ]
    assert texts(flipped('{"true": "true \\" false"}')) == []


# --- another form


@pytest.mark.parametrize("text", ["refund", "You can return it within 30 days.", "Sie können es zurückgeben."])
def test_refusal_is_not_recognised_as_one(text):
    """A recognised refusal would fail every case by its outcome, also one that asserts nothing."""
    [refusal] = texts(refused(text))
    assert not is_refusal(refusal)
    assert ("lieber" in refusal) == text.startswith("Sie")


@pytest.mark.parametrize(
    "text",
    [
        "I will ask a colleague.",
        "I'm not sure.",
        "We cannot help with that.",
        "Das weiß ich nicht.",
        "Leider nein.",
        "Please contact our support.",
    ],
)
def test_refusal_is_left_out_if_the_answer_declines(text):
    """Another way to decline may be as right."""
    assert texts(refused(text)) == []


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("The lamp is covered for two years.", "The lamp is covered"),
        ("One two three. Four five six seven", "One two three. Four five"),
        ("返品は三十日以内にお願いします", "返品は三十日以"),
        ('{"a": 1}', None),
        ('{"order": 48213}', '{"order"'),
        ("refund", None),
        ("Yes. No. Yes. No.", None),
        ("", None),
    ],
)
def test_cut_answer_ends_inside_a_sentence(text, kept):
    """A label has no middle, and an answer that ends with a sentence may be whole."""
    assert texts(cut_off(text)) == ([] if kept is None else [kept])


# --- JSON


def test_json_fields_are_dropped_one_at_a_time():
    """All other characters stay, so that nothing else can be noticed; empty fields say nothing."""
    text = '```json\n{\n  "id": 1,\n  "note": null,\n  "to": {"a": "}"},\n  "tags": ["x, y"]\n}\n```'
    found = [json.loads(change.text[8:-4]) for change in without_fields(text)]
    whole = json.loads(text[8:-4])
    assert found == [{name: whole[name] for name in whole if name != gone} for gone in ("id", "to", "tags")]
    assert '"note": null' in texts(without_fields(text))[0]


@pytest.mark.parametrize(
    "text", ["{}", "[]", "not JSON", '{"a": null}', '["a {", "b"]', '{"a": 1', "5", "Use {x} here.", '{"a" 1}']
)
def test_json_without_a_field_to_drop(text):
    """Nothing is dropped, and nothing raises."""
    assert texts(without_fields(text)) == []


def test_first_object_of_an_array_loses_a_field():
    """The others keep theirs."""
    assert texts(without_fields('[{"a": 1, "b": 2}, {"a": 3}]')) == ['[{ "b": 2}, {"a": 3}]', '[{"a": 1}, {"a": 3}]']


@pytest.mark.parametrize(("text", "answer"), [('{"a": 1}', True), ("[1]", True), ("5", False), ("{", False)])
def test_json_answers_are_objects_and_arrays(text, answer):
    """A single number is a text as well."""
    assert is_json(text) is answer

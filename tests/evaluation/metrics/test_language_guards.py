"""The guards on language see a changed meaning and let another wording pass, in eight languages."""

from collections import defaultdict
from pathlib import Path

import pytest

from pytest_graysplit.evaluation.metrics.guards import flags
from pytest_graysplit.evaluation.metrics.guards.wording.contrasts import MANY_SENSED_PAIRS
from pytest_graysplit.evaluation.metrics.guards.wording.lexicon import root, senses, symbols
from pytest_graysplit.evaluation.metrics.guards.wording.reading import DENYING_PAIRS

# The kinds of change that one flag of their own reports.
NAMES = {
    "modality": {"modality-changed", "negation-flipped", "antonym"},
    "quantifier": {"quantifier-changed", "negation-flipped"},
    "scope": {"quantifier-changed"},
    "role": {"entity-changed"},
    "name": {"entity-changed"},
    "swapped": {"order-swapped"},
    "entities-swapped": {"order-swapped"},
    "steps": {"order-swapped"},
    "and-or": {"condition-changed"},
    "refusal": {"refusal-one-side"},
}


def read_pairs():
    """Return the pairs of the table by kind and by whether their meaning changes."""
    found = defaultdict(list)
    for line in Path(__file__).with_name("language_pairs.txt").read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            kind, _, changes, control, treatment = line.replace("\\n", "\n").split("|", 4)
            found[kind, changes == "+"] += [(control, treatment), (treatment, control)]
    return found


PAIRS = read_pairs()
CHANGED = sorted(kind for kind, changes in PAIRS if changes)
SAME = sorted(kind for kind, changes in PAIRS if not changes)


@pytest.mark.parametrize("kind", CHANGED)
def test_change_of_a_kind_is_flagged(kind):
    """Every pair of the table is flagged, and by the guard of its kind where there is one."""
    said = {pair: {flag.name for flag in flags(*pair)} for pair in PAIRS[kind, True]}
    assert [pair for pair, names in said.items() if not names & NAMES.get(kind, names)] == []


@pytest.mark.parametrize("kind", SAME)
def test_other_wording_of_a_kind_passes(kind):
    """Users switch off a guard that flags paraphrases."""
    assert [(pair, found) for pair in PAIRS[kind, False] if (found := flags(*pair))] == []


def test_one_changed_sentence_among_others_is_flagged():
    """The sentences of two answers are compared one by one, in any order."""
    control = "Thank you for your order. All models support fast charging. We ship the lamp tomorrow."
    treatment = "We ship the lamp tomorrow. Some models support fast charging. Thank you for your order!"
    assert [(flag.name, flag.detail) for flag in flags(control, treatment)] == [
        (
            "quantifier-changed",
            "control says 'all models support fast charging', treatment says 'some models support fast charging'",
        )
    ]


def test_denial_and_opposite_in_one_sentence_cancel():
    """Two denials, or a denial and an opposite, leave the meaning."""
    assert flags("Do not store it above 25 degrees.", "Store it below 25 degrees.") == ()
    assert flags("Do not store it above 25 degrees.", "Store it above 25 degrees.") != ()


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("you will not need to pay", ["NEEDNOT", "pay"]),
        ("you must not pay", ["BAN", "pay"]),
        ("sie müssen das gerät nicht ausschalten", ["NEEDNOT", "gerät", "ausschalten"]),
        ("sie dürfen das gerät nicht ausschalten", ["BAN", "gerät", "ausschalten"]),
        ("il n est plus valable", ["valable", "NOT"]),
        ("it must not weigh more than 20 kg", ["MAY", "weigh", "20", "kg"]),
        ("order no 5 came", ["order", "5", "came"]),
        ("você recebe no prazo", ["recebe", "prazo"]),
    ],
)
def test_phrases_become_symbols(sentence, expected):
    assert symbols(tuple(sentence.split())) == expected


def test_no_word_is_its_own_opposite():
    """A word with both senses of one pair would flag itself."""
    assert [word for word, its in senses().items() if len({name for name, _ in its}) < len(its)] == []


def test_named_pairs_are_in_the_lists():
    """A name that no pair has would protect nothing."""
    assert {name for its in senses().values() for name, _ in its} >= MANY_SENSED_PAIRS | DENYING_PAIRS


def test_forms_of_a_word_share_a_root():
    assert {root("erlaubt"), root("erlauben"), root("erlaubte")} == {"erlaub"}
    assert root("cat") == "cat"


LONG = {
    "denials": "not " * 25_000,
    "commas": "," * 100_000,
    "one clause": "you must return the lamp within some days " * 2_400,
    "steps": "\n".join(f"{number}. Open box {number}" for number in range(5_000)),
    "sentences": " ".join(f"You must not open box{number} before it is free." for number in range(2_000)),
    "prefixes": " ".join(f"un{number}able" for number in range(8_000)),
    "sides": " ".join(f"Lamp{number} is left of rug{number}." for number in range(3_000)),
    "Chinese": "你不得退货。" * 16_000,
}


@pytest.mark.parametrize("text", LONG.values(), ids=LONG.keys())
def test_long_answers_are_read(text):
    """An answer of 100 KB that repeats itself takes a fraction of a second, and no guard fails on it."""
    other = text.replace("must", "may").replace("un", "").replace("left", "right").replace("not", "")
    assert flags(text, f"{other} end") is not None

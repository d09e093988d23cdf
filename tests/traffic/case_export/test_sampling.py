"""The sample contains every kind of prompt, in proportion."""

import hashlib
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_graysplit.traffic.case_export.sampling import Prompt, allocate, draw, key_of, properties_of


def user(text):
    return [{"role": "user", "content": text}]


def prompt(text, **outcomes):
    kinds = [("control", outcome) for outcome, count in (outcomes or {"ok": 1}).items() for _ in range(count)]
    made = Prompt(key_of(user(text)), text, properties_of(user(text)), kinds[0])
    for kind in kinds:
        made.add(kind)
    return made


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Where is order 12?", "where is\n order 9999?", True),
        ("Where is order 12?", "Where is order?", False),
        ("Straße", "STRASSE", True),
        ("Where's it?", "Wheres it?", False),
    ],
)
def test_key_ignores_case_space_and_digits(one, other, same):
    """Prompts with the same words are one prompt."""
    assert (key_of(user(one)) == key_of(user(other))) is same


@given(st.dictionaries(st.integers(0, 99), st.integers(1, 500), min_size=1, max_size=30), st.integers(1, 3000))
def test_allocate_is_proportional(sizes, total):
    """The shares add up, do not exceed the sizes, are at least one if possible, and are within one case of the exact
    share.
    """
    everything = sum(sizes.values())
    total = min(total, everything)
    taken = allocate(sizes, total)
    assert sum(taken.values()) == total
    assert all(0 <= taken[stratum] <= size for stratum, size in sizes.items())
    if total >= len(sizes):
        assert min(taken.values()) >= 1
    else:
        assert all(abs(taken[stratum] - size * total / everything) < 1 for stratum, size in sizes.items())


def test_draw_includes_rare_strata():
    """One failed prompt among a thousand good ones of its length, and one in another script."""
    prompts = [
        prompt(f"Tell me about {chr(97 + n % 26)}{chr(97 + n // 26 % 26)}{'x' * (n // 676)} now") for n in range(1000)
    ]
    rare = [prompt("Tell me what failed", error=1), prompt("请解释一下微服务的优点")]
    chosen = draw([*prompts, *rare], 20, seed=0).prompts
    assert len(chosen) == 20
    assert chosen[-2:] == tuple(rare)


def test_prompt_failures_need_a_tenth_of_an_arms_requests():
    """A single failure of a frequent prompt does not count; a prompt that fails only on the treatment does."""
    often = prompt("Hi", ok=99, error=1)
    assert often.failures == ()
    for outcome in ["refusal"] * 2 + ["ok"] * 18:
        often.add(("treatment", outcome))
    assert often.failures == ("refusal",)
    assert often.asked == 120


@given(st.text('aB \t\n\\"/0\u0661\u00df\u0130,', max_size=30))
def test_key_of_ascii_is_the_general_key(text):
    """ASCII has a faster way to the same key, so a sample does not change if one other letter is added to a prompt."""
    general = json.dumps(user(text), sort_keys=True, ensure_ascii=False).casefold()
    general = general.replace("\\n", " ").replace("\\t", " ")
    alike = re.sub(r"\d+", "0", " ".join(general.split()))
    assert key_of(user(text)) == hashlib.sha256(alike.encode()).digest()

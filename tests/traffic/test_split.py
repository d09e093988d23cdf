"""TrafficSplitter assigns exactly by weight, always alike, and keeps units in their arms across ramps."""

import doctest
import enum
import hashlib
import os
import subprocess
import sys
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from decimal import Decimal
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare, kstest

from pytest_graysplit.errors import UsageError
from pytest_graysplit.traffic.splitter import BASIS_POINTS, Split, TrafficSplitter
from pytest_graysplit.traffic.splitter import splitter as splitter_module

UNITS = [f"user-{number}" for number in range(20_000)]


def splitter(*weights, salt="test", **given):
    """Return a splitter with these weights: the control first, then treatments t1, t2, ..."""
    names = ["today", *(f"t{number}" for number in range(1, len(weights)))]
    return TrafficSplitter([Split(*pair) for pair in zip(names, weights, strict=True)], salt=salt, **given)


def arms_of(one, units=UNITS):
    return [one.assign(unit).arm for unit in units]


def basis_points(arms):
    """Draw the weights of a control and of treatments."""
    return st.lists(st.integers(0, BASIS_POINTS), min_size=arms, max_size=arms).map(
        lambda cuts: [b - a for a, b in zip([0, *sorted(cuts)], [*sorted(cuts), BASIS_POINTS], strict=True)]
    )


def test_assign_follows_the_documented_hash():
    """Units with u < weight get the treatment; u is computed here from the hash."""
    one = splitter(0.9, 0.1, salt="summaries")
    for unit in UNITS:
        digest = hashlib.sha256(f"summaries:{unit}".encode()).digest()
        place = (int.from_bytes(digest[:8], "big") >> 11) / 2**53
        assert one.assign(unit).arm == ("t1" if place < 0.1 else "control")


def test_assignment_fields():
    """Arm, role, model, and the split with its parameters and headers."""
    split = Split("cheap", 1.0, headers={"X-Group": "b"}, params={"temperature": 0})
    one = TrafficSplitter([Split("dear", 0.0), split], salt="s").assign("anyone")
    assert (one.arm, one.role, one.model, one.split, one.forced, one.anonymous) == (
        "cheap",
        "treatment",
        "cheap",
        split,
        False,
        False,
    )


@pytest.mark.parametrize("weights", [(0.9, 0.1), (0.5, 0.5), (0.9975, 0.0025), (0.7, 0.2, 0.1), (0.4, 0.1, 0.2, 0.3)])
def test_assign_matches_the_weights(weights):
    """Chi-square on 200,000 units with a fixed salt."""
    one = splitter(*weights)
    counts = Counter(one.assign(number).arm for number in range(200_000))
    assert chisquare([counts[arm] for arm in one.arms], [200_000 * weight for weight in weights]).pvalue > 0.001


def test_positions_are_uniform():
    """Kolmogorov-Smirnov on consecutive ids, which are the hardest for weak hashes."""
    one = splitter(0.5, 0.5)
    places = [(int.from_bytes(one.key(number)[:8], "big") >> 11) / 2**53 for number in range(50_000)]
    assert kstest(places, "uniform").pvalue > 0.001


def test_salts_split_independently():
    """Units of one treatment get the treatment of another experiment at the usual rate."""
    first, second = splitter(0.5, 0.5, salt="one"), splitter(0.5, 0.5, salt="two")
    table = Counter(zip(arms_of(first), arms_of(second), strict=True))
    assert chisquare(list(table.values())).pvalue > 0.001


def test_ramp_keeps_existing_units():
    """From 10% to 20% all units of the treatment stay in it."""
    before = splitter(0.9, 0.1)
    after = before.ramped({"t1": 0.2})
    assert after.basis_points == (8000, 2000)
    moved = Counter(zip(arms_of(before), arms_of(after), strict=True))
    assert moved["t1", "control"] == 0
    assert moved["control", "t1"] > 0


@given(st.integers(0, BASIS_POINTS), st.integers(0, BASIS_POINTS), st.integers(0, BASIS_POINTS))
def test_ramp_moves_no_unit_between_treatments(first, second, raised):
    """Changing one of two treatments moves units only between it and the control."""
    second = min(second, BASIS_POINTS - first)
    raised = min(raised, BASIS_POINTS - second)
    weights = [(BASIS_POINTS - a - second, a, second) for a in (first, raised)]
    before, after = (splitter(*(points / BASIS_POINTS for points in three)) for three in weights)
    moves = {pair for pair in zip(before._slots, after._slots, strict=True) if len(set(pair)) == 2}
    assert moves <= ({(0, 1)} if raised >= first else {(1, 0)})


@given(basis_points(4))
def test_layout_gives_every_arm_its_weight(points):
    """Exactly, for any number of treatments."""
    one = splitter(*(share / BASIS_POINTS for share in points))
    counts = Counter(one._slots)
    assert [counts[index] for index in range(len(points))] == points


@pytest.mark.parametrize("raised", ["t1", "t2", "t3", "t4"])
def test_ramp_with_four_treatments_moves_no_other_unit(raised):
    """Four treatments of 5% have enough room for one to grow to 20%."""
    before = splitter(0.8, 0.05, 0.05, 0.05, 0.05)
    after = before.ramped({raised: 0.2})
    for was, is_now in zip(arms_of(before), arms_of(after), strict=True):
        assert was == is_now or (was, is_now) == ("control", raised)


def test_ramp_that_would_move_other_units_is_refused():
    """Three treatments can be too large; the message says how many units would move."""
    with pytest.raises(UsageError) as caught:
        splitter(0.5, 0.3, 0.1, 0.1).ramped({"t1": 0.55})
    assert str(caught.value) == (
        "the new weights would move 10% of the units into or out of arms whose weights stay\n"
        "  hint: lower the treatment that grows into them first, or start a new experiment with a new salt  [split-ramp]"
    )


def test_ramp_down_returns_units_to_the_control():
    """A treatment with weight 0 has no units."""
    after = splitter(0.6, 0.4).ramped({"t1": 0})
    assert set(arms_of(after)) == {"control"}


class Colour(enum.Enum):
    RED = "red"


@pytest.mark.parametrize(
    "unit", ["", 0, "0", 7, -1, 2**70, 1.5, True, b"bytes", b"\xff", "na\u00efve", "\ud800", Colour.RED, Decimal("1.25"), Decimal(7),
             uuid.UUID(int=5), date(2026, 11, 26)],
    ids=repr,
)  # fmt: skip
def test_units_of_any_scalar_type(unit):
    """The empty text and zero are valid units."""
    one = splitter(0.5, 0.5)
    assert one.assign(unit) is one.assign(unit)
    assert not one.assign(unit).anonymous
    assert one.unassigned == 0


def test_number_and_its_text_are_one_unit():
    """An id may come from a database or from a URL."""
    one = splitter(0.5, 0.5)
    assert one.key(42) == one.key("42") == one.key(b"42")


@pytest.mark.parametrize(
    ("unit", "problem"),
    [
        (1.0, "1.0 and 1 would be two units"),
        (-0.0, "-0.0 and 0 would be two units"),
        (1e22, "1e+22 and 10000000000000000000000 would be two units"),
        (Decimal("1.0"), "Decimal('1.0') and 1 would be two units"),
        (float("nan"), "nan does not identify a user"),
        (float("inf"), "inf does not identify a user"),
        (Decimal("NaN"), "Decimal('NaN') does not identify a user"),
    ],
)
def test_number_with_two_texts_is_refused(unit, problem):
    """A column of ids that lacks one becomes floats in many libraries, and its users would move."""
    with pytest.raises(UsageError) as caught:
        splitter(0.5, 0.5).assign(unit)
    assert str(caught.value) == (
        f"{problem}\n  hint: pass unit=int(user.id); unit=str(user.id) keeps the arms of a running experiment  [split-unit]"
    )


def test_composed_and_decomposed_accents_are_one_unit():
    """Keyboards and file systems write the same name in two ways; the composed one keeps its arm."""
    one = splitter(0.5, 0.5, salt="s")
    composed, decomposed = "Zo\u00eb", "Zoe\u0308"
    assert one.key(decomposed) == one.key(composed) == hashlib.sha256(b"s:" + composed.encode()).digest()
    assert one.key(decomposed.encode()) != one.key(composed)


@given(st.text(st.characters(max_codepoint=0x2FF, exclude_categories=["Cs"])) | st.integers() | st.uuids() | st.dates())
def test_key_of_an_ordinary_unit_is_the_hash_of_its_text(unit):
    """Salt and text alone decide, so that no version moves the users of a running experiment."""
    assert splitter(0.5, 0.5, salt="s").key(unit) == hashlib.sha256(f"s:{unit}".encode()).digest()


@pytest.mark.parametrize(
    "unit", [["a"], {"id": 1}, ("a",), {1}, object(), bytearray(b"x")], ids=lambda unit: type(unit).__name__
)
def test_unit_without_a_stable_text_is_refused(unit):
    """A list, or an object whose text is its address, would be another unit tomorrow."""
    with pytest.raises(UsageError) as caught:
        splitter(0.5, 0.5).assign(unit)
    assert str(caught.value) == (
        f"a unit is a text or a number, and this is a {type(unit).__name__}\n"
        "  hint: pass what identifies the user, such as unit=user.id  [split-unit]"
    )


def test_missing_unit_gets_the_control_and_is_counted():
    """A random arm must be requested."""
    one = splitter(0.0, 1.0)
    met = [one.assign(None) for _ in range(5)] + [one.assign()]
    assert {(each.arm, each.anonymous) for each in met} == {("control", True)}
    assert one.unassigned == 6


def test_threads_count_missing_units():
    """Calls without a unit from eight threads are all counted."""
    one = splitter(0.5, 0.5)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: [one.assign() for _ in range(1000)], range(8)))
    assert one.unassigned == 8000


def test_anonymous_random_draws_by_weight():
    """Each request without a unit draws an arm of its own."""
    one = splitter(0.75, 0.25, anonymous="random", random=Random(7))
    counts = Counter(one.assign().arm for _ in range(20_000))
    assert chisquare([counts["control"], counts["t1"]], [15_000, 5_000]).pvalue > 0.001
    assert one.assign().anonymous


FORKED = """
import os
from pytest_graysplit import Split, TrafficSplitter
s = TrafficSplitter([Split("today", .5), Split("t1", .5)], salt="test", anonymous="random")
for _ in range(3):
    if os.fork() == 0:
        os.write(1, ("".join(str(s.assign().arm == "t1")[0] for _ in range(64)) + "\\n").encode())
        os._exit(0)
    os.wait()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_forked_workers_draw_different_arms():
    """A server forks its workers from one process; with the same draws they would all be one worker."""
    drawn = subprocess.run([sys.executable, "-c", FORKED], capture_output=True, text=True, check=True).stdout.split()
    assert len(drawn) == len(set(drawn)) == 3
    assert all({"T", "F"} == set(arms) for arms in drawn)


def test_forced_arm_is_marked():
    """A forced request gets its arm regardless of the hash, and is not counted."""
    one = splitter(1.0, 0.0)
    forced = one.assign("user", force="t1")
    assert (forced.arm, forced.model, forced.forced) == ("t1", "t1", True)
    assert not one.assign("user").forced


def test_unknown_arm_is_refused():
    """The message names the nearest arm."""
    with pytest.raises(UsageError) as caught:
        splitter(0.5, 0.5).assign("user", force="contrl")
    assert str(caught.value) == (
        "there is no arm 'contrl', did you mean control?\n  hint: the arms are control, t1  [split-arm-unknown]"
    )


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ((0.3, 0.3), "the weights sum to 0.6, not to 1: 0.3 + 0.3\n  hint: the control takes the rest: a weight of 0.7"),
        ((0.8, 0.5), "the weights sum to 1.3, not to 1: 0.8 + 0.5\n  hint: the control takes the rest: a weight of 0.5"),
        ((0.0, 0.8, 0.7), ("the weights sum to 1.5, not to 1: 0 + 0.8 + 0.7\n"
         "  hint: the control takes the rest: lower a treatment, they alone exceed 1")),
    ],
)  # fmt: skip
def test_weights_must_sum_to_one(weights, message):
    """A seed article ran .3 and .3 as 29/71, and .8 and .5 as 80/20, without a message."""
    with pytest.raises(UsageError) as caught:
        splitter(*weights)
    assert str(caught.value) == f"{message}  [split-weights]"


@pytest.mark.parametrize(
    "weight", [-0.1, 1.5, float("nan"), float("inf"), 0.00005, 1 / 3, True, None, "much"], ids=repr
)
def test_invalid_weight_is_refused(weight):
    """Also a third, which is not a whole number of basis points."""
    with pytest.raises(UsageError) as caught:
        splitter(0.9, weight)
    assert caught.value.problem == (
        f"the weight of t1 is {weight!r}, which is not a share in whole hundredths of a per cent"
    )


def test_thirds_in_basis_points():
    """The user decides how to round a third."""
    assert splitter(0.3334, 0.3333, 0.3333).basis_points == (3334, 3333, 3333)


def test_float_weights_sum_exactly():
    """0.1 + 0.2 + 0.3 is not 0.6 in floating point, but the weights are accepted."""
    assert 0.1 + 0.2 + 0.3 != 0.6
    assert splitter(0.1, 0.2, 0.3, 0.4).basis_points == (1000, 2000, 3000, 4000)


@pytest.mark.parametrize("splits", [[], [Split("only", 1.0)], [Split("m", 0.01)] * 101], ids=len)
def test_number_of_arms_is_checked(splits):
    """One arm is too few, and more than a hundred are too many."""
    with pytest.raises(UsageError) as caught:
        TrafficSplitter(splits, salt="s")
    assert caught.value.slug == "split-arms"


def test_treatments_of_one_model_need_names():
    """An A/A split is distinguished by role, two treatments of one model by name."""
    a_a = TrafficSplitter([Split("m", 0.5), Split("m", 0.5)], salt="s")
    assert a_a.arms == ("control", "m")
    with pytest.raises(UsageError) as caught:
        TrafficSplitter([Split("m", 0.5), Split("n", 0.25), Split("n", 0.25)], salt="s")
    assert str(caught.value) == (
        'two arms are called n\n  hint: give one of them a name of its own: Split("n", ..., name="n-2")  [split-arms]'
    )
    named = TrafficSplitter([Split("m", 0.5), Split("n", 0.25), Split("n", 0.25, name="n-2")], salt="s")
    assert named.arms == ("control", "n", "n-2")


@pytest.mark.parametrize("salt", ["", "  ", None, 7], ids=repr)
def test_salt_is_required(salt):
    """Without one, every experiment would use the same users."""
    with pytest.raises(UsageError) as caught:
        splitter(0.5, 0.5, salt=salt)
    assert caught.value.slug == "split-salt"


def test_model_and_anonymous_are_checked():
    """When the splitter is built, not at the first request."""
    with pytest.raises(UsageError, match="'' is not a model name"):
        TrafficSplitter([Split("m", 0.5), Split("", 0.5)], salt="s")
    with pytest.raises(UsageError, match="'rand' is not a valid value of anonymous"):
        splitter(0.5, 0.5, anonymous="rand")


def test_identity_depends_on_weights_arms_and_salt():
    """The same arguments give the same identity."""
    one = splitter(0.9, 0.1)
    others = [one.ramped({"t1": 0.2}), splitter(0.9, 0.1, salt="other"), splitter(0.8, 0.1, 0.1)]
    assert one.identity == splitter(0.9, 0.1).identity
    assert len({one.identity, *(other.identity for other in others)}) == 4


def test_processes_assign_alike():
    """The arms do not depend on Python's own hash seed."""
    code = (
        "from pytest_graysplit.traffic.splitter import *\n"
        "s = TrafficSplitter([Split('today', .5), Split('t1', .5)], salt='test')\n"
        "print(*(s.assign(f'user-{n}').arm for n in range(50)))"
    )
    environ = {**os.environ, "PYTHONHASHSEED": "1"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environ)
    assert done.stdout.split() == arms_of(splitter(0.5, 0.5), UNITS[:50])


def test_splitter_doctest():
    """The example in the docstring runs."""
    assert doctest.testmod(splitter_module).failed == 0

"""The report of a check of a suite: counts, intervals, names of cases, and power, without claims too many."""

import json

import pytest

from pytest_graysplit.evaluation.mutations.findings import CaseFindings, MutantFinding, OtherAnswers, SuiteFindings
from pytest_graysplit.reporting.suite_report import suite_lines
from pytest_graysplit.reporting.suite_report.counts import by_kind, caught_share, display_names
from pytest_graysplit.reporting.suite_report.suite_json import findings_json
from pytest_graysplit.reporting.suite_report.suite_power import mixtures, power_of
from pytest_graysplit.stats import detectable_drop, power, wilson


def a_mutant(state="caught", kind="number", what="30 → 80"):
    return MutantFinding(kind=kind, what=what, state=state, checks=("expect.contains[0]",) if state == "caught" else ())


def a_found_case(name, *mutants, state="checked", asserted=True, passes=True, **fields):
    return CaseFindings(
        name=name, file="a.yaml", nodeid=f"a.yaml::{name}", state=state, asserted=asserted, passes=passes,
        mutants=mutants, **fields,
    )  # fmt: skip


def a_suite(*cases, **fields):
    return SuiteFindings(control="control-model", margin=0.05, cases=cases, **fields)


def many(number, **fields):
    return [a_found_case(f"case-{place}", a_mutant(), **fields) for place in range(number)]


def text_of(found, width=80, **options):
    return "\n".join("".join(piece.text for piece in line) for line in suite_lines(found, width, **options))


def test_interval_counts_each_case_once():
    """Ten wrong answers of one case are not ten times the evidence."""
    few = a_suite(a_found_case("one", *[a_mutant()] * 10), a_found_case("two", *[a_mutant("missed")] * 10))
    assert tuple(caught_share(few)) == tuple(wilson(1, 2))
    assert caught_share(a_suite()).low == 0


def test_broken_bodies_and_missed_answers_are_not_caught():
    """Both are named."""
    found = a_suite(a_found_case("one", a_mutant(), a_mutant("broke", what="a"), a_mutant("missed", what="b")))
    [count] = by_kind(found)
    assert (count.mutants, count.caught, count.missed_in) == (3, 1, ("one",))
    assert "MISSED one - a number changed: a, which breaks the test and counts for no model" in text_of(found, 120)


def test_cases_that_cannot_fail_and_those_not_checked_are_named():
    """Nothing asserted, nothing noticed, and each reason for a case that was left out."""
    found = a_suite(
        a_found_case("ok", a_mutant()),
        a_found_case("idle", a_mutant("missed"), asserted=False),
        a_found_case("blind", a_mutant("missed")),
        a_found_case("wrong", state="fails", passes=False),
        a_found_case("new", state="unrecorded", passes=None),
    )
    text = text_of(found, 200)
    assert "cannot fail     idle (nothing is asserted), blind (no change is noticed)" in text
    assert "not checked     1 case, the control's own answer already fails: wrong" in text
    assert "not checked     1 case, the control's answer is not recorded: new" in text
    assert text.startswith("Would this suite notice? 3 of 5 cases, 3 wrong answers")


def test_long_lists_are_shortened_unless_verbose():
    """Names and missed answers; one of each kind comes first."""
    missed = [a_mutant("missed", "negation", f"no {place}") for place in range(9)]
    found = a_suite(a_found_case("one", *missed, a_mutant("missed")), *many(3), *[
        a_found_case(f"left-{place}", state="fails") for place in range(9)
    ])  # fmt: skip
    text, whole = text_of(found), text_of(found, verbose=True)
    assert "left-5 and 3 more" in text.replace("\n                ", " ")
    assert "left-8" in whole
    assert text.count("MISSED") == 6
    assert "MISSED one - a number changed" in text
    assert "... and 4 more, -v shows all" in text
    assert whole.count("MISSED") == 10


@pytest.mark.parametrize("width", [80, 120])
def test_lines_fit_the_terminal(width):
    """Table and texts; long names are counted instead."""
    cases = [a_found_case(f"a-rather-long-name-{place}", a_mutant("missed")) for place in range(40)]
    lines = text_of(a_suite(*cases, again=OtherAnswers(model="", cases=40, lost=1, won=1)), width).splitlines()
    assert max(map(len, lines)) <= width


def test_hostile_names_and_answers_are_escaped():
    """They reach a terminal on one line, without a character that it obeys."""
    found = a_suite(a_found_case("\x1b[2J\nid", a_mutant("missed", what="\x1b]0;x\n::error::y")))
    text = text_of(found, 200)
    assert "\x1b" not in text
    assert "MISSED \\x1b[2J\\nid - a number changed: \\x1b]0;x\\n\\x3a:error::y" in text


def test_equal_ids_of_two_files_are_told_apart():
    """By their node ids."""
    first = a_found_case("one")
    second = CaseFindings(name="one", file="b.yaml", nodeid="b.yaml::one", state="checked")
    assert display_names([first, second, a_found_case("two")]) == {
        "a.yaml::one": "a.yaml::one", "b.yaml::one": "b.yaml::one", "a.yaml::two": "two"
    }  # fmt: skip


def test_power_counts_rated_cases_and_clusters():
    """Cases without an assertion are in no pass rate, and cases of a cluster count once."""
    found = a_suite(
        *many(40), a_found_case("idle", asserted=False), a_found_case("new", state="unrecorded", passes=None)
    )
    assert (power_of(found).cases, power_of(found).units) == (40, 40)
    assert [at.by_chance for at in power_of(found).at] == [0.05, 0.1, 0.2, 0.3]
    assert power_of(found).at[1].promoted == power(40, 0.1, 0.05)
    assert power_of(found).at[1].drop == detectable_drop(40, 0.1, 0.05)
    assert "none" not in text_of(found)
    assert power_of(a_suite(*many(40, cluster="c"))).units == 1
    assert power_of(a_suite(*many(40), *many(40))).cases == 40


def test_power_of_a_small_suite_is_not_shown():
    """A verdict takes at least 30 cases."""
    text = text_of(a_suite(*many(29)), 120)
    assert "29 cases cannot show a margin of 5 points: a verdict takes at least 30 cases" in text


def test_power_at_a_planned_look_has_its_critical_values():
    """Stricter than a single look; a suite that is at none holds in any case."""
    usual, at_look = power_of(a_suite(*many(40))), power_of(a_suite(*many(40), looks=(40, 80)))
    assert [one.promoted < other.promoted for one, other in zip(at_look.at, usual.at, strict=True)] == [True] * 4
    assert [one.drop > other.drop for one, other in zip(at_look.at, usual.at, strict=True)] == [True] * 4
    between = a_suite(*many(41), looks=(40, 80))
    assert power_of(between).at == ()
    assert "at none of the planned looks (40, 80), so every verdict is a hold" in text_of(between, 200)


def test_drop_beyond_the_passes_of_the_control_is_not_promised():
    """A control that passes a tenth of the cases cannot lose a quarter of them."""
    found = a_suite(*many(4), *[a_found_case(f"wrong-{place}", state="fails", passes=False) for place in range(36)])
    assert {at.drop for at in power_of(found).at} == {None}


def test_recorded_answers_decide_how_much_differs_by_chance():
    """The control's second answers first, else those of another model, of which only its own passes count, twice."""
    again, other = (OtherAnswers(model=model, cases=40, lost=8, won=3) for model in ("", "weak"))
    own = power_of(a_suite(*many(40), again=OtherAnswers(model="", cases=40, lost=2, won=3), others=(other,)))
    assert (own.source, own.at[0].by_chance) == ("again", 5.5 / 41)
    assert power_of(a_suite(*many(40), others=(other,))).at[0].by_chance == 6.5 / 41
    assert power_of(a_suite(*many(40), others=(other,))).source == "weak"
    assert power_of(a_suite(*many(40), again=again)).harder == 0


def test_threshold_that_the_control_misses_promises_no_promotion():
    """A model as good as the control would miss it too."""
    found = a_suite(*many(40), again=OtherAnswers(model="", cases=40, lost=7, won=0))
    assert (power_of(found).harder, power_of(found).at) == (7, ())
    assert "fail 7 cases more than its first ones" in text_of(found, 200)
    assert "promoted in" not in text_of(found, 200)


def test_weaker_model_is_rejected_more_often_the_more_it_answers():
    """Of a model that is not weaker, and in a small suite, nothing is promised."""
    weak = OtherAnswers(model="weak", cases=40, lost=16, won=4)
    rejected = [one.rejected for one in mixtures(a_suite(*many(40)), weak)]
    assert rejected == sorted(set(rejected))
    assert mixtures(a_suite(), OtherAnswers(model="good", cases=40, lost=4, won=4)) == []
    assert mixtures(a_suite(), OtherAnswers(model="weak", cases=20, lost=16, won=4)) == []
    assert mixtures(a_suite(*many(40, cluster="c")), weak) == []
    assert "weak: its recorded answers fail 16 of 40 cases" in text_of(a_suite(*many(40), others=(weak,)), 200)


def test_findings_survive_the_way_through_json():
    """The session of pytest writes them, and the command reads them."""
    found = a_suite(
        a_found_case("one", a_mutant(), cluster="c"),
        a_found_case("two", state="fails"),
        looks=(100, 200),
        again=OtherAnswers(model="", cases=2, lost=1, won=0),
        others=(OtherAnswers(model="weak", cases=2, lost=1, won=0),),
    )
    assert SuiteFindings.from_json(json.loads(json.dumps(found.as_json()))) == found
    assert json.loads(json.dumps(findings_json(found), allow_nan=False))["results"][0]["mutants"][0]["checks"]

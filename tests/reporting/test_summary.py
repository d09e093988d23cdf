"""The session-end summary in full, for each kind of run, at each width."""

from dataclasses import replace
from decimal import Decimal

import pytest
from factories import (
    DEEPSEEK,
    FLASH,
    SONNET,
    a_case,
    a_miss,
    a_pair,
    a_reply,
    an_error,
    collected,
    one_arm,
    plain,
    verdicts_of,
)
from hypothesis import given
from hypothesis import strategies as st

from pytest_graysplit.config.policy import Policy
from pytest_graysplit.reporting.summary import StyledText, lines
from pytest_graysplit.types import CriterionResult, MetricUsage, Usage


def told(results, *, metric="lexical", width=120, **options):
    return plain(shown(results, metric=metric, width=width, **options))


def shown(results, *, metric="lexical", width=120, policy=None, facts=None, **options):
    """The lines with their styles."""
    return list(lines(results, verdicts_of(results, policy, **(facts or {})), metric=metric, width=width, **options))


def four_cases():
    """Four cases, one of them answered badly; the treatment is faster and cheaper."""
    answers = ["No idea at all.", "You have 1 days!", "You have 2 days!", "You have 3 days!"]
    return [
        a_pair(
            a_case(f"case-{n}", min_similarity=0.75),
            a_reply(f"You have {n} days.", latency_s=1 + n / 10),
            a_reply(answer, DEEPSEEK, latency_s=0.5 + n / 10, cost="0.0001"),
            misses=[] if n else [a_miss()],
        )
        for n, answer in enumerate(answers)
    ]


HEADER = "4 cases · control claude-sonnet-4.5 · replayed 0 of 8 replies · metric lexical"
TABLE = [
    "model               pass rate     95% CI          p50      p95      errors   tokens in/out   cost      per pass",
    "claude-sonnet-4.5   4/4  100.0%   51.0 .. 100.0   1.15 s   1.28 s   0        40/20           $0.0040   $0.0010",
    "deepseek-v3.2       3/4  75.0%    30.1 .. 95.4    0.65 s   0.79 s   0        40/20           $0.0004   $0.0001",
]
AGAINST = [
    "deepseek-v3.2 against claude-sonnet-4.5",
    "  pass rate     -25.0 pp  (90% CI -64.4 .. +25.4, margin -5.0, 4 pairs)                  inconclusive",
    "    retention   keeps 75% of the control's passes  (90% CI 36 .. 143, bound 80)          inconclusive",
    "  cases         1 broke, 0 fixed; 3 right on both, 0 wrong on both",
    "  similarity    0.78 mean of 4, 1 case below 0.75",
    "  latency       x0.56  (90% CI x0.50 .. x0.62, bound x1.25)                              pass",
    "  cost          -87% per pass, $866.67 saved per million passes  (90% CI -94% .. -71%)   pass",
    "  verdict       HOLD: only 4 cases; a verdict needs at least 30",
    "                pass rate may be 64.4 points worse, the margin is 5.0; at least 51 more cases are needed",
]
WORST = "broken cases: tests/test_support.py::case-0 (expect)"


def test_summary_in_full():
    """The compared models, the figures of each, their differences, and the cases to look at."""
    assert told(collected(*four_cases())) == [HEADER, "", *TABLE, "", *AGAINST, WORST]


def test_summary_notes_follow_the_header():
    """Warnings about the run come before its figures, in yellow."""
    told_lines = shown(collected(*four_cases()), notes=["the run was stopped"])
    assert plain(told_lines)[:3] == [HEADER, "the run was stopped", ""]
    assert told_lines[1] == (StyledText("the run was stopped", "yellow"),)


def test_summary_in_brief():
    """Under -q there is no header, note, or list of cases."""
    assert told(collected(*four_cases()), brief=True, notes=["a note"]) == [*TABLE, "", *AGAINST]


def test_table_drops_the_least_important_columns_on_a_narrow_terminal():
    """Models, pass rates, latencies and errors stay longest."""
    assert told(collected(*four_cases()), width=60, brief=True)[:3] == [
        "model              pass rate    p50     p95     errors",
        "claude-sonnet-4.5  4/4  100.0%  1.15 s  1.28 s  0",
        "deepseek-v3.2      3/4  75.0%   0.65 s  0.79 s  0",
    ]


@given(st.integers(1, 150), st.lists(st.sampled_from([SONNET, DEEPSEEK, FLASH]), min_size=1, max_size=3, unique=True))
def test_table_is_never_wider_than_the_terminal(width, treatments):
    """Down to the two most important columns."""
    results = collected(*(a_pair(a_case(), a_reply(), a_reply("30 days", model, cost=None)) for model in treatments))
    table = told(results, width=width, brief=True)[: 2 + len(treatments)]
    narrowest = told(results, width=1, brief=True)[: 2 + len(treatments)]
    assert narrowest[0].split("   ")[0].strip() == "model"
    assert narrowest[0].endswith("pass rate")
    assert max(map(len, table)) <= max(width, *map(len, narrowest))


def test_summary_of_an_aa_run():
    """Both rows name their role, and there is no worst case if all are equal."""
    assert told(collected(a_pair(a_case(), a_reply(), a_reply()))) == [
        "1 case · control claude-sonnet-4.5 · replayed 0 of 2 replies · metric lexical",
        "",
        "model                           pass rate     95% CI          p50      p95      errors   cost      per pass",
        "claude-sonnet-4.5 (control)     1/1  100.0%   20.7 .. 100.0   1.00 s   1.00 s   0        $0.0010   $0.0010",
        "claude-sonnet-4.5 (treatment)   1/1  100.0%   20.7 .. 100.0   1.00 s   1.00 s   0        $0.0010   $0.0010",
        "",
        "claude-sonnet-4.5 against claude-sonnet-4.5, an A/A run: one model in both roles",
        "  pass rate     0.0 pp  (90% CI -73.0 .. +73.0, margin -5.0, 1 pair)   inconclusive",
        "  cases         0 broke, 0 fixed; 1 right on both, 0 wrong on both",
        "  similarity    1.00 mean of 1; not asserted, --graysplit-min-similarity=X sets a threshold",
        "  latency       x1.00  (one pair, no interval)                         inconclusive",
        "  cost          0% per pass, $0.0000 saved per million passes          inconclusive",
        "  verdict       HOLD: only 1 case; a verdict needs at least 30",
        "                pass rate may be 73.0 points worse, the margin is 5.0; at least 54 more cases are needed",
    ]


def test_summary_of_several_treatments():
    """Treatments by name, each with its own lines: a guard, another price."""
    results = collected(
        a_pair(a_case(), a_reply(), a_reply("A month.", FLASH, cost="0.0015", latency_s=2.0)),
        a_pair(a_case(), a_reply(), a_reply("14 days.", DEEPSEEK, cost="0.0001", latency_s=0.5)),
    )
    assert told(results, brief=True, width=106) == [
        "model               pass rate     95% CI          p50      p95      errors   cost      per pass",
        "claude-sonnet-4.5   1/1  100.0%   20.7 .. 100.0   1.00 s   1.00 s   0        $0.0010   $0.0010",
        "deepseek-v3.2       1/1  100.0%   20.7 .. 100.0   0.50 s   0.50 s   0        $0.0001   $0.0001",
        "gemini-2.5-flash    1/1  100.0%   20.7 .. 100.0   2.00 s   2.00 s   0        $0.0015   $0.0015",
        "",
        "deepseek-v3.2 against claude-sonnet-4.5",
        "  pass rate     0.0 pp  (90% CI -73.0 .. +73.0, margin -5.0, 1 pair)   inconclusive",
        "  cases         0 broke, 0 fixed; 1 right on both, 0 wrong on both",
        "  similarity    0.57 mean of 1; not asserted, --graysplit-min-similarity=X sets a threshold",
        "  guards        number-changed 1",
        "  latency       x0.50  (one pair, no interval)                         inconclusive",
        "  cost          -90% per pass, $900.00 saved per million passes        inconclusive",
        "  verdict       HOLD: only 1 case; a verdict needs at least 30",
        "                pass rate may be 73.0 points worse, the margin is 5.0; at least 54 more cases are needed",
        "",
        "gemini-2.5-flash against claude-sonnet-4.5",
        "  pass rate     0.0 pp  (90% CI -73.0 .. +73.0, margin -5.0, 1 pair)   inconclusive",
        "  cases         0 broke, 0 fixed; 1 right on both, 0 wrong on both",
        "  similarity    0.00 mean of 1; not asserted, --graysplit-min-similarity=X sets a threshold",
        "  latency       x2.00  (one pair, no interval)                         inconclusive",
        "  cost          +50% per pass, $500.00 more per million passes         inconclusive",
        "  verdict       HOLD: only 1 case; a verdict needs at least 30",
        "                pass rate may be 73.0 points worse, the margin is 5.0; at least 54 more cases are needed",
    ]


def row_of(results, label):
    """The text of one line of the only comparison."""
    (line,) = [line for line in told(results, brief=True) if line.startswith(f"  {label} ")]
    return line.removeprefix(f"  {label}").strip()


def cells_of(results, model):
    """The table's cells in one model's row."""
    (row,) = [line for line in told(results, brief=True) if line.startswith(f"{model}   ")]
    return [cell.strip() for cell in row.split("   ") if cell.strip()]


def test_summary_of_an_unknown_price():
    """One reply without a price makes the sum and the comparison unknown, never $0."""
    results = collected(
        a_pair(a_case("a"), a_reply(), a_reply("30 days", DEEPSEEK)),
        a_pair(a_case("b"), a_reply(), a_reply("30 days", DEEPSEEK, cost=None)),
    )
    assert cells_of(results, DEEPSEEK)[-2:] == ["unknown", "unknown"]
    assert cells_of(results, SONNET)[-2:] == ["$0.0020", "$0.0010"]
    assert row_of(results, "cost") == "unknown: no price for 1 of 2 answers of deepseek-v3.2"


def test_summary_of_unknown_tokens():
    """A relay without usage is not a model that writes nothing."""
    results = collected(a_pair(a_case(), a_reply(tokens=None, cost=None), a_reply("30 days", DEEPSEEK)))
    assert "unknown" in cells_of(results, SONNET)
    assert "0/0" not in cells_of(results, SONNET)


@pytest.mark.parametrize(
    ("cost", "text"),
    [
        ("0.5", "$500,000.00 more per million passes: the control is free   fail"),
        ("0", "both models are free                                   inconclusive"),
    ],
)
def test_summary_of_a_free_control(cost, text):
    """Both prices are known, so the cost is not unknown; a percentage of 0 does not exist."""
    assert (
        row_of(collected(a_pair(a_case(), a_reply(cost="0"), a_reply("30 days", DEEPSEEK, cost=cost))), "cost") == text
    )


def test_summary_of_a_free_treatment():
    """All of the cost per pass is saved; there is no interval, since nothing was estimated."""
    results = collected(a_pair(a_case(), a_reply(cost="0.5"), a_reply("30 days", DEEPSEEK, cost="0")))
    assert row_of(results, "cost") == "-100% per pass, $500,000.00 saved per million passes   pass"


def test_summary_names_each_reason_for_an_unknown_cost():
    """An answer without usage is not a model without a price; a total of tokens alone cannot be priced."""
    answers = [
        a_reply("30 days", DEEPSEEK),
        a_reply("30 days", DEEPSEEK, cost=None, tokens=None),
        replace(a_reply("30 days", DEEPSEEK, cost=None), usage=Usage(total=9)),
    ]
    results = collected(*(a_pair(a_case(f"{n}"), a_reply(), answer) for n, answer in enumerate(answers)))
    assert row_of(results, "cost") == "unknown: no token usage with 2 of 3 answers of deepseek-v3.2"
    answers[0] = replace(a_reply("30 days", DEEPSEEK, cost=None), reported_cost_usd=Decimal(0))
    results = collected(*(a_pair(a_case(f"{n}"), a_reply(cost=None), answer) for n, answer in enumerate(answers)))
    assert row_of(results, "cost") == (
        "unknown: no price for claude-sonnet-4.5, no token usage with 2 of 3 answers of deepseek-v3.2, "
        "a reported cost of 0, against its price, with 1 of 3 answers of deepseek-v3.2"
    )


def test_summary_of_a_model_without_a_pass_has_no_cost_per_pass():
    """Money was spent without a pass, and there is no ratio."""
    results = collected(a_pair(a_case(), a_reply(), a_reply("30 days", DEEPSEEK), misses=[a_miss()]))
    assert cells_of(results, DEEPSEEK)[-2:] == ["$0.0010", "no pass"]
    assert row_of(results, "cost") == "unknown: no pass of deepseek-v3.2"


def test_summary_shows_failed_calls_in_red():
    """Without a reply nothing is measured, and nothing looks like a pass or a tie."""
    failed = a_pair(a_case(), an_error(), an_error(DEEPSEEK), judged=False)
    told_lines = shown(collected(failed))
    assert plain(told_lines) == [
        "1 case · control claude-sonnet-4.5 · replayed 0 of 2 replies · metric lexical",
        "",
        "model               pass rate   95% CI   p50   p95   errors   tokens in/out   cost      per pass",
        "claude-sonnet-4.5   -           -        -     -     1        unknown         unknown   unknown",
        "deepseek-v3.2       -           -        -     -     1        unknown         unknown   unknown",
        "",
        "deepseek-v3.2 against claude-sonnet-4.5",
        "  pass rate     inconclusive: no case was judged on both models",
        "  similarity    unknown: no case has two answers to compare",
        "  latency       unknown",
        "  cost          unknown: no answer of claude-sonnet-4.5 and deepseek-v3.2",
        "  verdict       HOLD: no case was judged on both models",
        "                no result on both models for 1 of 1 case: 1 neither model answered",
    ]
    assert [line[0].style for line in told_lines[3:5]] == ["red", "red"]


def test_summary_of_cases_without_a_judgement_has_no_rate():
    """If no test body finished, the difference is inconclusive."""
    results = collected(a_pair(a_case(), a_reply(), a_reply("30 days", DEEPSEEK), judged=False))
    assert cells_of(results, DEEPSEEK)[1:3] == ["-", "-"]
    assert row_of(results, "pass rate") == "inconclusive: no case was judged on both models"


def test_summary_of_one_arm_has_no_comparison():
    """A treatment alone has nothing to be compared with."""
    assert told(collected(one_arm(a_case(), DEEPSEEK, a_reply("30 days", DEEPSEEK)))) == [
        "1 case · replayed 0 of 1 replies · metric lexical",
        "",
        "model           pass rate     95% CI          p50      p95      errors   tokens in/out   cost      per pass",
        "deepseek-v3.2   1/1  100.0%   20.7 .. 100.0   1.00 s   1.00 s   0        10/5            $0.0010   $0.0010",
    ]


def test_summary_header_counts_replayed_replies():
    """Times in a replay are those of the recording."""
    results = collected(a_pair(a_case(), a_reply(replayed=True), a_reply("30 days", DEEPSEEK, replayed=True)))
    assert told(results)[0] == (
        "1 case · control claude-sonnet-4.5 · replayed 2 of 2 replies, latencies as recorded · metric lexical"
    )


def test_summary_shows_the_controls_own_similarity():
    """A treatment cannot repeat the control more closely than the control does."""
    pair = a_pair(
        a_case(min_similarity=0.5),
        a_reply(),
        a_reply("30 days", DEEPSEEK),
        spare=[a_reply("30 days!")],
        score=lambda one, other: float(one.text[:7] == other.text),
    )
    assert row_of(collected(pair), "similarity") == "1.00 mean of 1, 0 cases below 0.5; control with itself 0.00"


@pytest.mark.parametrize(
    ("passes", "state", "style"),
    [([(1, 1)] * 3, "inconclusive", "yellow"), ([(1, 0)] * 30, "fail", "red"), ([(1, 1)] * 60, "pass", "green")],
)
def test_summary_colours_each_state(passes, state, style):
    """The verdict has the colour of its decision."""
    pairs = [
        a_pair(
            a_case(f"case-{n}"),
            a_reply(),
            a_reply("30 days.", DEEPSEEK),
            control_misses=[] if control else [a_miss("control")],
            misses=[] if treatment else [a_miss()],
        )
        for n, (control, treatment) in enumerate(passes)
    ]
    told_lines = shown(collected(*pairs))
    (difference,) = [line for line in told_lines if line and line[0].text.startswith("  pass rate")]
    (verdict,) = [line for line in told_lines if line and line[0].text.startswith("  verdict")]
    assert difference[-1] == StyledText(state, style)
    assert verdict[-1].style == style


def test_summary_wraps_reasons_on_a_narrow_terminal():
    """A state stands right behind its figures, and nothing is cut off."""
    told_lines = told(collected(*four_cases()), width=70, brief=True)
    assert told_lines[4:] == [
        "deepseek-v3.2 against claude-sonnet-4.5",
        "  pass rate     -25.0 pp  (90% CI -64.4 .. +25.4, margin -5.0, 4 pairs)  inconclusive",
        "    retention   keeps 75% of the control's passes  (90% CI 36 .. 143, bound 80)  inconclusive",
        "  cases         1 broke, 0 fixed; 3 right on both, 0 wrong on both",
        "  similarity    0.78 mean of 4, 1 case below 0.75",
        "  latency       x0.56  (90% CI x0.50 .. x0.62, bound x1.25)  pass",
        "  cost          -87% per pass, $866.67 saved per million passes  (90% CI -94% .. -71%)  pass",
        "  verdict       HOLD: only 4 cases; a verdict needs at least 30",
        "                pass rate may be 64.4 points worse, the margin is 5.0;",
        "                at least 51 more cases are needed",
    ]


def test_summary_shows_optional_lines():
    """Errors if there are any, high percentiles with enough cases, the deficit, and a critical tag."""
    pairs = [
        a_pair(
            a_case(f"case-{n:03}", tags=("refund",) if n < 10 else ()),
            a_reply(latency_s=1.0 + n % 3),
            a_reply("30 days.", DEEPSEEK, latency_s=1.0 + n % 4, outcome="ok" if n else "refusal"),
            spare=[a_reply("30 days.")],
        )
        for n in range(60)
    ]
    policy = Policy(critical_tags=("refund",), max_latency_s=3.5)
    told_lines = told(collected(*pairs), brief=True, policy=policy, width=130)
    labels = [line[2:16].strip() for line in told_lines[5:] if line[:2] == "  "]
    assert [label for label in labels if label] == [
        *(
            "pass rate",
            "refund",
            "cases",
            "similarity",
            "deficit",
            "errors",
            "latency",
            "p95",
            "budget",
            "cost",
            "verdict",
        ),
    ]


def many(*similarities):
    """Cases with a threshold and a similarity of their own."""
    return collected(
        *(
            a_pair(
                a_case(f"case-{n}", min_similarity=threshold),
                a_reply(),
                a_reply("30 days", DEEPSEEK),
                score=lambda control, treatment, told=similarity: told,
            )
            for n, (threshold, similarity) in enumerate(similarities)
        )
    )


def test_worst_cases_are_those_below_their_own_threshold():
    """Another case with a higher threshold does not matter."""
    results = many((0.5, 0.7), (0.9, 0.8), (None, 0.2), (0.95, 1.0))
    shown = told(results)
    assert row_of(results, "similarity") == "0.68 mean of 4, 1 case below its threshold"
    assert shown[-1] == "worst cases: tests/test_support.py::case-1 0.80"


def test_worst_cases_without_thresholds_are_sorted_by_similarity():
    """At most five, then by name."""
    results = many(*((None, (3 + n % 4) / 10) for n in range(8)))
    assert told(results, width=400)[-1] == (
        "worst cases: tests/test_support.py::case-0 0.30 · tests/test_support.py::case-4 0.30 · "
        "tests/test_support.py::case-1 0.40 · tests/test_support.py::case-5 0.40 · tests/test_support.py::case-2 0.50"
    )


@given(st.integers(48, 400))
def test_worst_cases_fit_on_one_line(width):
    """As many as there is room for, and at least one."""
    worst = told(many(*((None, n / 10) for n in range(1, 8))), width=width)[-1]
    assert worst.startswith("worst cases: tests/test_support.py::case-0 0.10")
    assert len(worst) <= width


def test_worst_cases_show_a_score_below_its_threshold():
    """0.7496 beside 0.75 is not written 0.75."""
    assert told(many((0.75, 0.7496)))[-1] == "worst cases: tests/test_support.py::case-0 0.7496"


def blind(number, other):
    """A case whose control says `other` the second time."""
    return a_pair(
        a_case(f"case-{number}", min_similarity=0.9),
        a_reply("The sky is blue."),
        a_reply("The sky is blue.", DEEPSEEK),
        spare=[a_reply(other)],
    )


@pytest.mark.parametrize(
    ("width", "line"),
    [
        (180, ("cannot discriminate: tests/test_support.py::case-2, tests/test_support.py::case-1 and "
              "tests/test_support.py::case-3 (the control is less like itself than the threshold)")),
        (120, ("cannot discriminate: tests/test_support.py::case-2 and 2 more "
              "(the control is less like itself than the threshold)")),
        (100, "cannot discriminate: tests/test_support.py::case-2, tests/test_support.py::case-1 and 1 more"),
        (80, "cannot discriminate: tests/test_support.py::case-2 and 2 more"),
        (40, "cannot discriminate: 3 cases"),
    ],
)  # fmt: skip
def test_summary_names_cases_that_cannot_discriminate(width, line):
    """The noisiest first, on one line, without cases whose control repeats itself."""
    noisy = {0: "The sky is blue.", 1: "The sky is grey today.", 2: "Grass.", 3: "The sky is bluish."}
    results = collected(*(blind(number, other) for number, other in noisy.items()))
    assert told(results, width=width)[-1] == line
    assert line not in told(results, width=width, brief=True)


def test_similarity_line_marks_a_calibrated_threshold():
    """The user did not write that number."""
    results = collected(
        a_pair(a_case(min_similarity=0.213, calibrated=True), a_reply(), a_reply("Grass.", DEEPSEEK), spare=[a_reply()])
    )
    assert row_of(results, "similarity").endswith(", 1 case below 0.213 (auto); control with itself 1.00")


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        (
            {"calls": 80, "cost_usd": Decimal("0.0123"), "better": 12, "ties": 20, "worse": 8, "disagreements": 5},
            "  judge         gpt-4.1: 80 calls, $0.0123; 12 better, 20 ties, 8 worse; 5 orders disagreed",
        ),
        (
            {"calls": 1, "cost_usd": None, "ties": 1, "disagreements": 1, "unreadable": 2, "failed": 3},
            "  judge         gpt-4.1: 1 call, cost unknown; 0 better, 1 tie, 0 worse; 1 order disagreed; 2 unreadable; 3 failed",
        ),
        ({"metric": "semantic", "calls": 80}, "  embeddings    gpt-4.1: 80 calls, $0.0000"),
    ],
)
def test_summary_shows_the_usage_of_a_metric(fields, line):
    """Calls, cost, and the results of a judge; an unknown cost is not 0."""
    asked = MetricUsage(**{"metric": "judge", "model": "gpt-4.1", **fields})
    pair = replace(a_pair(a_case(), a_reply(), a_reply("14 days.", DEEPSEEK)), asked=asked)
    assert line in told(collected(pair))


def test_summary_adds_usage_by_metric_and_model():
    """Two cases of one judge are one line; another metric has a line of its own."""
    judge = MetricUsage(metric="judge", model="gpt-4.1", calls=2, cost_usd=Decimal("0.001"), worse=1)
    vectors = MetricUsage(metric="semantic", model="e", calls=2, cost_usd=None)
    pairs = [
        replace(a_pair(a_case(f"case-{n}"), a_reply(), a_reply("14 days.", DEEPSEEK)), asked=asked)
        for n, asked in enumerate([judge, vectors, judge, None])
    ]
    shown_lines = told(collected(*pairs))
    first = next(number for number, line in enumerate(shown_lines) if line.startswith("  judge"))
    assert shown_lines[first : first + 2] == [
        "  judge         gpt-4.1: 4 calls, $0.0020; 0 better, 0 ties, 2 worse",
        "  embeddings    e: 2 calls, cost unknown",
    ]


def test_summary_names_the_criteria_that_fail_most():
    """For each arm as many as fit on its line, the worst first; a criterion that never fails is only counted."""
    fails = {"names the 30-day window": 3, "promises no refund before the goods are back": 2, "is polite": 0}
    pairs = []
    for n in range(4):
        pair = a_pair(a_case(f"case-{n}"), a_reply(), a_reply("14 days.", DEEPSEEK))
        held = [[(name, True) for name in fails], [(name, n >= number) for name, number in fails.items()]]
        arms = (
            replace(arm, rubric=tuple(CriterionResult(criterion=name, sample=0, holds=holds) for name, holds in some))
            for arm, some in zip(pair.arms, held, strict=True)
        )
        pairs.append(replace(pair, arms=tuple(arms)))
    lines_of = [[line for line in told(collected(*pairs), width=width) if " fails " in line] for width in (140, 80)]
    first = "                deepseek-v3.2 fails 5 of 12: 'names the 30-day window' 3 of 4"
    assert lines_of[0] == [
        "  criteria      claude-sonnet-4.5 fails 0 of 12",
        f"{first}, 'promises no refund before the goods are '… 2 of 4",
    ]
    assert lines_of[1][1] == first


@pytest.mark.parametrize(
    ("number", "shown"), [(1, ["broken cases: tests/test_support.py::case-00 (expect)"]), (12, None)]
)
def test_broken_cases_are_named_on_several_lines(number, shown):
    """At most five, the worst first, and the rest counted; no name is cut in two."""
    pairs = [
        a_pair(a_case(f"case-{n:02}"), a_reply(), a_reply("30 days", DEEPSEEK), misses=[a_miss()])
        for n in range(number)
    ]
    lines = told(collected(*pairs), width=100)
    named = lines[next(place for place, line in enumerate(lines) if line.startswith("broken cases: ")) :]
    assert shown is None or named == shown
    text = " ".join(line.strip() for line in named)
    assert text.count("(expect)") == min(number, 5)
    assert number <= 5 or text.endswith("· 7 more")
    assert max(map(len, named)) <= 100

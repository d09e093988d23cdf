"""The texts of the page: numbers as the terminal writes them, and unknown figures that say so."""

import live_snapshots as snapshots
import pytest

from pytest_graysplit.formatting import display
from pytest_graysplit.reporting.dashboard.page_text import case_texts, page_texts


def texts_of_row(**news):
    """The texts of one row of a comparison."""
    compared = snapshots.comparison(rows=[{**snapshots.ROWS[0], **news}])
    [comparison] = page_texts(snapshots.run(comparisons=[compared]))["comparisons"]
    return comparison["rows"][0]


def lines_of(*arms, unit="cases"):
    """The lines of the table of figures by title."""
    progress = {**snapshots.run()["progress"], "unit": unit}
    lines = page_texts(snapshots.run(arms=list(arms), progress=progress))["table"]
    return {line["title"]: line["cells"] for line in lines}


def test_rows_are_written_in_their_unit_with_their_range_and_bound():
    """As the terminal writes them, and a bound with every digit that was given."""
    texts = page_texts(snapshots.run())
    assert [list(row.values()) for row in texts["comparisons"][0]["rows"]] == [
        ["n 120, Tango 90%", "-2.5 pp", "-5.6 .. +0.4", "-5.0"],
        ["n 120, paired t", "0.021", "0.008 .. 0.034", "0.05"],
        ["n 120, Tango 90%", "+0.8 pp", "-0.6 .. +1.9", "+2.0"],
        ["n 120, paired t on logarithms", "x0.69", "x0.64 .. x0.74", "x1.25"],
        ["n 120, paired bootstrap", "x0.66", "x0.58 .. x0.81", "x2"],
        ["n 120, delta", "x0.03", "x0.03 .. x0.03", "x1"],
        ["n 120, paired t", "$7,590.40", "$7,100.00 .. $8,080.00", ""],
    ]


@pytest.mark.parametrize("value", [0.0, 0.0004, 0.004, 0.0049, 0.03, 0.0994, 0.5, 1.0, 9.994, 9.996, 123.4])
def test_ratio_of_a_row_is_that_of_the_terminal(value):
    """Also the smallest, for which the page had a form of its own."""
    assert texts_of_row(unit="ratio", estimate=value)["estimate"] == display.ratio(value)


def test_share_of_a_row_has_its_sign():
    """A share of all is not rounded up to."""
    row = texts_of_row(unit="share", estimate=0.9996, low=0.5, high=1.0, bound=0.95)
    assert list(row.values())[1:] == [">99.9%", "50.0 .. 100.0", "95.0"]


def test_wait_of_a_row_is_in_seconds():
    """With its bound, and without an upper end while there are few units."""
    row = texts_of_row(unit="seconds", estimate=1.51, low=1.4, high=12.6, bound=3.0)
    assert list(row.values())[1:] == ["1.51 s", "1.40 s .. 12.6 s", "3.00 s"]
    assert texts_of_row(unit="seconds", estimate=1.51, low=1.4, high=None)["range"] == "1.40 s .. no bound"


def test_waits_and_signals_of_an_arm():
    """Lines exist only if any arm has them; an arm without a signal has a share of 0."""
    plain = lines_of(snapshots.arm("control", "a"), unit="requests")
    assert not [title for title in plain if "waited" in title or title.startswith("Signal")]
    waits = {"mean": 1.0, "p50": 0.9, "p95": 3.2, "p99": 12.6, "n": 118}
    ticket = {"n": 3, "sum": 3.0, "per_unit": 0.03, "mean": 1.0, "lag_s": {"mean": 40.0, "p50": 42.0, "n": 3}}
    lines = lines_of(
        snapshots.arm("control", "a", units=100),
        snapshots.arm("b", "b", units=100, wait_s=waits, signals={"ticket": ticket}),
        unit="requests",
    )
    assert lines["Users waited p50"] == [["-"], ["0.90 s", "of 118"]]
    assert (lines["waited p95"], lines["waited p99"]) == ([["-"], ["3.20 s"]], [["-"], ["12.6 s"]])
    assert lines["Signal ticket"] == [["0.0%"], ["3.0%", "3 signals", "half within 42.0 s"]]


@pytest.mark.parametrize(
    ("news", "expected"),
    [
        ({"estimate": None, "low": None, "high": None, "state": None}, ["not enough data", ""]),
        ({"estimate": None, "low": None, "high": None, "state": "fail"}, ["the control is free", ""]),
        ({"low": None}, ["-2.5 pp", "no bound .. +0.4"]),
        ({"high": None}, ["-2.5 pp", "-5.6 .. no bound"]),
        ({"low": None, "high": None}, ["-2.5 pp", ""]),
    ],
)
def test_unknown_ends_of_a_row_are_named(news, expected):
    """An estimate or an end that is missing is never a zero."""
    row = texts_of_row(**news)
    assert [row["estimate"], row["range"]] == expected


def test_score_stays_on_its_side_of_the_bound():
    """Three decimals, or more where they would seem to reach the bound."""
    row = texts_of_row(unit="score", estimate=0.04996, low=0.021, high=0.0512, bound=0.05)
    assert [row["estimate"], row["range"], row["bound"]] == ["0.04996", "0.021 .. 0.051", "0.05"]


def test_progress_of_a_run_and_of_traffic():
    """With the replies and the cost as far as they are known."""
    progress = snapshots.run()["progress"]
    assert page_texts(snapshots.run())["progress"] == {
        "text": "84 of 120 cases judged · 214 of 240 replies fetched · $0.9668 spent",
        "bar": "84 of 120 cases",
        "title": "84/120",
    }
    unpriced = {**progress, "spent_usd": None}
    assert page_texts(snapshots.run(progress=unpriced))["progress"]["text"].endswith(" · cost unknown")
    assert page_texts(snapshots.traffic())["progress"] == {
        "text": "9,124 requests · $82.10 spent",
        "bar": "",
        "title": "9,124",
    }


def test_heads_name_role_second_treatment_and_weight():
    """A treatment with the control's model is named; a weight of a third is not rounded away."""
    twin = snapshots.arm("shadow", "claude-sonnet-4.5", weight=1 / 3)
    arms = page_texts(snapshots.run(arms=[snapshots.arm("control", "claude-sonnet-4.5"), twin]))["arms"]
    assert [(arm["name"], arm["head"]) for arm in arms] == [
        ("claude-sonnet-4.5 (control)", "control"),
        ("shadow", "treatment shadow, 33.3333% of traffic"),
    ]


def test_costs_are_compared_with_the_control():
    """With a ratio where both are known, and with the replies that have no price."""
    control = snapshots.arm("control", "a", cost_usd=1.18)
    arms = [
        control,
        snapshots.arm("b", "b", cost_usd=0.59),
        snapshots.arm("c", "c", cost_usd=None, unpriced=1),
        snapshots.arm("d", "d", cost_usd=0.5, passed=0),
    ]
    assert [tuple(arm["cost"].values()) for arm in page_texts(snapshots.run(arms=arms))["arms"]] == [
        ("$0.0100", "$1.18 in all"),
        ("$0.0050", "$0.5900 in all, x0.50 of the control's"),
        ("unknown", "unknown in all, 1 reply without a price"),
        ("no pass", "$0.5000 in all"),
    ]


def test_table_shows_kinds_of_errors_by_number_and_counts_the_rest():
    """The five most frequent, errors and other outcomes alike; without answers there is no share."""
    kinds = {f"http-50{number}": number for number in range(1, 7)}
    arm = snapshots.arm("control", "a", errors=21, error_classes=kinds, outcomes={"ok": 90, "error": 21, "empty": 9})
    silent = snapshots.arm("b", "b", n=0, passed=0)
    assert lines_of(arm, silent)["Errors"] == [
        ["21 of 120", "17.5%", "empty 9", "http-506 6", "http-505 5", "http-504 4", "http-503 3", "and 2 more kinds"],
        ["-"],
    ]


def test_table_has_optional_lines_only_where_an_arm_has_the_figure():
    """Percentile 99, fallbacks, feedback; cached tokens and units stand below."""
    short = {**snapshots.arm("control", "a")["latency_s"], "p99": None, "n": 100}
    plain = lines_of(snapshots.arm("control", "a", latency_s=short))
    assert list(plain) == [
        "Cases", "Pass rate", "Latency p50", "p95", "Errors", "Tokens in / out", "Cost", "Cost per pass",
    ]  # fmt: skip
    assert plain["Latency p50"] == [["1.21 s", "of 100"]]
    full = lines_of(
        snapshots.arm("control", "a", units=1, fallbacks=0, feedback={"n": 0, "mean": None}),
        snapshots.arm("b", "b", tokens={"prompt": 1234, "completion": 5, "cached": 900}, feedback={"n": 3, "mean": 1}),
        unit="requests",
    )
    assert full["Requests"] == [["120", "1 unit"], ["120"]]
    assert full["Fallbacks"] == [["0"], ["-"]]
    assert full["Feedback"] == [["-"], ["1.00", "of 3"]]
    assert full["Tokens in / out"][1] == ["1.2k / 5", "900 cached"]


def test_windows_are_described_by_the_last_one():
    """An arm without requests in it says so; other lengths than a minute are named."""
    snapshot = snapshots.traffic()
    last = {"seconds": 30, "arms": {"control": {"n": 0, "errors": 0, "p95": None}}}
    texts = page_texts({**snapshot, "windows": [*snapshot["windows"], last]})["windows"]
    assert texts == {
        "caption": "Requests per 30 s",
        "requests": "Requests over time; in the last window: claude-sonnet-4.5 (control) 0, deepseek-v3.2 none.",
        "errors": (
            "Share of errors over time; in the last window: claude-sonnet-4.5 (control) none, deepseek-v3.2 none."
        ),
        "p95": (
            "Latency, 95th percentile over time; in the last window: claude-sonnet-4.5 (control) none, "
            "deepseek-v3.2 none."
        ),
    }


def test_similarity_names_what_is_unknown():
    """Without a threshold, and without a mean."""
    similarity = {**snapshots.SIMILARITY, "n": 1, "mean": None, "threshold": None}
    [comparison] = page_texts(snapshots.run(comparisons=[snapshots.comparison(similarity=similarity)]))["comparisons"]
    assert comparison["similarity"] == {"text": "1 pair: mean unknown, no threshold.", "threshold": "no threshold"}


@pytest.mark.parametrize(
    ("news", "facts"),
    [
        ({"similarity": None}, "deepseek-v3.2 · similarity unknown · threshold 0.4 · metric lexical"),
        ({"similarity": None, "threshold": None, "metric": None}, "deepseek-v3.2"),
        ({"similarity": 0.3999}, "deepseek-v3.2 · similarity 0.3999 · threshold 0.4 · metric lexical"),
    ],
)
def test_facts_of_a_case(news, facts):
    """A request of live traffic was not compared, and a similarity stays below its threshold."""
    assert case_texts(snapshots.case("x", **news))["facts"] == facts


def test_source_that_leaves_fields_out_is_shown_with_unknown_figures():
    """A source of the user's own need not know everything."""
    texts = page_texts({"arms": [{"arm": "control", "role": "control", "model": "a"}], "worst": [{}]})
    assert texts["worst"] == ["-"]
    assert [line["cells"] for line in texts["table"]][1:] == [[["-"]]] * 7
    assert page_texts({"progress": {"done": 3.0}})["progress"]["text"] == "3 cases"
    assert case_texts({"arms": [{}]}) == {
        "facts": "",
        "arms": ["cost unknown"],
        "calls": [[]],
        "turns": [],
        "steps": [],
    }


def test_case_texts_write_each_call_on_one_line():
    """Whole, also if they are long, unreadable or nameless; a source of the user's own may know no calls."""
    calls = [
        {"name": "refund", "arguments": {"order": 1001, "note": "a\nb"}, "id": "c1"},
        {"name": "refund", "arguments": None, "arguments_text": "{"},
        {},
    ]
    arms = [{"tool_calls": calls}, {"tool_calls": None}]
    assert case_texts({"arms": arms})["calls"] == [
        ['refund(order=1001, note="a\\nb")', 'refund(not a JSON object: "{")', "(a tool without a name)()"],
        [],
    ]

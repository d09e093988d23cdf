"""A source for tests, and the snapshots and cases that tests start from."""

import copy
import itertools
import math


class FakeSource:
    """A source whose `state` (the snapshot) and `cases` a test may change from any thread."""

    def __init__(self, state, cases=None):
        self.state = state
        self.cases = cases or {}
        self.reads = 0

    def snapshot(self):
        self.reads += 1
        return copy.deepcopy(self.state)

    def case(self, case_id):
        return self.cases.get(case_id)

    def change(self, **news):
        """Change some keys of the snapshot."""
        self.state = {**self.state, **news}


def bell(edges, middle, width, total):
    """Return counts of a log-normal shape, as real latencies have."""
    centres = [(low + high) / 2 for low, high in itertools.pairwise(edges)]
    heights = [math.exp(-((math.log(each / middle) / width) ** 2) / 2) for each in centres]
    return [round(total * height / sum(heights)) for height in heights]


LATENCY_EDGES = [round(0.1 * 1.25**step, 4) for step in range(21)]


def arm(name, model, *, n=120, passed=118, errors=0, p50=1.21, cost_usd=0.939, **news):
    """Return the figures of one arm; without answers all measurements are null."""
    some = n > 0
    rate = passed / n if some else None
    return {
        "arm": name,
        "role": "control" if name == "control" else "treatment",
        "model": model,
        "weight": None,
        "n": n,
        "passed": passed,
        "pass_rate": rate,
        "pass_rate_ci": [max(0.0, rate - 0.04), min(1.0, rate + 0.012)] if some else None,
        "units": None,
        "errors": errors,
        "outcomes": {"ok": n - errors, "error": errors},
        "error_classes": {"relay-timeout": errors} if errors else {},
        "latency_s": {"mean": p50 * 1.1, "p50": p50, "p95": p50 * 2.4, "p99": p50 * 3.1, "n": n}
        if some
        else {"mean": None, "p50": None, "p95": None, "p99": None, "n": 0},
        "latency_histogram": {"edges": LATENCY_EDGES, "counts": bell(LATENCY_EDGES, p50, 0.45, n)} if some else None,
        "tokens": {"prompt": 103 * n, "completion": 500 * n, "cached": 0},
        "cost_usd": cost_usd if some else None,
        "unpriced": 0,
        "cost_per_pass_usd": cost_usd / passed if some and passed and cost_usd is not None else None,
        "feedback": None,
        "fallbacks": None,
        **news,
    }


def row(name, label, state, interval, bound, unit, **news):
    """Return one row of a comparison; the interval is (low, estimate, high)."""
    low, estimate, high = interval
    return {
        "name": name, "label": label, "state": state, "estimate": estimate, "low": low, "high": high, "bound": bound,
        "n": 120, "method": "Tango 90%", "critical": False, "unit": unit, **news,
    }  # fmt: skip


ROWS = [
    row("pass_rate", "pass rate", "inconclusive", (-0.056, -0.025, 0.004), -0.05, "points", critical=True),
    row("similarity_deficit", "similarity deficit", "pass", (0.008, 0.021, 0.034), 0.05, "score", method="paired t"),
    row("errors", "errors", "pass", (-0.006, 0.0083, 0.019), 0.02, "points"),
    row("latency", "latency", "pass", (0.64, 0.69, 0.74), 1.25, "ratio", method="paired t on logarithms"),
    row("latency_p95", "latency p95", "pass", (0.58, 0.66, 0.81), 2.0, "ratio", method="paired bootstrap"),
    row("cost_per_pass", "cost per pass", "pass", (0.027, 0.03, 0.033), 1.0, "ratio", method="delta"),
    row("savings", "savings per million", None, (7100.0, 7590.4, 8080.0), None, "usd", method="paired t"),
]
COUNTS = [0, 0, 1, 1, 2, 1, 3, 5, 4, 6, 7, 9, 12, 13, 15, 14, 12, 9, 5, 1]
SIMILARITY = {"n": 120, "mean": 0.687, "threshold": 0.4, "edges": [step / 20 for step in range(21)], "counts": COUNTS}
REASON = "pass rate may be 5.6 points worse, the margin is 5.0; about 60 more cases would decide"


def comparison(treatment="deepseek-v3.2", verdict="hold", reasons=(REASON,), **news):
    """Return one comparison with all kinds of rows."""
    return {
        "treatment": treatment, "verdict": verdict, "reasons": list(reasons), "rows": ROWS, "similarity": SIMILARITY,
        **news,
    }  # fmt: skip


def worst(case_id, similarity, why, **news):
    """Return an entry of the worst cases."""
    passed = {"control": True, "deepseek-v3.2": False}
    return {
        "id": case_id, "name": case_id, "treatment": "deepseek-v3.2", "similarity": similarity, "passed": passed,
        "flags": [], "why": why, **news,
    }  # fmt: skip


WORST = [
    worst("support.jsonl::refund-policy", 0.12, "similarity 0.12 is below 0.4", flags=["numbers"]),
    worst("support.jsonl::delete-account", 0.31, "similarity 0.31 is below 0.4", flags=["negation"]),
    worst("test_answers.py::test_cap[Explain the CAP theorem]", 0.38, "the answer does not contain 'partition'"),
]


def run(**news):
    """Return the snapshot of a running run of 120 cases."""
    return {
        "format": 1,
        "kind": "run",
        "title": "120 cases",
        "subtitle": "control claude-sonnet-4.5, metric lexical",
        "state": "running",
        "started": "2026-11-20T10:00:00+00:00",
        "at": "2026-11-20T10:01:12+00:00",
        "elapsed_s": 72.0,
        "progress": {"unit": "cases", "done": 84, "total": 120, "fetched": 214, "to_fetch": 240, "spent_usd": 0.9668},
        "arms": [
            arm("control", "claude-sonnet-4.5"),
            arm("deepseek-v3.2", "deepseek-v3.2", passed=115, errors=1, p50=0.83, cost_usd=0.0278),
        ],
        "comparisons": [comparison()],
        "worst": WORST,
        "windows": [],
        "notes": [],
        **news,
    }


def empty():
    """Return the snapshot of a run that has just begun."""
    arms = [arm("control", "claude-sonnet-4.5", n=0, passed=0), arm("deepseek-v3.2", "deepseek-v3.2", n=0, passed=0)]
    nothing = {"verdict": "collecting", "reasons": ["no case has been judged on both models yet"]}
    progress = {"unit": "cases", "done": 0, "total": 120, "fetched": 0, "to_fetch": 240, "spent_usd": None}
    compared = comparison(**nothing, rows=[], similarity=None)
    return run(arms=arms, comparisons=[compared], worst=[], progress=progress, elapsed_s=0.4)


def window(minute, requests, errors, p95):
    """Return one minute of traffic on two arms."""
    return {
        "at": f"2026-11-20T10:{minute:02}:00+00:00",
        "seconds": 60,
        "arms": {
            "control": {"n": requests, "errors": errors // 3, "p50": 1.2, "p95": p95, "cost_usd": 0.01 * requests},
            "deepseek-v3.2": {"n": requests // 9, "errors": errors, "p50": 0.8, "p95": p95 * 0.7, "cost_usd": 0.01},
        },
    }


def traffic(**news):
    """Return the snapshot of twenty minutes of live traffic."""
    waves = [math.sin(minute / 3) for minute in range(20)]
    windows = [
        window(minute, round(410 + 90 * wave), minute % 4, 2.6 + 0.4 * wave) for minute, wave in enumerate(waves)
    ]
    control = arm(
        "control", "claude-sonnet-4.5", n=8213, passed=8190, errors=9, cost_usd=82.1, weight=0.9, units=2911,
        error_classes={"relay-timeout": 6, "relay-overloaded": 3}, feedback={"n": 412, "mean": 0.86}, fallbacks=0,
    )  # fmt: skip
    treatment = arm(
        "deepseek-v3.2", "deepseek-v3.2", n=911, passed=900, errors=11, p50=0.83, cost_usd=None, weight=0.1, units=320,
        unpriced=911, feedback={"n": 40, "mean": 0.84}, fallbacks=11,
    )  # fmt: skip
    progress = {"unit": "requests", "done": 9124, "total": None, "fetched": None, "to_fetch": None, "spent_usd": 82.1}
    compared = comparison(verdict="collecting", reasons=["911 of about 1,500 requests that the margin needs"])
    return run(
        kind="traffic", title="traffic.jsonl", subtitle="90 / 10 split, salt summaries-2026-11", arms=[control, treatment],
        progress=progress, comparisons=[{**compared, "similarity": None}], worst=[], windows=windows, **news,
    )  # fmt: skip


def case(case_id, **news):
    """Return one case with both answers."""
    return {
        "id": case_id,
        "name": case_id,
        "prompt": "A customer wants to send back a jacket after three weeks. What do we tell them?",
        "treatment": "deepseek-v3.2",
        "similarity": 0.12,
        "threshold": 0.4,
        "metric": "lexical",
        "flags": [{"name": "numbers", "detail": "30 became 14"}],
        "fields": [{"name": "days", "detail": "30 became 14"}],
        "misses": {"deepseek-v3.2": ["similarity 0.12 is below the threshold 0.4"]},
        "rubric": [],
        "arms": [
            answer("control", "claude-sonnet-4.5", "You have 30 days to send it back.", 1.21, 0.0078),
            answer("deepseek-v3.2", "deepseek-v3.2", "You have 14 days to send it back.", 0.83, 0.0002),
        ],
        "diff": [["=", "You have"], ["-", "30"], ["+", "14"], ["=", "days to send it back."]],
        "call_diff": [],
        **news,
    }


def answer(name, model, text, latency_s, cost_usd):
    """Return the answer of one arm."""
    return {
        "arm": name, "model": model, "outcome": "ok", "text": text, "latency_s": latency_s, "cost_usd": cost_usd,
        "error": None, "tool_calls": [],
    }  # fmt: skip

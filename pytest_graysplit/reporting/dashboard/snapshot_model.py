"""The fields of a snapshot and of a case that the page prints, as types; docs/dashboard.md describes all of them.

A source of the user's own may leave a field out: then it counts as unknown.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field


class Progress(Struct, frozen=True, kw_only=True):
    """The progress of a run or of live traffic."""

    unit: str = "cases"
    done: int = 0
    total: int | None = None
    fetched: int | None = None
    to_fetch: int | None = None
    spent_usd: float | None = None


class Latency(Struct, frozen=True, kw_only=True):
    """Percentiles of `n` latencies, in seconds."""

    p50: float | None = None
    p95: float | None = None
    p99: float | None = None
    n: int = 0


class Histogram(Struct, frozen=True, kw_only=True):
    """The counts of a histogram."""

    counts: tuple[int, ...] = ()


class Tokens(Struct, frozen=True, kw_only=True):
    """Billed tokens by kind."""

    prompt: int = 0
    completion: int = 0
    cached: int = 0


class Feedback(Struct, frozen=True, kw_only=True):
    """The mean of `n` scores that users gave."""

    n: int = 0
    mean: float | None = None


class Signal(Struct, frozen=True, kw_only=True):
    """A named signal of users: the number of signals, the sum of their values per unit, and the time to them."""

    n: int = 0
    per_unit: float | None = None
    lag_s: Latency = Latency()


class Arm(Struct, frozen=True, kw_only=True):
    """The figures of one arm."""

    arm: str
    role: str
    model: str
    weight: float | None = None
    n: int = 0
    passed: int = 0
    pass_rate: float | None = None
    pass_rate_ci: tuple[float, float] | None = None
    units: int | None = None
    errors: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)
    error_classes: dict[str, int] = field(default_factory=dict)
    latency_s: Latency = Latency()
    wait_s: Latency = Latency()
    latency_histogram: Histogram | None = None
    tokens: Tokens = Tokens()
    cost_usd: float | None = None
    unpriced: int = 0
    cost_per_pass_usd: float | None = None
    feedback: Feedback | None = None
    signals: dict[str, Signal] = field(default_factory=dict)
    fallbacks: int | None = None

    @property
    def name(self) -> str:
        """The arm as legends name it."""
        return f"{self.model} (control)" if self.role == "control" else self.arm

    @property
    def answers(self) -> int:
        """The number of answers, errors included; their cases may be judged later."""
        return sum(self.outcomes.values())


class Row(Struct, frozen=True, kw_only=True):
    """A row of a comparison."""

    state: str | None = None
    estimate: float | None = None
    low: float | None = None
    high: float | None = None
    bound: float | None = None
    n: int = 0
    method: str = ""
    unit: str = "score"


class Similarity(Struct, frozen=True, kw_only=True):
    """The similarity of `n` pairs of answers."""

    n: int = 0
    mean: float | None = None
    threshold: float | None = None


class Comparison(Struct, frozen=True, kw_only=True):
    """One treatment against the control."""

    rows: tuple[Row, ...] = ()
    similarity: Similarity | None = None


class WorstCase(Struct, frozen=True, kw_only=True):
    """An entry in the list of the worst cases."""

    similarity: float | None = None


class WindowArm(Struct, frozen=True, kw_only=True):
    """One arm within one window of time."""

    n: int = 0
    errors: int = 0
    p95: float | None = None


class Window(Struct, frozen=True, kw_only=True):
    """A window of live traffic, by arm."""

    seconds: int = 60
    arms: dict[str, WindowArm] = field(default_factory=dict)


class Snapshot(Struct, frozen=True, kw_only=True):
    """The state of a run or of live traffic."""

    progress: Progress = Progress()
    arms: tuple[Arm, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    worst: tuple[WorstCase, ...] = ()
    windows: tuple[Window, ...] = ()


class Call(Struct, frozen=True, kw_only=True):
    """A tool call; `arguments_text` holds arguments that are not a JSON object."""

    name: str = ""
    arguments: dict[str, Any] | None = None
    arguments_text: str | None = None


class Answer(Struct, frozen=True, kw_only=True):
    """The answer of one arm to one case."""

    outcome: str | None = None
    latency_s: float | None = None
    cost_usd: float | None = None
    tool_calls: tuple[Call, ...] | None = None


class Turn(Struct, frozen=True, kw_only=True):
    """The answers of the arms to one turn of a conversation."""

    number: int = 0
    parts: bool = False
    similarity: float | None = None
    arms: tuple[Answer, ...] = ()


class Step(Struct, frozen=True, kw_only=True):
    """The answers of the arms to one call of an application."""

    number: int = 0
    parts: bool = False
    arms: tuple[Answer, ...] = ()


class Case(Struct, frozen=True, kw_only=True):
    """One case with its answers."""

    treatment: str | None = None
    similarity: float | None = None
    threshold: float | None = None
    metric: str | None = None
    arms: tuple[Answer, ...] = ()
    turns: tuple[Turn, ...] = ()
    steps: tuple[Step, ...] = ()

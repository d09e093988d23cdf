"""Frozen values that all wings share, and the Protocols between them."""

from pytest_graysplit.formatting.answer_json import parse_json_answer
from pytest_graysplit.formatting.json_text import Json
from pytest_graysplit.types.cases import (
    CONTROL,
    Case,
    EarlyStopWhen,
    Expect,
    Gate,
    MinSimilarity,
    OnHold,
    RecordMode,
    Role,
)
from pytest_graysplit.types.comparisons import (
    SIDE_BY_SIDE_S,
    Comparison,
    FailedExpectation,
    Flag,
    Metric,
    MetricUsage,
    PairScore,
    flags_of,
    side_by_side,
)
from pytest_graysplit.types.replies import (
    Message,
    Outcome,
    Redactor,
    Reply,
    ReplyKey,
    Route,
    Secret,
    ToolCall,
    Usage,
)

__all__ = [
    "CONTROL",
    "SIDE_BY_SIDE_S",
    "Case",
    "Comparison",
    "EarlyStopWhen",
    "Expect",
    "FailedExpectation",
    "Flag",
    "Gate",
    "Json",
    "Message",
    "Metric",
    "MetricUsage",
    "MinSimilarity",
    "OnHold",
    "Outcome",
    "PairScore",
    "RecordMode",
    "Redactor",
    "Reply",
    "ReplyKey",
    "Role",
    "Route",
    "Secret",
    "ToolCall",
    "Usage",
    "flags_of",
    "parse_json_answer",
    "side_by_side",
]

"""The exceptions of this package, and the slugs of its messages.

GraysplitError
├── UsageError          an option, a setting, a marker or a case file that cannot be used
├── RecordingError      a recording that is missing, broken, or of another format
├── AnswerError         an answer without the form that a test asked for: a failure of the model
│   ├── ReplyNotJsonError   a reply that a test reads as JSON and that does not parse (also a ValueError)
│   └── ToolCallError       a tool call that a test reads and that the reply lacks (also an AssertionError)
├── RelayError          a relay that cannot be used at all: the run stops, with one message
├── BudgetExceededError  a request that was not sent because the cost cap was reached
└── RequestFailedError  a request of live traffic that no model answered; it holds the failed reply

In a test run a failed call does not raise: it is a `Reply` with the outcome "error", because failed calls count.
"""

import warnings
from enum import StrEnum

from pytest_graysplit.formatting.escaping import visible


class Slug(StrEnum):
    """The word that ends a message: a heading in docs/messages.md, and a plain text in JSON, recordings and logs."""

    # Options and settings
    CONTROL_MISSING = "control-missing"
    TREATMENT_TWICE = "treatment-twice"
    CAP_UNLIMITED = "cap-unlimited"
    CAP_UNPRICED = "cap-unpriced"
    OPTION_VALUE = "option-value"
    TOOL_GRAYSPLIT = "tool-graysplit"
    METRIC_UNKNOWN = "metric-unknown"
    METRIC_BROKEN = "metric-broken"
    SCORE_UNUSABLE = "score-unusable"
    METRIC_MODEL_MISSING = "metric-model-missing"
    KEY_UNUSABLE = "key-unusable"
    HEADER_UNUSABLE = "header-unusable"
    ENVIRONMENT_UNUSABLE = "environment-unusable"
    AUTO_SAMPLES = "auto-samples"
    AUTO_EARLY_STOP = "auto-early-stop"
    LOOKS_EARLY_STOP = "looks-early-stop"
    AUTO_WORKERS = "auto-workers"

    # Cases, markers and fixtures
    MARKER_POSITIONAL = "marker-positional"
    ARM_UNKNOWN = "arm-unknown"
    FIXTURE_BOTH = "fixture-both"
    FIXTURE_UNMARKED = "fixture-unmarked"
    MARKER_LATE = "marker-late"
    CASE_PROMPT_MISSING = "case-prompt-missing"
    CASE_FIELD_UNKNOWN = "case-field-unknown"
    CASE_FIELD_TYPE = "case-field-type"
    CASE_FIELD_CLASH = "case-field-clash"
    CASE_REGEX = "case-regex"
    CASE_SCHEMA = "case-schema"
    LANGUAGE_MISSING = "language-missing"
    CASE_ATTACHMENT = "case-attachment"
    CASE_ID_TWICE = "case-id-twice"
    LABELLED_INCOMPLETE = "labelled-incomplete"
    LABELLED_TWICE = "labelled-twice"
    LABELLED_MIXED = "labelled-mixed"
    CASE_FILE_MISSING = "case-file-missing"
    CASE_FILE_FORMAT = "case-file-format"
    CASE_FILE_EMPTY = "case-file-empty"
    CASE_FILE_UNREADABLE = "case-file-unreadable"
    CASE_FILE_ENCODING = "case-file-encoding"
    CASE_FILE_CONFLICT = "case-file-conflict"
    CASE_FILE_SYNTAX = "case-file-syntax"
    CASE_FILE_SHAPE = "case-file-shape"
    CASE_FILE_EXISTS = "case-file-exists"
    CASE_FILE_UNWRITABLE = "case-file-unwritable"
    PROMPTFOO_FILE = "promptfoo-file"
    PROMPTFOO_SHAPE = "promptfoo-shape"
    CASE_LOG_UNREADABLE = "case-log-unreadable"
    CASE_LOG_MODEL = "case-log-model"

    # A run
    KEY_MISSING = "key-missing"
    ADDRESS_MISSING = "address-missing"
    KEY_ELSEWHERE = "key-elsewhere"
    NOTHING_RECORDED = "nothing-recorded"
    FOLDER_UNWRITABLE = "folder-unwritable"
    RUN_STOPPED = "run-stopped"
    BUDGET_USED_UP = "budget-used-up"
    LEDGER_LOST = "ledger-lost"
    NO_REPLY = "no-reply"
    REPORT_UNWRITABLE = "report-unwritable"
    SUITE_UNCOLLECTED = "suite-uncollected"
    SUITE_EMPTY = "suite-empty"

    # Tests of applications
    APP_OUTPUT = "app-output"
    APP_NO_OUTPUT = "app-no-output"
    APP_NO_CALL = "app-no-call"
    APP_GAVE_UP = "app-gave-up"
    APP_OTHER_FAILED = "app-other-failed"
    APP_SHARED = "app-shared"
    APP_PARALLEL = "app-parallel"
    GATEWAY_MISSING = "gateway-missing"
    GATEWAY_PORT = "gateway-port"
    GATEWAY_OUTSIDE = "gateway-outside"
    GATEWAY_ROUTE = "gateway-route"
    GATEWAY_CALLS = "gateway-calls"
    GATEWAY_ADDRESS = "gateway-address"
    GATEWAY_HOST = "gateway-host"

    # Recordings
    RECORDING_MISSING = "recording-missing"
    NORMALIZE_FAILED = "normalize-failed"
    RECORDING_BROKEN = "recording-broken"
    RECORDING_COST = "recording-cost"
    RECORDING_CONFLICT = "recording-conflict"
    RECORDING_FORMAT = "recording-format"
    RECORDING_UNREADABLE = "recording-unreadable"
    RECORDING_UNWRITABLE = "recording-unwritable"
    RECORDING_LOCKED = "recording-locked"
    RECORDING_SECRET = "recording-secret"  # noqa: S105 # a slug is not a password
    RECORDING_ORPHAN = "recording-orphan"
    ORPHANS_UNCOLLECTED = "orphans-uncollected"
    RECORDING_OUTSIDE = "recording-outside"
    NO_RECORDINGS = "no-recordings"

    # The relay
    RELAY_UNREACHABLE = "relay-unreachable"
    RELAY_NOT_JSON = "relay-not-json"
    RELAY_NO_ROUTE = "relay-no-route"
    RELAY_REDIRECTS = "relay-redirects"
    KEY_REFUSED = "key-refused"
    MODEL_UNKNOWN = "model-unknown"
    QUOTA_EXHAUSTED = "quota-exhausted"
    RELAY_WAIT_TOO_LONG = "relay-wait-too-long"
    RELAY_UNEXPECTED = "relay-unexpected"

    # A reply
    OUTCOME_ERROR = "outcome-error"
    OUTCOME_EMPTY = "outcome-empty"
    OUTCOME_REFUSAL = "outcome-refusal"
    OUTCOME_TRUNCATED = "outcome-truncated"
    OUTCOME_FILTERED = "outcome-filtered"
    CONTENT_FILTERED = "content-filtered"
    PARAM_REFUSED = "param-refused"
    REQUEST_UNUSABLE = "request-unusable"
    RELAY_TIMEOUT = "relay-timeout"
    RELAY_RATE_LIMITED = "relay-rate-limited"
    RELAY_HTTP_ERROR = "relay-http-error"
    RELAY_FORBIDDEN = "relay-forbidden"
    RELAY_GAVE_UP = "relay-gave-up"
    RELAY_ANSWER_CUT = "relay-answer-cut"
    RELAY_ANSWER_LARGE = "relay-answer-large"
    RELAY_ANSWER_DEEP = "relay-answer-deep"
    RELAY_NO_CHOICES = "relay-no-choices"
    RELAY_NO_EMBEDDING = "relay-no-embedding"
    RELAY_STREAM_CUT = "relay-stream-cut"
    REPLY_NOT_JSON = "reply-not-json"
    REPLY_TOOL_CALL = "reply-tool-call"

    # An expectation
    EXPECT_CONTAINS = "expect-contains"
    EXPECT_ICONTAINS = "expect-icontains"
    EXPECT_CONTAINS_ANY = "expect-contains-any"
    EXPECT_NOT_CONTAINS = "expect-not-contains"
    EXPECT_STARTS_WITH = "expect-starts-with"
    EXPECT_REGEX = "expect-regex"
    EXPECT_NOT_REGEX = "expect-not-regex"
    EXPECT_EQUALS = "expect-equals"
    EXPECT_NUMBER = "expect-number"
    EXPECT_CHOICE = "expect-choice"
    EXPECT_LANGUAGE = "expect-language"
    EXPECT_JSON = "expect-json"
    EXPECT_JSON_FIELD = "expect-json-field"
    EXPECT_JSON_SCHEMA = "expect-json-schema"
    EXPECT_REFERENCE = "expect-reference"
    EXPECT_MIN_WORDS = "expect-min-words"
    EXPECT_MAX_WORDS = "expect-max-words"
    TURN_UNASKED = "turn-unasked"
    TURN_TOOL_CALL = "turn-tool-call"
    EXPECT_TOOL_CALLS = "expect-tool-calls"
    TOOL_CALL_UNREADABLE = "tool-call-unreadable"
    EXPECT_RUBRIC = "expect-rubric"

    # A comparison
    SIMILARITY_BELOW = "similarity-below"
    SIMILARITY_UNKNOWN = "similarity-unknown"
    METRIC_SILENT = "metric-silent"
    METRIC_WORKERS = "metric-workers"
    RUBRIC_SILENT = "rubric-silent"
    CONTROL_SIMILARITY = "control-similarity"
    GUARD_VETO = "guard-veto"
    LATENCY_BUDGET = "latency-budget"
    TTFT_BUDGET = "ttft-budget"
    TTFT_UNKNOWN = "ttft-unknown"
    LATENCY_RATIO = "latency-ratio"
    COST_BUDGET = "cost-budget"
    COST_UNKNOWN = "cost-unknown"
    BODY_FAILED = "body-failed"
    BODY_BROKEN = "body-broken"

    # Live traffic
    SPLIT_ARMS = "split-arms"
    SPLIT_WEIGHTS = "split-weights"
    SPLIT_RAMP = "split-ramp"
    SPLIT_VERSION = "split-version"
    SPLIT_WATCH = "split-watch"
    ROLLBACK_BOUND = "rollback-bound"
    SPLIT_UNIT = "split-unit"
    SPLIT_SALT = "split-salt"
    SPLIT_ARM_UNKNOWN = "split-arm-unknown"
    SPLIT_UNKNOWN = "split-unknown"
    SPLIT_UNCLEAR = "split-unclear"
    SPLIT_HEADER = "split-header"
    SPLIT_PARAM = "split-param"
    SPLIT_MESSAGES = "split-messages"
    SPLIT_STREAM_READ = "split-stream-read"
    SPLIT_CLIENT_CLOSED = "split-client-closed"
    SPLIT_CLIENT_OPEN = "split-client-open"
    REQUEST_FAILED = "request-failed"
    REQUEST_CANCELLED = "request-cancelled"
    BREAKER_OPEN = "breaker-open"
    TRAFFIC_ID = "traffic-id"
    TRAFFIC_SCORE = "traffic-score"
    TRAFFIC_SIGNAL = "traffic-signal"
    TRAFFIC_FIGURE = "traffic-figure"
    TRAFFIC_LOG_UNWRITABLE = "traffic-log-unwritable"
    TRAFFIC_FILE = "traffic-file"
    TRAFFIC_LINE = "traffic-line"
    TRAFFIC_FORMAT = "traffic-format"
    TRAFFIC_EXPERIMENTS = "traffic-experiments"
    TRAFFIC_NO_TEXTS = "traffic-no-texts"
    PROMETHEUS_MISSING = "prometheus-missing"
    OTEL_MISSING = "otel-missing"
    DASHBOARD_MISSING = "dashboard-missing"
    DASHBOARD_PORT = "dashboard-port"
    DASHBOARD_TOKEN = "dashboard-token"  # noqa: S105 # a slug is not a password

    def __repr__(self) -> str:
        return repr(self.value)  # a live reply prints like a replayed one, whose slug is a plain text


class GraysplitError(Exception):
    """A problem, its remedy, and the slug of the heading in docs/messages.md that explains it."""

    def __init__(self, problem: str, *, hint: str, slug: Slug) -> None:
        super().__init__(problem, hint, slug)
        # Messages quote relays, files and answers, and are printed on terminals and in CI logs.
        self.problem = visible(problem)
        self.hint = visible(hint)
        self.slug = slug

    @property
    def url(self) -> str:
        """The section of the documentation that explains the message."""
        return f"docs/messages.md#{self.slug}"

    def __str__(self) -> str:
        return f"{self.problem}\n  hint: {self.hint}  [{self.slug}]"

    def __reduce__(self) -> tuple[object, ...]:
        # The default pickling of exceptions, which xdist uses, loses keyword-only arguments.
        return _rebuild, (type(self), self.problem, self.hint, self.slug)


class UsageError(GraysplitError):
    """An option, setting, marker or case file holds something that cannot be used."""


class RecordingError(GraysplitError):
    """A recording is missing, broken, or written in another format."""


class AnswerError(GraysplitError):
    """An answer lacks the form that a test body asked for: the model failed, not the test."""


class ReplyNotJsonError(AnswerError, ValueError):
    """A reply that a test read as JSON does not parse."""


class ToolCallError(AnswerError, AssertionError):
    """A reply does not call the tool exactly once, or calls it with arguments that are not JSON."""


class RelayError(GraysplitError):
    """The relay cannot be used at all: no address, no key, no such model, or not a relay."""


class BudgetExceededError(GraysplitError):
    """The request was not sent because the cost cap was reached; this says nothing about the model."""


def _rebuild(cls: type[GraysplitError], problem: str, hint: str, slug: Slug) -> GraysplitError:
    return cls(problem, hint=hint, slug=slug)


def __getattr__(name: str) -> type[GraysplitError]:
    """Return a renamed error under its old name, with a DeprecationWarning, until the next release."""
    if name == "UnaskedError":
        message = f"{__name__}.UnaskedError is now BudgetExceededError; the old name goes in the next release"
        warnings.warn(message, DeprecationWarning, stacklevel=2)
        return BudgetExceededError
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

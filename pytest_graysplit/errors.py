"""Everything this package raises on purpose.

GraysplitError
├── UsageError          an option, a setting, a marker or a case file that cannot be used
├── RecordingError      a recording that is missing, broken, or of another format
├── AnswerError         an answer that is not what a test took it for: a miss of the model
│   ├── ReplyNotJsonError   a reply that was asked for as JSON and is not (also a ValueError)
│   └── ToolCallError       a tool call that was asked for and is not in the reply (also an AssertionError)
├── RelayError          the relay cannot be used at all: the run stops, once, with one message
├── UnaskedError        a reply was not asked for, because the cap on the cost is used up
└── RequestFailedError  a request of live traffic that nobody has answered; it holds the failed reply

In a test run a failed call is no exception: it is a `Reply` with the outcome "error", because failed calls count.
"""

from pytest_graysplit.escaping import visible


class GraysplitError(Exception):
    """A problem, the remedy for it, and the heading in docs/messages.md that tells more."""

    def __init__(self, problem: str, *, hint: str, slug: str) -> None:
        super().__init__(problem, hint, slug)
        # Messages quote relays, files and answers, and end up on terminals and in logs of CI.
        self.problem = visible(problem)
        self.hint = visible(hint)
        self.slug = slug

    def __str__(self) -> str:
        return f"{self.problem}\n  hint: {self.hint}  [{self.slug}]"

    def __reduce__(self) -> tuple[object, ...]:
        # Keyword-only arguments do not survive the default pickling of exceptions, and xdist pickles.
        return _rebuild, (type(self), self.problem, self.hint, self.slug)


class UsageError(GraysplitError):
    """An option, setting, marker or case file holds something that cannot be used."""


class RecordingError(GraysplitError):
    """A recording is missing, broken, or written in another format."""


class AnswerError(GraysplitError):
    """An answer is not what a test took it for; raised in a test body, it is a miss of the model."""


class ReplyNotJsonError(AnswerError, ValueError):
    """A reply was asked for as JSON and does not parse."""


class ToolCallError(AnswerError, AssertionError):
    """A reply does not call a tool exactly once, or with arguments that are not JSON: a miss of its model."""


class RelayError(GraysplitError):
    """The relay cannot be used at all: no address, no key, no such model, or not a relay."""


class UnaskedError(GraysplitError):
    """A reply was not asked for, because the cap on the cost is used up; this says nothing of any model."""


def _rebuild(cls: type[GraysplitError], problem: str, hint: str, slug: str) -> GraysplitError:
    return cls(problem, hint=hint, slug=slug)

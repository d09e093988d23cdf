"""`graysplit_relay`: prompts that are built inside a test body."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_graysplit.cases.fields import MARKER_FIELDS, build_case
from pytest_graysplit.errors import GraysplitError, Slug, UsageError
from pytest_graysplit.plugin.collect.marks import asserts_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_graysplit.plugin.run.case_run import Exchange
    from pytest_graysplit.types import Case, Comparison, Message, Reply

ROLES = ("control", "treatment")


class RelayFixture:
    """Calls the arms from a test body; both arms and all samples at once, recorded like every other reply.

    Thresholds given here or in the marker are asserted when the body has ended, as for a marked prompt.
    """

    def __init__(self, hold: Callable[..., Exchange], *, where: str, case_id: str) -> None:
        self._hold = hold
        self._where = where
        self._case_id = case_id
        self._calls = 0

    def compare(self, prompt: str | Sequence[Message], **fields: Any) -> Comparison:
        """Ask control and treatment, and return their comparison; `fields` are those of the marker.

        Raises UsageError for a field that is not one, and fails the test when there is no reply to compare.
        """
        __tracebackhide__ = True
        return self._held(prompt, fields, ROLES).comparison_or_reason()

    def reply(self, prompt: str | Sequence[Message], *, arm: str = "treatment", **fields: Any) -> Reply:
        """Ask one arm, "control" or "treatment", and return its reply."""
        __tracebackhide__ = True
        if arm not in ROLES:
            raise UsageError(
                f"{self._where}: arm: expected control or treatment, got {arm!r}",
                hint='the role, not the model: arm="control" or arm="treatment"',
                slug=Slug.ARM_UNKNOWN,
            )
        return self._held(prompt, fields, (arm,)).reply_or_reason()

    def _held(self, prompt: str | Sequence[Message], fields: dict[str, Any], roles: Sequence[str]) -> Exchange:
        __tracebackhide__ = True
        try:
            asserts = asserts_of(fields, self._where)
            return self._hold(self._case(prompt, fields), roles, asserts=asserts)
        except GraysplitError as error:
            # The user's own line and the message are the whole story; our frames below it are none.
            raise error.with_traceback(None) from None

    def _case(self, prompt: str | Sequence[Message], fields: dict[str, Any]) -> Case:
        self._calls += 1
        name = "prompt" if isinstance(prompt, str) else "messages"
        case_id = str(fields.pop("id", f"{self._case_id}#{self._calls}"))
        return build_case({**fields, name: prompt}, where=self._where, id=case_id, allowed=MARKER_FIELDS)

"""Replies of an arm after their checks, with the judge's verdicts, and the counts of suspect replies."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pytest_graysplit.errors import GraysplitError, Slug
from pytest_graysplit.formatting.display import excerpt
from pytest_graysplit.replies.budget import output_limit

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pytest_graysplit.config.arms import Arm
    from pytest_graysplit.types import Case, CriterionResult, FailedExpectation, Json, Reply

# The tokens by which a short answer may exceed its limit, such as those that end it.
TOKENS_TO_SPARE = 16


class JudgedReply(NamedTuple):
    """One reply: its failed checks, and the rubric's verdicts and failed criteria, empty if a check failed.

    A failed check decides without the judge, and so does one criterion that does not hold.
    """

    failed_checks: list[FailedExpectation]
    rubric: tuple[CriterionResult, ...] = ()
    failed_criteria: list[FailedExpectation] = []  # noqa: RUF012 # never changed

    @property
    def passes_checks(self) -> bool:
        """Whether it passes everything but the rubric."""
        return not self.failed_checks

    @property
    def passes(self) -> bool:
        """Whether it passes everything: a criterion without a verdict does not hold."""
        return self.passes_checks and all(one.holds for one in self.rubric)

    @property
    def missing(self) -> CriterionResult | None:
        """The first criterion without a verdict, if it decides whether the reply passes."""
        if self.failed_criteria:
            return None
        return next((one for one in self.rubric if one.holds is None), None)

    def failures(self, *, with_rubric: bool) -> list[FailedExpectation]:
        """Return its failed expectations, with the criteria of the rubric or without them."""
        return self.failed_checks or (self.failed_criteria if with_rubric else [])


def missing_verdict(case: Case, judge: Arm, replies: Iterable[JudgedReply]) -> GraysplitError | None:
    """Return the error for a verdict that a reply needs and the judge did not give; None if there is none."""
    missing = next((one.missing for one in replies if one.missing), None)
    if missing is None:
        return None
    return GraysplitError(
        f"judge {judge.name} gave no verdict for case {case.id!r} on {excerpt(missing.criterion)}: {missing.reason}",
        hint="a call that failed is tried again by the next run; if the judge cannot do it, name another one in "
        "[tool.graysplit.judge], or give it more tokens in its params",
        slug=Slug.RUBRIC_SILENT,
    )


def over_limit(body: Mapping[str, Json], replies: Iterable[Reply]) -> int:
    """Count the replies that are longer than the request allows, so that the relay must have dropped its limit.

    Relays count the tokens of other vendors' models with their own tokenizer, so a tenth more is allowed.
    """
    limit = output_limit(body)
    if limit is None:
        return 0
    most = limit + limit // 10 + TOKENS_TO_SPARE
    return sum(reply.usage is not None and reply.usage.visible > most for reply in replies)


def elsewhere(arm: Arm, replies: Iterable[Reply]) -> int:
    """Count the replies of an arm that were recorded before its table got another address or other headers."""
    return sum(map(arm.is_elsewhere, replies))

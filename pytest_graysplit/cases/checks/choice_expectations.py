"""The expectation of a choice: whether the answer settles on the right option."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_graysplit.cases.checks import CheckFailure
from pytest_graysplit.cases.checks.choice_reading import options_of, settled_choice
from pytest_graysplit.errors import Slug
from pytest_graysplit.formatting.display import excerpt, listed

if TYPE_CHECKING:
    from collections.abc import Iterator


def check_choice(choice: str | None, text: str, prompt: str) -> Iterator[CheckFailure]:
    """Yield the failure of an answer that does not settle on the expected option; `prompt` may list the options."""
    if choice is None:
        return
    settled = settled_choice(text, choice, options_of(prompt))
    if settled.choice == choice:
        return
    if settled.choice is not None:
        found = f"the answer settles on {settled.choice}: {excerpt(text)}"
    elif len(settled.named) > 1:
        found = f"the answer names {listed(settled.named)} and settles on none: {excerpt(text)}"
    else:
        found = f"the answer settles on no option: {excerpt(text)}"
    hint = "ask for the letter alone, or for a last line such as 'Answer: B'"
    yield CheckFailure(f"expected the choice {choice}, {found}", hint, Slug.EXPECT_CHOICE, "expect.choice")

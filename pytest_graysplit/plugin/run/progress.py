"""Progress of a fetch: one moving bar on a terminal, occasional plain lines elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_graysplit.formatting.display import format_clock, plural, spent_so_far

if TYPE_CHECKING:
    from _pytest.terminal import TerminalReporter

    from pytest_graysplit.replies.fetch_stats import Progress

BAR_WIDTH = 24
# A line per tenth of the way, so that the log of a long run fits on a screen.
PLAIN_STEP = 0.1


def tail(progress: Progress) -> str:
    """Format the progress and the rest: 12/80 replies, 61.2/s, $0.0123, 2 s left."""
    parts = [f"{progress.done}/{progress.total} replies", f"{progress.rate_per_s:.1f}/s"]
    if progress.done:
        parts.append(spent_so_far(progress.spent_usd, progress.unpriced))
    if progress.errors:
        parts.append(plural(progress.errors, "error"))
    if progress.left_s is not None and progress.done < progress.total:
        parts.append(f"{format_clock(progress.left_s)} left")
    return ", ".join(parts)


def bar(progress: Progress) -> str:
    """Format the bar: [######..................]."""
    filled = BAR_WIDTH * progress.done // max(1, progress.total)
    return f"[{'#' * filled}{'.' * (BAR_WIDTH - filled)}]"


class Watcher:
    """The display of one fetch on pytest's terminal reporter; silent without one."""

    def __init__(self, reporter: TerminalReporter | None) -> None:
        self._reporter = reporter
        self._shown = 0.0

    def __call__(self, progress: Progress) -> None:
        """Show the progress."""
        if self._reporter is None:
            return
        if self._reporter.isatty:
            self._reporter.rewrite(f"graysplit: {bar(progress)} {tail(progress)}", erase=True)
        elif progress.done >= self._shown + PLAIN_STEP * progress.total or progress.done == progress.total:
            self._shown = progress.done
            self._reporter.write_line(f"graysplit: {tail(progress)}")

    def close(self) -> None:
        """End the moving line."""
        if self._reporter is not None and self._reporter.isatty:
            self._reporter.write("\n")

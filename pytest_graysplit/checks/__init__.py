"""What a reply and a comparison are held to, as misses that say what to do."""

from pytest_graysplit.checks.held import check_comparison, check_control, check_reply

__all__ = ["check_comparison", "check_control", "check_reply"]

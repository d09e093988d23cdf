"""Hooks that end a run: notes, the summary, reports, and the live page."""

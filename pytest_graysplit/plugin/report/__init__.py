"""Hooks of the process that reports: notes, the summary, reports, and the live page."""

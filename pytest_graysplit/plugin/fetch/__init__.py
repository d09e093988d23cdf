"""Replies of a run: recordings, journals, budget and the fetcher."""

"""Evaluation of cases: the scores and comparisons of replies, and the results of each item."""

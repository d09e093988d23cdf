"""Hooks of a process that runs tests: fetch replies, prepare and judge each test, stop early."""

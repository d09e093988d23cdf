"""Output for people and scripts: the summary, failures, JSON, and the live page."""

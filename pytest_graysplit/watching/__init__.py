"""What looks at a traffic log from outside: its grade for CI, and its live page."""

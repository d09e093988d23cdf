"""Live traffic: splitter, client, log, monitor, grade, and cases made from a log."""

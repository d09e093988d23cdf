"""Tool calls of answers: reading, writing, comparison and display."""

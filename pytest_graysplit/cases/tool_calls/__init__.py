"""Tool calls of answers: read, written, held against each other, and shown."""

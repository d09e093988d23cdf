"""The live page: what it shows, where that comes from, and how it is served."""

"""Routes of a relay beside chat: their answers and the events of their streams."""

"""How numbers, times and foreign text are written for people: pure functions."""

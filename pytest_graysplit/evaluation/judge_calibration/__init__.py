"""`graysplit judge`: how far a judge agrees with people, before anybody relies on it."""

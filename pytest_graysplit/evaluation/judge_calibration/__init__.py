"""`graysplit judge`: measures how well a judge agrees with people."""

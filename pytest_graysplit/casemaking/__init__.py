"""Case files made of what there is already: a log of live traffic, or the suite of another tool."""

"""Work shared between the processes of pytest-xdist: settings, reports, and the budget."""

"""The monitor of live traffic: it counts requests and reports on each arm."""

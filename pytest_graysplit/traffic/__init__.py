"""Live traffic: the client that splits it, the monitor that sums it up, its log, its grade, and cases made of it."""

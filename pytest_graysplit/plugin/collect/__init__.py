"""Planning: marked functions and case files become items with a plan."""

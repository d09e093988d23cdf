"""The meaning of a sentence beyond its words of content: denial, duty, quantity, condition, opposites and roles."""

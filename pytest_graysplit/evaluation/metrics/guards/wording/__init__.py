"""What a sentence says beyond its words of content: denial, duty, quantity, condition, opposites, roles."""

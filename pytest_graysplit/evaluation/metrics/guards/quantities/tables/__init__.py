"""The words of eight languages for numbers, units, currencies, months and weekdays."""

"""The grade of live traffic: the same decision as the verdict, on groups of units."""

"""Reading of a text's quantities: figures and words become values that two texts can be compared by."""

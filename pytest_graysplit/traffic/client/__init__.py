"""The client that splits live traffic between arms."""

"""JSON answers field by field: which fields are compared how, and which of them differ."""

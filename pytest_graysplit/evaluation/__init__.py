"""How two replies are compared: metrics, guards, and metrics that ask a model."""

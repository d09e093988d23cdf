"""Observers of live traffic: they are told of each counted request, and one of them writes OpenTelemetry."""

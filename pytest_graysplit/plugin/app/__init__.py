"""Tests of an application: each item runs it with one arm's model, and judges its output and its calls."""

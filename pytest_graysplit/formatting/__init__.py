"""Texts for people: numbers, times, and escaped foreign text. Pure functions."""

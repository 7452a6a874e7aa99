"""Payments that a write records: the money itself, what goes beside it, and what looks like it already."""

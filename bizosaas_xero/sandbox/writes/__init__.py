"""Writes: validation and work on documents."""

"""Writes: validation, and changes to the books."""

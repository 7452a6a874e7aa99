"""The books that a new sandbox starts with."""

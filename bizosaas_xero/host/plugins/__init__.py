"""Finding connectors and calling their hooks."""

"""Bank statements that fit the books."""

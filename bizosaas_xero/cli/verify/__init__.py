"""``verify``: look at a real organisation, and say which assumptions about Xero are true there."""

"""Xero's JSON as typed records: fields by path, exact decimals, aware times."""

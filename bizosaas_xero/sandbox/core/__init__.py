"""Shared by every part of the sandbox: store, clock, ids, Xero's JSON, countries."""

"""Requests to Xero: the client, its limits and retries, and the errors made of its answers."""

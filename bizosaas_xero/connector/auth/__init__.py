"""Signing in to Xero, refreshing and ending access, and the organisations a grant reaches."""

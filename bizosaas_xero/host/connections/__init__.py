"""Connections to organisations: consent, grants, settings."""

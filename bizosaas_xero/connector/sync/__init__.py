"""Sync entities without losing a row: the table of entities, paging, cursor."""

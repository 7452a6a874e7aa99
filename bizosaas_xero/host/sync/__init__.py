"""Syncing: the scheduler, the runner, the sink, the reader, events."""

"""Shared by every write: plan and steps, executing them once, finding contacts and documents."""

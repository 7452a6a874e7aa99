"""The HTTP surface: middleware, limits, faults, the control API."""

"""Actions on contacts."""

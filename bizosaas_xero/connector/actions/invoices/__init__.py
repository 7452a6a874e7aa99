"""Sales documents that a write makes or changes: their lines, what they post, how they are sent and told."""

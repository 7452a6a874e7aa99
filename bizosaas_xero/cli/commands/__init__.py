"""The commands, one file each: a function with its options, and what it does."""

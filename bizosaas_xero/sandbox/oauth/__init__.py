"""Sign-in: apps, consent, tokens."""

"""Recording cassettes: the stages and their recipes."""

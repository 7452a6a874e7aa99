"""What every write shares: its steps and plan, doing them once, who and which document is meant."""

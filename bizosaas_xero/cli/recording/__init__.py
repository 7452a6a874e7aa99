"""Recording cassettes from the sandbox or from the real Xero."""

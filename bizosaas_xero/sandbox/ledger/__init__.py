"""The ledger: posting rules and balances."""

"""Reports, made from the ledger."""

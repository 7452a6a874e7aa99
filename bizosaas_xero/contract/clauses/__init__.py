"""The clauses, one module for each area of the contract."""

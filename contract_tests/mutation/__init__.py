"""Mutation testing in one warm process: ``python -m contract_tests.mutation``."""

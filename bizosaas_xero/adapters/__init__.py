"""Translations of the contract into what other frameworks take; they have no logic of their own."""

"""Batch payments, which reach the bank as one sum, in place of their payments."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from itertools import combinations

from bizosaas_xero.connector.actions.bank.ledger_entries import Entry

_MAX_OVERPAYMENTS = 8


def merge_batches(entries: list[Entry], batches: list[Entry]) -> list[Entry]:
    """Return entries in which each batch occurs once, with the total of its own list.

    Xero may count an overpayment in the total of its batch, and list it as a bank transaction as well (one open
    report). Where a batch exceeds its payments by exactly such a transaction, that transaction is left out.
    """
    by_id = {entry.id: entry for entry in batches}
    merged: list[Entry] = []
    included: set[tuple[str, str, str]] = set()
    for entry in entries:
        batch = by_id.pop(entry.id, None) if entry.kind == "batch_payment" else None
        if batch is None:
            merged.append(entry)
            continue
        reference = batch.reference or entry.reference
        merged.append(replace(batch, contact=entry.contact, documents=entry.documents, reference=reference))
        rest = [each for each in entries if each.key not in included]
        included |= _overpayments_of(batch, batch.amount - entry.amount, rest)
    return [entry for entry in merged if entry.key not in included] + list(by_id.values())


def _overpayments_of(batch: Entry, excess: Decimal, entries: list[Entry]) -> set[tuple[str, str, str]]:
    """Return the overpayments on the day of a batch that are exactly what it exceeds its payments by."""
    candidates = [
        entry
        for entry in entries
        if entry.overpayment
        and (entry.account_id, entry.date) == (batch.account_id, batch.date)
        and entry.amount * excess > 0
    ][:_MAX_OVERPAYMENTS]
    for size in range(1, len(candidates) + 1):
        for group in combinations(candidates, size):
            if sum((entry.amount for entry in group), Decimal(0)) == excess:
                return {entry.key for entry in group}
    return set()

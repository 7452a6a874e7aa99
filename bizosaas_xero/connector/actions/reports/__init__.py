"""Figures of the books: Xero's report layout, ageing, what ties to Xero's totals, citations, and texts."""

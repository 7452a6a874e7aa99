"""Lists: filters, order, pages."""

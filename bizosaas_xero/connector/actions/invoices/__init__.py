"""Actions on sales documents: invoices, credit notes, their lines, and sending them."""

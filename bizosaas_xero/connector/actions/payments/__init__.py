"""Actions on payments: recording and deleting them, fees, overpayments, possible duplicates."""

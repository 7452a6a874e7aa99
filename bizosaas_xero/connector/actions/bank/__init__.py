"""A bank statement beside the books: lines, entries, what matches and what does not."""

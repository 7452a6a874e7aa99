"""Compare a bank statement with the books: lines, entries, matches and the rest."""

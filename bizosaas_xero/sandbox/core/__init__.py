"""What every part of the sandbox uses: store, clock, ids, Xero's JSON, countries."""

"""All that knows Xero: sign-in, HTTP, records, sync and actions."""

"""The database: tables, migrations, encryption, leases."""

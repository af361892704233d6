"""The mirror in PostgreSQL: tables, views, schema, leases, and every transaction."""

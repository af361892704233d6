"""The mirror in PostgreSQL: tables, engine, schema, the questions that users ask, and the embedded server."""

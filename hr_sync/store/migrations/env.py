"""How Alembic runs our revisions: always inside the transaction that `hr_sync.store.schema` opened and locked.

There is no `alembic.ini` and no offline mode. A revision names tables with `schema=SCHEMA_TOKEN`; the connection
translates it to the configured schema.
"""

from alembic import context

from hr_sync.store.orm import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    version_table=context.config.attributes["version_table"],
    version_table_schema=context.config.attributes["schema"],
)
context.run_migrations()

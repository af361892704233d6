"""Looks on inside the database: which run wrote, and who held the lease at that moment."""

from typing import Any

import psycopg

# The trigger reads the lease as of the very statement that writes. A writer that holds it keeps the row from changing,
# so that another holder in this record is a second writer. An access pass writes the access sets of pages and not who
# wrote their text; its rows in the feed show it.
WATCH = """
    DROP TABLE IF EXISTS writes_seen;
    CREATE TABLE writes_seen (
        id bigint GENERATED ALWAYS AS IDENTITY, place text, space_key text, run_id bigint, epoch bigint, holder text,
        backend int
    );
    CREATE OR REPLACE FUNCTION see_write() RETURNS trigger LANGUAGE plpgsql SET search_path = {schema} AS $$
    BEGIN
        INSERT INTO writes_seen (place, space_key, run_id, epoch, holder, backend)
        SELECT TG_TABLE_NAME, lease.space_key, (to_jsonb(NEW) ->> TG_ARGV[0])::bigint, lease.epoch, lease.lease_holder,
               pg_backend_pid()
        FROM sync_spaces lease WHERE lease.space_key = NEW.space_key;
        RETURN NULL;
    END $$;
    CREATE OR REPLACE TRIGGER see AFTER INSERT OR UPDATE OF last_written_run_id ON confluence_pages
        FOR EACH ROW EXECUTE FUNCTION see_write('last_written_run_id');
    CREATE OR REPLACE TRIGGER see AFTER INSERT ON content_changes
        FOR EACH ROW EXECUTE FUNCTION see_write('run_id');
    CREATE OR REPLACE TRIGGER see AFTER INSERT OR UPDATE ON page_failures
        FOR EACH ROW EXECUTE FUNCTION see_write('run_id');
"""
DOUBLE = """
    SELECT 'not the holder', space_key, run_id, epoch, holder FROM writes_seen JOIN sync_runs ON sync_runs.id = run_id
    WHERE holder IS DISTINCT FROM worker
    UNION ALL
    SELECT 'two runs in one epoch', space_key, min(run_id), epoch, max(holder) FROM writes_seen
    GROUP BY space_key, epoch HAVING count(DISTINCT run_id) > 1
"""


def watch(connection: psycopg.Connection[Any], schema: str = "public") -> None:
    """Begin to look on in a schema, which is the first one of the connection's search path."""
    connection.execute(WATCH.replace("{schema}", schema).encode())


def double_writers(connection: psycopg.Connection[Any]) -> list[tuple[Any, ...]]:
    """Return every write that was not the lease holder's."""
    return connection.execute(DOUBLE).fetchall()


def writes_by_run(connection: psycopg.Connection[Any]) -> dict[int, int]:
    """Count what each run wrote."""
    return dict(connection.execute("SELECT run_id, count(*)::int FROM writes_seen GROUP BY run_id").fetchall())

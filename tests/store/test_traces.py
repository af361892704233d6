"""A search finds a text in every column of every table that can hold one, also of tables that are added later."""

from collections.abc import Collection
from typing import Any

import pytest
from sqlalchemy import Engine

from hr_sync.store.engine import make_engine
from hr_sync.store.orm import Base
from hr_sync.store.read.traces import Trace
from hr_sync.store.store import Store
from tests.store.spaces import ask, tell

MARKER = "Zäzilie O'Brien"
HOLDS_TEXT = ("text", "ARRAY", "jsonb")
#: Columns whose words the database checks, so that they hold nothing of a person or page.
CHECKED = """
    SELECT a.attname::text AS name, c.conrelid::regclass::text AS table FROM pg_constraint c
    JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = ANY (c.conkey)
    WHERE c.contype = 'c' AND c.connamespace = 'public'::regnamespace AND array_length(c.conkey, 1) = 1"""


def columns(engine: Engine) -> list[dict[str, Any]]:
    """Return the columns of the tables of this build that can hold a text, whichever the words."""
    own = {table.name for table in Base.metadata.sorted_tables}
    checked = {(row["table"], row["name"]) for row in ask(engine, CHECKED)}
    found = ask(
        engine,
        "SELECT table_name, column_name, data_type, is_generated FROM information_schema.columns "
        "WHERE table_schema = 'public' ORDER BY table_name, ordinal_position",
    )
    return [
        row
        for row in found
        if row["table_name"] in own
        and row["data_type"] in HOLDS_TEXT
        and row["is_generated"] == "NEVER"
        and (row["table_name"], row["column_name"]) not in checked
    ]


def plant(engine: Engine, table: str, column: str, kind: str) -> None:
    """Write a row into a table whose one column holds the marker, whatever the other tables say."""
    marker = MARKER.replace("'", "''")
    value = {"text": f"'x {marker}, y'", "ARRAY": f"ARRAY['a', 'x {marker}']", "jsonb": f'\'{{"k": ["{marker}"]}}\''}[
        kind
    ]
    fill = f"""
        SET session_replication_role = replica;
        DO $do$ DECLARE names text; filled text; BEGIN
            SELECT string_agg(quote_ident(attname), ', '), string_agg(CASE
                WHEN attname = '{column}' THEN $q${value}$q$
                WHEN format_type(atttypid, NULL) = 'text' THEN '''w'''
                WHEN format_type(atttypid, NULL) = 'text[]' THEN '''{{w}}'''
                WHEN format_type(atttypid, NULL) = 'jsonb' THEN '''{{}}'''
                WHEN format_type(atttypid, NULL) = 'boolean' THEN 'true'
                WHEN format_type(atttypid, NULL) = 'uuid' THEN 'gen_random_uuid()'
                WHEN format_type(atttypid, NULL) LIKE 'timestamp%' THEN 'now()'
                WHEN format_type(atttypid, NULL) = 'xid8' THEN 'pg_current_xact_id()'
                ELSE '1' END, ', ')
            INTO names, filled FROM pg_attribute
            WHERE attrelid = 'public.{table}'::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
                AND (attnotnull AND NOT atthasdef AND attidentity = '' OR attname = '{column}');
            EXECUTE format('INSERT INTO public.{table} (%s) VALUES (%s)', names, filled);
        END $do$"""
    tell(engine, fill.replace("%", "%%"))


def without_rules(engine: Engine, tables: Collection[str]) -> None:
    """Drop what tables refuse, so that a row needs nothing but its marker."""
    rules = ask(
        engine,
        "SELECT format('ALTER TABLE %s DROP CONSTRAINT IF EXISTS %I CASCADE', conrelid::regclass, conname) AS rule "
        "FROM pg_constraint WHERE conrelid = ANY (CAST(:tables AS regclass[])) AND contype IN ('c', 'p', 'u') "
        "UNION ALL SELECT format('DROP INDEX IF EXISTS %s', indexrelid::regclass) FROM pg_index "
        "WHERE indrelid = ANY (CAST(:tables AS regclass[])) AND indisunique ORDER BY 1",
        tables=sorted(tables),
    )
    tell(engine, *(row["rule"] for row in rules))


def test_the_marker_is_found_in_every_column_that_can_hold_it(store: Store, engine: Engine) -> None:
    """Each planted alone, so that none hides behind another one."""
    planted = [(row["table_name"], row["column_name"], row["data_type"]) for row in columns(engine)]
    assert len(planted) > 60
    assert store.find_traces(MARKER).found == []
    without_rules(engine, {table for table, _, _ in planted})
    for table, column, kind in planted:
        plant(engine, table, column, kind)

    found = store.find_traces(MARKER)

    assert {(trace.table, trace.column) for trace in found.found} == {(table, column) for table, column, _ in planted}
    assert store.find_traces("zäzilie o'brien").found == found.found, "in any case"
    assert store.find_traces("o'brie").found == [], "whole words alone"


def test_a_table_of_somebody_else_in_the_schema_is_searched_too(store: Store, engine: Engine) -> None:
    """A cache that a consumer keeps beside the mirror, whatever the types of its columns."""
    tell(
        engine,
        "CREATE TYPE mood AS (word text, n int)",
        'CREATE TABLE "Cache %%s" (id int, "a b" varchar(40), j json, m mood, n numeric, u uuid, big bigint)',
        """INSERT INTO "Cache %%s" VALUES
            (1, '103188', '{"k": "103188"}', ROW('103188', 1), 103188, NULL, 103188),
            (2, '1031889 x103188 103188x', '{}', NULL, 0, NULL, 0)""",
        'CREATE VIEW looks AS SELECT * FROM "Cache %%s"',
    )
    assert store.find_traces("103188").found == [
        Trace(table="Cache %s", column=column, rows=1) for column in ("a b", "j", "m")
    ]


@pytest.mark.parametrize("words", ["100%", "a_c", r"back\slash", 'say "so"', "(", "[x", "x*", "{2}", "$", "ü.ü", "-"])
def test_signs_stand_for_themselves(store: Store, engine: Engine, words: str) -> None:
    """No wildcard, no regular expression, no parameter."""
    tell(engine, "CREATE TABLE notes (n text, a text[], j jsonb)")
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO public.notes VALUES (%s, ARRAY[%s], jsonb_build_object('k', %s::text))", (words,) * 3
        )
        connection.exec_driver_sql("INSERT INTO public.notes VALUES ('100x abc backslash say so (( üxü', NULL, NULL)")
    found = store.find_traces(words).found
    assert Trace(table="notes", column="n", rows=1 + (words == "(")) in found
    assert {trace.column for trace in found} == {"n", "a", "j"}


def test_a_table_that_may_not_be_read_is_told(engine: Engine, postgres_server: str) -> None:
    """Not searched is not the same as nothing found."""
    tell(
        engine,
        "CREATE TABLE sealed (t text)",
        "CREATE ROLE looker LOGIN PASSWORD 'x'",
        "GRANT SELECT ON ALL TABLES IN SCHEMA public TO looker",
        "REVOKE ALL ON sealed FROM looker",
    )
    looker = make_engine(engine.url.set(username="looker", password="x"))
    try:
        assert Store(looker).find_traces("1").unsearched == ["sealed"]
    finally:
        looker.dispose()
        tell(engine, "DROP OWNED BY looker", "DROP ROLE looker")
    assert postgres_server


def test_a_personal_space_is_found_by_the_account_id(store: Store, engine: Engine) -> None:
    """Its key has the id without its signs."""
    tell(engine, "INSERT INTO sync_spaces (space_key) VALUES ('~7120204f61a1cd')")
    assert store.find_traces("712020:4f61-a1cd").found == [Trace(table="sync_spaces", column="space_key", rows=1)]


def test_what_tells_consumers_of_an_erasure_is_no_trace(store: Store, engine: Engine) -> None:
    """The feed's row `purge`; any other row of the page is one."""
    row = "INSERT INTO content_changes (page_id, space_key, run_id, action, changed_fields) VALUES"
    tell(engine, f"{row} ('103188', 'HR', 1, 'purge', '{{erased}}')")
    assert store.find_traces("103188").found == []
    tell(engine, f"{row} ('103188', 'HR', 1, 'hide', '{{hidden}}')")
    assert store.find_traces("103188").found == [Trace(table="content_changes", column="page_id", rows=1)]

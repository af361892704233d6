"""The example of a logical replica: consumers read what they read at the source, and nothing that was withdrawn."""

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from confluence_simulator import Simulator, handbook_world

from examples.rag.demo import TOKEN, USERNAME
from examples.replica.demo import SOURCE, Connection, Stage, replicated, statements
from hr_sync.domain.outcome import Mode
from hr_sync.embedded.server import EmbeddedPostgres

FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "shared_buffers": "32MB"}
RESTRICTED = "Salary bands and reviews"
VIEWS = ("live_pages", "live_sections", "live_attachments", "live_comments", "mirror_freshness")
EMPTY = ("live_attachments", "live_comments")  # in this handbook
READ_BY_VIEWS = """
    SELECT DISTINCT read.relname::text FROM pg_rewrite rule
        JOIN pg_depend needs ON needs.classid = 'pg_rewrite'::regclass AND needs.objid = rule.oid
        JOIN pg_class read ON read.oid = needs.refobjid AND read.relkind = 'r'
    WHERE rule.ev_class = ANY (%s::regclass[])"""
BODIES = "SELECT prosrc FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND proname <> 'feed_epoch'"
WITHOUT_KEY = """
    SELECT prrelid::regclass::text FROM pg_publication_rel
    WHERE NOT EXISTS (SELECT FROM pg_index WHERE indrelid = prrelid AND indisprimary)"""
PUBLISHED = "SELECT tablename::text FROM pg_publication_tables WHERE pubname = 'hr_mirror'"


@pytest.fixture(scope="module")
def stage(postgres_programs: Path | None) -> Iterator[Stage]:
    """Two clusters, and the handbook mirrored into one of them."""
    with tempfile.TemporaryDirectory(prefix="hr_sync-replica-") as folder:
        Path(folder).chmod(0o711)
        world = handbook_world()
        with (
            Simulator(world, username=USERNAME, api_token=TOKEN) as site,
            EmbeddedPostgres(Path(folder) / "source", programs=postgres_programs, **FAST, **SOURCE) as source,
            EmbeddedPostgres(Path(folder) / "replica", programs=postgres_programs, **FAST) as replica,
            replicated(world, site.site_url, source.url, replica.url) as made,
        ):
            yield made


def column(connection: Connection, query: str, *values: object) -> list[object]:
    return [row[0] for row in connection.execute(query.encode(), values or None)]


def at_both(stage: Stage, query: str, *values: object) -> list[object]:
    """Return the first column of a query, which is the same at both."""
    source, replica = (column(each, query, *values) for each in (stage.source, stage.replica))

    assert source == replica
    return source


def test_consumers_read_the_same_and_a_revocation_arrives(stage: Stage) -> None:
    """Pages, sections, access and search, before a restriction and after it."""
    page = stage.page(RESTRICTED).id
    everybody = [stage.world.group("confluence-users").id]
    search = "SELECT page_id FROM search_sections('salary bands', NULL, %s)"
    for view in VIEWS:
        assert at_both(stage, f"SELECT each::text FROM {view} each ORDER BY 1") or view in EMPTY
    assert at_both(stage, "SELECT may_read(NULL, %s, %s)", everybody, page) == [True]
    assert page in at_both(stage, search, everybody)

    managers = stage.world.add_group("managers")
    stage.world.set_groups("hr-bot", ("confluence-users", managers.name))
    stage.world.restrict_page(page, groups=(managers.name,))
    stage.mirror(Mode.ACCESS)
    stage.catch_up()

    assert at_both(stage, "SELECT may_read(NULL, %s, %s)", everybody, page) == [False]
    assert page in at_both(stage, "SELECT pages_readable_by(NULL, %s) ORDER BY 1", [managers.id, *everybody])
    assert page not in at_both(stage, search, everybody)
    assert page not in at_both(stage, "SELECT id FROM live_pages ORDER BY id")
    assert len(at_both(stage, "SELECT id FROM live_pages")) > 50


def test_new_text_arrives(stage: Stage) -> None:
    """In the view of sections, and found."""
    page = stage.page("Carrying over and paying out leave")
    stage.world.edit_page(page.id, storage=f"{page.storage}<p>Zwiebelkuchen.</p>")
    stage.mirror(Mode.INCREMENTAL)
    stage.catch_up()

    assert at_both(stage, "SELECT page_id FROM search_live_sections('Zwiebelkuchen')") == [page.id]
    assert column(stage.source, statements("lag.sql").decode()) == ["hr_replica"]


def test_the_publication_has_what_consumers_read_and_nothing_else(stage: Stage) -> None:
    """Tables of the views by PostgreSQL's own record, those of the functions by their text.

    A table that consumers begin to read has to be added to `publication.sql`.
    """
    views = set(column(stage.source, READ_BY_VIEWS, [f"public.{view}" for view in VIEWS]))
    bodies = " ".join(str(body) for body in column(stage.source, BODIES))
    named = set(re.findall(r"\b(?:FROM|JOIN) (?:\"?public\"?\.)(\w+) ", bodies)) - set(VIEWS)
    published = set(column(stage.source, PUBLISHED))

    assert {"access_principals", "group_members", "text_policy"} < named - views
    assert published == views | named
    assert column(stage.source, WITHOUT_KEY) == [], "the source refuses to change their rows"


def test_what_does_not_arrive(stage: Stage) -> None:
    """The feed and its epoch, sequences, and what changes tables: all of it belongs to the source."""
    ready = statements("ready.sql").decode()
    assert [column(each, ready) for each in (stage.source, stage.replica)] == [[False], [True]]

    numbers = "SELECT count(*) FROM content_changes"
    sequence = "SELECT coalesce(sum(last_value), 0)::int FROM pg_sequences WHERE schemaname = 'public'"
    assert column(stage.source, numbers) != [0]
    assert column(stage.replica, numbers) == [0]
    assert column(stage.source, "SELECT feed_epoch()") != column(stage.replica, "SELECT feed_epoch()")
    assert column(stage.source, sequence) != column(stage.replica, sequence) == [0]

    stage.source.execute("CREATE VIEW of_the_source AS SELECT 1")
    stage.catch_up()

    with pytest.raises(psycopg.errors.UndefinedTable):
        stage.replica.execute("SELECT * FROM of_the_source")

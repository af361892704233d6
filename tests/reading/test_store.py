"""What a consumer reads is what the views show, whole, once, and by the rights of a reader alone."""

import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Engine, event, select, text

from hr_sync.errors import ConfigurationError, DatabaseCredentialsRefused, DatabaseUnavailable, HrSyncError, SchemaError
from hr_sync.reading import LIVE_PAGES, ConfluencePage, MirrorStore, open_store, session_scope
from hr_sync.reading import reader as module
from hr_sync.store.engine import make_engine
from hr_sync.store.schema import ensure_schema
from tests.reading.conftest import Mirror
from tests.store.spaces import NOON
from tests.store.test_roles import PASSWORD
from tests.support.database import execute

ROOT = Path(__file__).parents[2]
OPEN = ["101", "102", "201"]
MANY = """
    INSERT INTO confluence_pages
        (id, title, space_key, space_id, content_hash, last_updated, version, url, status, metadata_digest)
    SELECT 'p' || to_char(i, 'FM00000'), 'Page ' || i, 'S' || i % 5, 's' || i % 5, 'h',
        timestamptz '2026-03-01 12:00Z' + (i / 7) * interval '1 minute', 1, 'u', 'current', ''
    FROM generate_series(1, {pages}) i;
    INSERT INTO page_bodies SELECT id, 'x' FROM confluence_pages;
    INSERT INTO page_texts SELECT id, 'h', title, space_key, 1, 9, 1, 'x', 'strict', false, 0 FROM confluence_pages;
    INSERT INTO page_sections
    SELECT md5(id), id, 0, 0, NULL, ARRAY['A', 'B'], 'x', 'x', md5('x') FROM confluence_pages;
    ANALYZE"""


@pytest.fixture
def many(engine: Engine) -> Iterator[MirrorStore]:
    """Open a mirror of 1,203 pages in five spaces, in which seven pages at a time changed at the same moment."""
    execute(engine, MANY.format(pages=1203))
    with open_store(engine.url.render_as_string(hide_password=False)) as opened:
        yield opened


def engine_of(store: MirrorStore) -> Engine:
    """Return the engine whose statements the store sends."""
    return store._own.engine


def test_iterators_yield_everything_once_in_order(many: MirrorStore) -> None:
    """Across pieces, also where rows are alike at the end of one."""
    pages = list(many.iterate_pages())
    assert [page.id for page in pages] == [f"p{number:05d}" for number in range(1, 1204)]
    assert [page.id for page in many.iterate_pages(space_key="S3")] == [
        page.id for page in pages if page.space_key == "S3"
    ]
    changed = [page.id for page in many.iterate_changed_since(NOON + timedelta(minutes=1))]
    assert changed == [page.id for page in pages[6:]]
    assert list(many.iterate_changed_since(NOON + timedelta(days=9))) == []
    sections = list(many.iterate_sections())
    assert len({section.section_id for section in sections}) == 1203
    assert [section.page_id for section in sections] == [page.id for page in pages]
    assert {section.page_id for section in many.iterate_sections(space_key="S3")} == {
        page.id for page in pages if page.space_key == "S3"
    }
    assert sections[0].heading_path == ("A", "B")
    assert many.section(sections[7].section_id) == sections[7]


def test_pieces_join_to_the_whole(many: MirrorStore) -> None:
    """By keyset, where each piece begins after the last row of the one before."""
    ids, place, changed = [""], (NOON, ""), []
    while found := many.pages(after=ids[-1], limit=100):
        ids += [page.id for page in found]
    while found := many.changed_since(place[0], after=place[1], space_key="S3", limit=10):
        changed += [page.id for page in found]
        place = (found[-1].last_updated, found[-1].id)

    assert ids[1:] == [page.id for page in many.iterate_pages()]
    assert changed == [page.id for page in many.iterate_pages(space_key="S3")]


def test_pieces_are_read_when_they_are_asked_for(
    many: MirrorStore, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever stops after eleven pages has read two pieces; what is hidden meanwhile is not yielded."""
    monkeypatch.setattr(module, "_PIECE", 10)
    asked: list[str] = []
    event.listen(engine_of(many), "before_cursor_execute", lambda *arguments: asked.append(arguments[2]))
    pages = many.iterate_pages()
    assert [next(pages).id for _ in range(11)][-1] == "p00011"
    assert len([statement for statement in asked if "set_config" not in statement]) == 3

    execute(engine, "UPDATE confluence_pages SET hidden_at = now(), hidden_reason = 'trashed' WHERE id = 'p00021'")
    assert [page.id for page in pages][8:12] == ["p00020", "p00022", "p00023", "p00024"]


def test_a_snapshot_stays_as_it_was(many: MirrorStore, engine: Engine) -> None:
    """All of its answers are of one moment, while the store itself sees the change."""
    with many.snapshot() as mirror:
        assert mirror.count() == 1203
        execute(engine, "UPDATE confluence_pages SET hidden_at = now(), hidden_reason = 'trashed' WHERE id > 'p00003'")
        assert many.count() == 3
        assert len(list(mirror.iterate_pages())) == 1203
        assert mirror.page("p00009") is not None
    assert many.page("p00009") is None


def test_threads_share_a_store(many: MirrorStore) -> None:
    """More of them than the pool holds."""
    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(len(list(many.iterate_pages())))) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [1203] * 20


ASKED: list[tuple[str, Callable[[MirrorStore], object]]] = [
    ("pk_confluence_pages", lambda store: store.page("p00007")),
    ("pk_confluence_pages", lambda store: store._pages(["p00007", "p00008"])),
    ("ix_confluence_pages_last_updated_id", lambda store: store.changed_since(NOON + timedelta(minutes=160), limit=10)),
    ("pk_page_sections", lambda store: store.section("0" * 32)),
    ("uq_page_sections_page_id", lambda store: store.sections("p00007")),
]


@pytest.mark.parametrize(("index", "ask"), ASKED)
def test_a_question_is_one_statement_that_an_index_answers(
    many: MirrorStore, engine: Engine, index: str, ask: Callable[[MirrorStore], object]
) -> None:
    """The views are security barriers, and the conditions are pushed below them all the same."""
    asked: list[tuple[str, object]] = []
    pool = engine_of(many)
    event.listen(pool, "before_cursor_execute", lambda *arguments: asked.append((arguments[2], arguments[3])))
    ask(many)
    questions = [each for each in asked if "set_config" not in each[0]]
    assert len(questions) == 1
    statement, parameters = questions[0]
    with engine.begin() as connection:
        for way in ("seqscan", "bitmapscan", "hashjoin", "mergejoin"):  # the tables are small
            connection.exec_driver_sql(f"SET LOCAL enable_{way} = off")
        plan = connection.exec_driver_sql(f"EXPLAIN {statement}", parameters).scalars().all()  # type: ignore[arg-type]
    assert any(re.search(index, line) for line in plan), "\n".join(plan)


def test_a_reader_sees_the_audience_and_no_more(store: MirrorStore) -> None:
    """By every question about pages; an asker who may read more learns so by the id alone."""
    assert [page.id for page in store.iterate_pages()] == OPEN
    assert [page.id for page in store.changed_since(NOON)] == OPEN
    for page_id in ("103", "104", "999"):
        assert store.page(page_id) is None
        assert store.body(page_id) is None
        assert store.sections(page_id) == []
    assert store.titled("Salaries") == store.search_titles("salaries") == store.search_titles("old leave") == []
    assert {section.page_id for section in store.iterate_sections()} == set(OPEN)
    assert [found.page_id for found in store.search("weeks OR bands")] == ["101"]
    assert [found.page_id for found in store.search_for("weeks OR bands", "bob", [])] == ["101"]
    assert {found.page_id for found in store.search_for("weeks OR bands", "bob", ["board"])} == {"101", "103"}
    assert (store.count(), sum(each.pages for each in store.statistics())) == (3, 3)


@pytest.mark.parametrize(
    ("user", "groups", "pages"),
    [
        ("ann", [], ["101", "102", "103", "201"]),
        ("bob", ["board"], ["101", "102", "103", "201"]),
        ("bob", None, OPEN),
        (None, None, OPEN),
        ("board", [], OPEN),
    ],
)
def test_an_asker_reads_what_every_layer_lets_pass(
    store: MirrorStore, user: str | None, groups: list[str] | None, pages: list[str]
) -> None:
    """As the functions in the database say, for pages, for one page and for sections."""
    assert sorted(store.readable_by(user, groups)) == pages
    assert [page for page in ("101", "103", "104") if store.may_read(user, groups, page)] == [
        page for page in pages if page in {"101", "103"}
    ]
    of_open = {section.section_id for section in store.iterate_sections()}
    readable = store.sections_readable_by(user, groups)
    assert of_open <= readable
    assert len(readable) == len(pages)


def test_whatever_somebody_types_is_a_question(store: MirrorStore) -> None:
    """Wildcards are letters; what PostgreSQL cannot hold finds nothing."""
    assert store.search_titles("%") == store.search_titles("_") == []
    for strange in ("\0", "a\0b", "\ud800", "'; DROP TABLE x; --", "x" * 100_000):
        assert store.page(strange) is None
        assert store.titled(strange) == store.search_titles(strange) == store.pages(space_key=strange) == []
        assert store.search(strange) == store.search_for(strange, strange, [strange]) == []
        assert not store.may_read(strange, [strange], strange)
        assert store.readable_by(strange, [strange]) == set(OPEN)


def test_a_time_without_a_zone_and_no_rows_at_all_are_mistakes(store: MirrorStore) -> None:
    """Said before PostgreSQL is asked."""
    with pytest.raises(ValueError, match="zone"):
        store.changed_since(datetime(2026, 3, 1))  # noqa: DTZ001 -- the mistake
    with pytest.raises(ValueError, match="at least 1"):
        store.pages(limit=0)
    with pytest.raises(ValueError, match="at least 1"):
        store.changed_since(datetime.now(UTC), limit=-1)
    with pytest.raises(ValueError, match="at least 1"):
        store.search_titles("x", limit=0)
    with pytest.raises(ValueError, match="at least 1"):
        store.search("x", limit=0)


def test_a_session_reads_and_cannot_write(store: MirrorStore, mirror: Mirror, engine: Engine) -> None:
    """Not even with the rights of the owner."""
    with session_scope(store) as session:
        assert session.scalars(select(LIVE_PAGES.c.id).order_by(LIVE_PAGES.c.id)).all() == OPEN
    with (
        pytest.raises(ConfigurationError, match="permission denied for table confluence_pages"),
        session_scope(store) as session,
    ):
        session.scalars(select(ConfluencePage.id)).all()
    with (
        open_store(engine.url.render_as_string(hide_password=False)) as own,
        pytest.raises(DatabaseUnavailable, match="read-only"),
        session_scope(own) as session,
    ):
        session.execute(text("DELETE FROM public.confluence_pages"))
    with pytest.raises(ZeroDivisionError), session_scope(store):
        raise ZeroDivisionError
    assert mirror.url


def test_the_table_is_read_by_the_role_that_may(mirror: Mirror) -> None:
    """Row-level security says whose pages it sees (docs/access.md)."""
    engine = make_engine(mirror.installed.url("hr_consumer"))
    try:
        store = MirrorStore(engine)
        with session_scope(store) as session:
            session.execute(text("SELECT set_config('hr_sync.user', 'ann', true)"))
            titles = session.scalars(select(ConfluencePage.title).order_by(ConfluencePage.id)).all()
    finally:
        engine.dispose()
    assert titles == ["Parental leave", "Remote work", "Salaries", "Laptops"]


def opened(url: str, **values: str) -> int:
    """Open a mirror and ask something."""
    with open_store(url, **values) as store:  # type: ignore[arg-type]
        return store.count()


@pytest.mark.parametrize(
    ("url", "kind", "says"),
    [
        ("no address", ConfigurationError, "is not a URL: write postgresql://"),
        ("mysql://host/hr", ConfigurationError, "PostgreSQL only"),
        ("postgresql://hr@127.0.0.1:1/hr", DatabaseUnavailable, r"127\.0\.0\.1:1/hr: .*refused.*can be reached"),
        ("postgresql://hr:geheim@192.0.2.1/hr?sslmode=disable", ConfigurationError, "allow_plaintext"),
    ],
)
def test_a_wrong_address_is_one_clear_message(url: str, kind: type[HrSyncError], says: str) -> None:
    """With the remedy, and without the password."""
    with pytest.raises(kind, match=says) as raised:
        opened(url)
    assert raised.type is kind
    assert "geheim" not in str(raised.value)


def test_wrong_users_and_databases_are_told_apart(mirror: Mirror) -> None:
    """A wrong password, and a database that is not there."""
    assert opened(mirror.url) == 3
    with pytest.raises(DatabaseCredentialsRefused, match="Check user and password"):
        opened(mirror.url.replace("secret@", "wrong@"))
    with pytest.raises(ConfigurationError, match="does not exist"):
        opened(re.sub(r"/hr_\w+\?", "/elsewhere?", mirror.url))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("UPDATE hr_sync_alembic_version SET version_num = '9999'", "9999, which this build .* does not know"),
        ("UPDATE hr_sync_alembic_version SET version_num = '0000'", "0000, which this build"),
        ("DROP VIEW live_sections", "lacks live_sections. Run `hr-sync init-db`"),
        ("DROP FUNCTION may_read", r"lacks may_read.* Run `hr-sync init-db`"),
        ("DROP TABLE hr_sync_alembic_version", "not hr_sync's, or the version was lost"),
    ],
)
def test_another_schema_is_refused_when_the_store_is_opened(engine: Engine, change: str, says: str) -> None:
    """Newer, older or incomplete tables: one error, before anything is read."""
    execute(engine, change)
    with pytest.raises(SchemaError, match=says):
        opened(engine.url.render_as_string(hide_password=False))


def test_an_empty_schema_is_told(database_url: str) -> None:
    """Also another one than that of the mirror."""
    with pytest.raises(SchemaError, match="schema elsewhere holds no tables of hr_sync yet"):
        opened(database_url, schema="elsewhere")


def test_a_mirror_in_another_schema_is_read(database_url: str) -> None:
    """A second site is a second schema."""
    engine = make_engine(database_url, schema="Second site")
    ensure_schema(engine)
    engine.dispose()
    with open_store(database_url, schema="Second site") as store:
        assert (store.count(), store.readable_by(None), store.freshness()) == (0, frozenset(), [])


@pytest.mark.parametrize(
    ("change", "ask", "says"),
    [
        ("DROP VIEW live_sections", lambda store: store.sections("1"), "live_sections"),
        ("DROP VIEW live_pages", lambda store: store.count(), "live_pages"),
        ("DROP FUNCTION pages_readable_by", lambda store: store.readable_by("ann"), "pages_readable_by"),
        ("DROP SCHEMA public CASCADE", lambda store: store.page("1"), "live_pages"),
    ],
)
def test_a_view_that_disappears_is_one_clear_message(
    engine: Engine, change: str, ask: Callable[[MirrorStore], object], says: str
) -> None:
    """It names what is missing and the command that makes it."""
    with open_store(engine.url.render_as_string(hide_password=False)) as store:
        execute(engine, change)
        with pytest.raises(SchemaError, match=rf"{says}.* does not exist\. .*`hr-sync init-db`"):
            ask(store)


def test_a_server_that_goes_away_is_told_and_comes_back(many: MirrorStore, engine: Engine) -> None:
    """A connection that broke is replaced for the next question."""
    assert many.count() == 1203
    name = engine.url.database
    with psycopg.connect(
        engine.url.set(drivername="postgresql", database="postgres").render_as_string(hide_password=False),
        autocommit=True,
    ) as connection:
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
    assert many.count() == 1203


def test_a_closed_store_is_asked_nothing(mirror: Mirror) -> None:
    """Otherwise an iterator that is used up later opens connections that nobody closes."""
    with open_store(mirror.url) as store:
        pages = store.iterate_pages()
    with pytest.raises(RuntimeError, match="within the block"):
        next(pages)
    with pytest.raises(RuntimeError, match="within the block"), session_scope(store):
        pass
    with pytest.raises(RuntimeError, match="within the block"), store.snapshot():
        pass


def test_reading_loads_no_client_and_no_command_line() -> None:
    """A web application imports it; it pays for SQLAlchemy and the driver alone."""
    program = "import sys, hr_sync.reading; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    ended = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    heavy = {"atlassian", "requests", "urllib3", "typer", "click", "pydantic", "alembic", "jinja2", "waitress"}
    assert heavy.intersection(ended.stdout.split()) == set()
    program = "import sys, hr_sync.reading; print(*(name for name in sys.modules if name.startswith('hr_sync.')))"
    ended = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    packages = {name.split(".")[1] for name in ended.stdout.split()}
    assert packages == {"reading", "store", "domain", "errors"}


def test_attachments_are_read_by_whoever_may_read_their_page(mirror: Mirror, store: MirrorStore) -> None:
    """The view shows those of the audience's pages; those of a page that is gone are shown to nobody."""
    consumer = f"postgresql://{mirror.installed.name('hr_consumer')}:{PASSWORD}@{mirror.url.rpartition('@')[2]}"
    with psycopg.connect(consumer) as connection:
        seen = connection.execute("SELECT id FROM page_attachments").fetchall()

    assert [file.id for page_id in (*OPEN, "103", "104") for file in store.attachments(page_id)] == ["301"]
    assert store.attachments_readable_by("ann", []) == {"301", "302"}
    assert store.attachments_readable_by("bob", ["board"]) == {"301", "302"}
    assert store.attachments_readable_by("bob", []) == store.attachments_readable_by(None) == {"301"}
    assert seen == [("301",)]

"""Views over several sites: what they show, who may read them, and what becomes of them when the sites change."""

import re
from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy import make_url
from structlog.testing import capture_logs

from hr_sync.cancellation import Cancellation
from hr_sync.derive.texts import derive_texts
from hr_sync.domain.access import AccessPolicy
from hr_sync.errors import DatabaseConflict, SchemaError
from hr_sync.store import schema, union
from hr_sync.store.engine import in_schema, lock_key, make_engine
from hr_sync.store.schema import ensure_schema, migration_lock
from hr_sync.store.store import Store
from hr_sync.store.union import keep_union, make_union
from hr_sync.store.views import VIEWS
from tests.store.spaces import decision, leased
from tests.store.test_access_facts import ANN, changed, node, write_facts, write_tree
from tests.store.test_roles import LEAK, PASSWORD, PLANS, SCRIPTS, Installed
from tests.store.test_roles import installed as installed  # noqa: PLC0414 -- a fixture

GUIDE = SCRIPTS.parents[1] / "docs/sites.md"
MADE_BY_AN_OLDER_BUILD = 'Made by hr_sync: {"sites":{"emea":"public"},"views":"older"}'
SITES = {"emea": "public", "apac": "apac"}
READERS = ("hr_reader_apac", "hr_sites_reader")


@pytest.fixture
def two(installed: Installed) -> Iterator[Installed]:
    """Return a database with two sites whose pages have the same ids: 1 is open in emea, 1, 2 and 4 in apac."""
    owner = make_engine(installed.url("hr_owner"))
    ensure_schema(in_schema(owner, "apac"))
    of_apac = (SCRIPTS / "grants.sql").read_text(encoding="utf-8").replace("public", "apac")
    grants = "".join(f"CREATE ROLE {role};" for role in READERS) + of_apac.replace(
        "hr_reader", "hr_reader_apac"
    )  # as the guide has it
    grants += (SCRIPTS / "grants-sites.sql").read_text(encoding="utf-8")
    grants += "".join(f"; ALTER ROLE {role} LOGIN PASSWORD '{PASSWORD}'" for role in READERS)
    assert keep_union(owner, SITES) == ["emea", "apac"]
    grants = re.sub(r"\bhr_(owner|worker|reader_apac|sites_reader)\b", lambda role: installed.name(role[0]), grants)
    installed.tell(grants.replace("DATABASE hr ", f"DATABASE {installed.name('hr')} "))
    worker = make_engine(installed.url("hr_worker"), schema="apac")
    store = Store(worker)
    write_tree(store)
    write_facts(store, list(changed(node("3", "1", ANN))))
    assert store.apply_access_policy(AccessPolicy(max_age_hours=48))
    with leased(store) as space:
        space.remove([decision("5")])
    worker.dispose()
    yield installed
    owner.dispose()
    for role in READERS:
        installed.tell(f"DROP OWNED BY {installed.name(role)}; DROP ROLE {installed.name(role)}")


def test_each_view_shows_the_rows_of_every_site_under_its_name(two: Installed) -> None:
    """The same id twice is two rows; every view has the columns of one site behind the name of the site."""
    for view in VIEWS:
        columns = [column.name for column in view.table.columns]
        query = (
            "SELECT attname::text FROM pg_attribute WHERE attnum > 0 AND attrelid = "
            f"'hr_sync_sites.{view.table.name}'::regclass ORDER BY attnum"
        )
        assert two.ask("hr_owner", query) == ["site", *columns]
        options = f"SELECT reloptions FROM pg_class WHERE oid = 'hr_sync_sites.{view.table.name}'::regclass"
        assert two.ask("hr_owner", options) == [["security_barrier=true"]]
    shown = two.ask("hr_sites_reader", "SELECT site || ' ' || id FROM hr_sync_sites.live_pages ORDER BY 1")
    assert shown == ["apac 1", "apac 2", "apac 4", "emea 1"]
    spaces = "SELECT site || ' ' || space_key FROM hr_sync_sites.mirror_freshness ORDER BY 1"
    assert two.ask("hr_sites_reader", spaces) == ["apac HR", "emea HR"]


def test_the_readers_of_one_site_read_no_other(two: Installed) -> None:
    """Nor the views over all of them, after the scripts as the guide says; whose views these are reads nothing else."""
    for role, may_read in (
        ("hr_reader", "public"),
        ("hr_reader_apac", "apac"),
        ("hr_sites_reader", "hr_sync_sites"),
    ):
        for place in ("public", "apac", "hr_sync_sites"):
            query = f"SELECT count(*) > 0 FROM {place}.live_pages"
            if place == may_read:
                assert two.ask(role, query) == [True]
                continue
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                two.ask(role, query)


def test_a_function_in_the_query_sees_only_what_the_views_show(two: Installed) -> None:
    """Not what another reader may see, in no site, and with a temporary table of the same name in the way."""
    two.tell(f"GRANT TEMPORARY ON DATABASE {two.name('hr')} TO PUBLIC")
    seen: list[str] = []
    with psycopg.connect(two.url("hr_sites_reader").replace("+psycopg", "")) as connection:
        connection.add_notice_handler(lambda notice: seen.append(str(notice.message_primary)))
        for statement in ("CREATE TEMPORARY TABLE live_pages (id text)", LEAK, PLANS):
            connection.execute(statement.encode())
        connection.execute("SELECT count(*) FROM hr_sync_sites.live_pages WHERE pg_temp.leak(site || id)")
    assert sorted(seen) == ["apac1", "apac2", "apac4", "emea1"]


def test_an_asker_is_asked_about_at_each_site(two: Installed) -> None:
    """The query of docs/sites.md: functions of each schema, with the ids that the asker has there."""
    worker = make_engine(two.url("hr_worker"))
    for each in SITES.values():
        assert derive_texts(Store(in_schema(worker, each)), Cancellation(), section_size=2000).pages == 4
    worker.dispose()
    (query,) = re.findall(r"```sql\n(SELECT 'emea' AS site.*?);\n```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    here = query.replace("emea.", "public.").replace("parental leave", "page").replace("712020:ann", "ann")
    found = f"SELECT site || ' ' || page_id FROM ({here}) AS found ORDER BY 1"

    two.tell(f"GRANT {two.name('hr_reader_apac')} TO {two.name('hr_reader')}")
    assert two.ask("hr_reader", found) == [f"{site} {page}" for site in ("apac", "emea") for page in "1234"]
    nobody = found.replace("'ann'", "'bob'").replace("hr-emea", "hr-others")
    assert two.ask("hr_reader", nobody) == ["apac 1", "apac 2", "apac 4", "emea 1"]


def test_a_site_that_is_taken_out_leaves_the_views_and_keeps_its_tables(two: Installed) -> None:
    """Grants stay, and somebody without the right changes nothing and is told what to type."""
    owner, worker = (make_engine(two.url(role)) for role in ("hr_owner", "hr_worker"))
    with capture_logs() as told:
        assert keep_union(worker, {"emea": "public"}) == ["emea", "apac"]
    assert [each["event"] for each in told] == ["union.not_made"]
    with capture_logs() as told:
        assert keep_union(owner, {"emea": "public"}) == ["emea"]
    assert told[0]["schemas"] == {"apac": "apac"}
    assert two.ask("hr_sites_reader", "SELECT DISTINCT site FROM hr_sync_sites.live_pages") == ["emea"]
    assert two.ask("hr_reader_apac", "SELECT count(*) FROM apac.live_pages") == [3]
    with capture_logs() as told:
        assert keep_union(owner, {"emea": "public"}) == ["emea"]
    assert told == []
    two.tell("DROP VIEW hr_sync_sites.live_comments")
    assert make_union(owner, {"emea": "public"}) == ["emea"]
    assert two.ask("hr_owner", "SELECT count(*) FROM hr_sync_sites.live_comments") == [0]
    two.tell(f"COMMENT ON SCHEMA hr_sync_sites IS '{MADE_BY_AN_OLDER_BUILD}'")
    with capture_logs() as told:
        assert keep_union(owner, {"emea": "public"}) == ["emea"]
    assert [each["event"] for each in told] == ["union.made"]

    assert make_union(owner, {}) == []
    assert two.ask("hr_owner", "SELECT to_regnamespace('hr_sync_sites') IS NULL") == [True]
    owner.dispose()
    worker.dispose()


def test_a_site_without_tables_waits(two: Installed) -> None:
    """Nothing is shown of it until its tables are made."""
    owner = make_engine(two.url("hr_owner"))
    three = SITES | {"latam": "latam"}
    assert keep_union(owner, three) == ["emea", "apac"]
    ensure_schema(in_schema(owner, "latam"))
    assert keep_union(owner, three) == ["emea", "apac", "latam"]
    owner.dispose()


def test_views_that_went_with_a_schema_are_made_again(two: Installed) -> None:
    """Also where the schema of the site is there again by then; the log says that nobody may read them."""
    owner = make_engine(two.url("hr_owner"))
    two.tell("DROP SCHEMA apac CASCADE")
    ensure_schema(in_schema(owner, "apac"))
    with capture_logs() as told:
        assert keep_union(owner, SITES) == ["emea", "apac"]
    assert [each["event"] for each in told] == ["union.made", "union.created"]
    assert told[1]["views"] == [view.table.name for view in VIEWS]
    assert two.ask("hr_owner", "SELECT DISTINCT site FROM hr_sync_sites.live_pages") == ["emea"]
    owner.dispose()


def test_the_views_of_other_settings_stay(two: Installed) -> None:
    """Those of another site alone, or of other sites, in the same database. Nor is a consumer's view of them lost."""
    owner = make_engine(two.url("hr_owner"))
    shown = "SELECT DISTINCT site FROM hr_sync_sites.live_pages ORDER BY 1"
    ensure_schema(in_schema(owner, "other"))
    assert make_union(in_schema(owner, "other"), {}) == ["emea", "apac"]
    assert two.ask("hr_sites_reader", shown) == ["apac", "emea"]
    with capture_logs() as told:
        assert keep_union(in_schema(owner, "other"), {"other": "other"}) == ["emea", "apac"]
    assert [each["event"] for each in told] == ["union.of_others"]
    assert two.ask("hr_sites_reader", shown) == ["apac", "emea"]

    two.tell("CREATE VIEW theirs AS SELECT id FROM hr_sync_sites.live_pages")
    with capture_logs() as told:
        assert make_union(owner, {}) == ["emea", "apac"]
    assert [each["event"] for each in told] == ["union.not_dropped"]
    assert two.ask("hr_sites_reader", shown) == ["apac", "emea"]
    two.tell("DROP VIEW theirs")
    assert make_union(owner, {}) == []
    owner.dispose()


def test_a_view_that_somebody_reads_or_changed_stops_no_site(two: Installed, monkeypatch: pytest.MonkeyPatch) -> None:
    """The log says why; `init-db` ends with an error that says what to type."""
    monkeypatch.setattr(union, "_PATIENCE", "50ms")
    owner = make_engine(two.url("hr_owner"))
    with psycopg.connect(two.url("hr_sites_reader").replace("+psycopg", "")) as reader, capture_logs() as told:
        reader.execute("SELECT count(*) FROM hr_sync_sites.live_pages")
        assert keep_union(owner, {"emea": "public"}) == ["emea", "apac"]
    assert [(each["event"], each["reason"]) for each in told] == [("union.not_made", "LockNotAvailable (55P03)")]

    two.tell("DROP VIEW hr_sync_sites.live_pages")
    two.tell("CREATE VIEW hr_sync_sites.live_pages AS SELECT id AS other FROM public.live_pages")
    two.tell(f"ALTER VIEW hr_sync_sites.live_pages OWNER TO {two.name('hr_owner')}")
    with capture_logs() as told:
        assert keep_union(owner, {"emea": "public"}) == ["emea", "apac"]
    assert [(each["event"], each["reason"]) for each in told] == [("union.not_made", "InvalidTableDefinition (42P16)")]
    with pytest.raises(SchemaError, match=r"Drop them by DROP SCHEMA hr_sync_sites CASCADE, run `hr-sync init-db`"):
        make_union(owner, {"emea": "public"})
    owner.dispose()


def test_whoever_made_the_views_is_named(two: Installed) -> None:
    """The owner of the tables may not replace views that a superuser made, and would be told to run init-db again."""
    superuser = make_engine(make_url(two.admin).set(database=two.name("hr")).render_as_string(hide_password=False))
    owner = make_engine(two.url("hr_owner"))
    name = two.ask("hr_owner", "SELECT pg_get_userbyid(10)::text")[0]
    assert make_union(owner, {}) == []
    assert make_union(superuser, SITES) == ["emea", "apac"]
    remedies = {}
    for role, views_of in (("superuser", name), ("both", two.name("hr_owner"))):
        two.tell(f"ALTER VIEW hr_sync_sites.live_pages OWNER TO {views_of}")
        with capture_logs() as told:
            assert make_union(owner, {"emea": "public"}) == ["emea", "apac"]
        remedies[role] = told[-1]["remedy"]
    assert remedies["superuser"] == f"As {name}: hr-sync init-db"
    names = ", ".join(sorted([name, two.name("hr_owner")]))
    assert f"to one owner ({names} have them now). As the owner of the tables: hr-sync init-db" in remedies["both"]
    with capture_logs() as told:
        assert make_union(superuser, {"emea": "public"}) == ["emea"]
    assert "union.not_made" not in [each["event"] for each in told]
    owner.dispose()
    superuser.dispose()


def test_no_schema_waits_for_the_tables_of_another(two: Installed) -> None:
    """A site may be migrated for an hour, or its views be made, while the other one starts."""
    owner = make_engine(two.url("hr_owner"), lock_timeout_seconds=1)
    with psycopg.connect(two.url("hr_owner").replace("+psycopg", "")) as migrating:
        for key in (migration_lock("apac"), lock_key("views over sites")):
            migrating.execute("SELECT pg_advisory_xact_lock(%s)", [key])
        assert ensure_schema(in_schema(owner, "public"))
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(schema, "MIGRATION_LOCK_TIMEOUT", "50ms")
            with pytest.raises(DatabaseConflict):
                ensure_schema(in_schema(owner, "apac"))
    owner.dispose()

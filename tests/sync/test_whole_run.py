"""A whole run: what arrives equals the world, and what did not change costs nothing."""

import time

from confluence_simulator import Simulator
from sqlalchemy import Engine

from tests.support.database import fingerprint, page_rows, rows
from tests.support.oracle import wrong
from tests.support.wiring import asked_bodies, context_of, full, mirrored, world_of

PAGE_TABLES = ("confluence_pages", "page_bodies", "content_changes")
ODD_TITLES = (
    "  Two   blanks ",
    "Zero\u200bwidth",
    "Emoji \U0001f468\u200d\U0001f469",
    "<b>&amp;</b> 100 % / ? #",
    "\u202egnp.exe",
    "Leave\u2028Form",
)
ODD_BODIES = (
    "",
    "<p>NUL\x00 bell\x07 tab\t return\r\n</p>",
    "<p>tags \U000e0041\U000e0042, bidi \u202e, mark \ufeff, soft\u00ad hyphen</p>",
    "<p>\U0001f468\u200d\U0001f469\u200d\U0001f467 \u0915\u094d\u200d\u0937</p>",
    "not well-formed <p><b></p> ' \" ; DROP TABLE confluence_pages; -- %s %(x)s :id",
    "<p>annual\u2028leave\u0085and\x0bsick\u2029leave</p>",
)


def written(engine: Engine) -> dict[str, tuple[int, int, int]]:
    """Return inserted, updated and deleted rows of each table that holds pages, once every other session has ended."""
    engine.dispose()  # a session reports its numbers at its end
    others = "SELECT count(*) AS n FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    ends_at = time.monotonic() + 5
    while rows(engine, others)[0]["n"] and time.monotonic() < ends_at:
        time.sleep(0.01)
    found = rows(engine, "SELECT relname, n_tup_ins, n_tup_upd, n_tup_del FROM pg_stat_user_tables")
    return {
        row["relname"]: (row["n_tup_ins"], row["n_tup_upd"], row["n_tup_del"])
        for row in found
        if row["relname"] in PAGE_TABLES
    }


def test_five_hundred_pages_arrive_and_a_second_run_costs_nothing(engine: Engine) -> None:
    """Every column of every row equals the world; the second run fetches no body and writes no page row."""
    world = world_of(500 - len(ODD_BODIES), spaces=2)
    for title, body in zip(ODD_TITLES, ODD_BODIES, strict=True):
        world.create_page(space_key="S01", title=title, storage=body)

    with Simulator(world) as site:
        context = context_of(site, engine)
        first = full(context)

        assert (first.outcome, first.exit_code) == ("complete", 0)
        assert (first.counts.listed, first.counts.inserted, first.counts.bodies) == (500, 500, 500)
        assert wrong(engine, site) == []
        assert len(page_rows(engine)) == 500
        after_first = written(engine)
        assert after_first == dict.fromkeys(PAGE_TABLES, (500, 0, 0))

        site.requests.clear()
        before = fingerprint(engine)
        second = full(context)

        assert (second.outcome, second.counts.unchanged, second.counts.bodies) == ("complete", 500, 0)
        assert asked_bodies(site) == set()
        assert not any("body-format" in dict(record.query) for record in site.requests)
        assert fingerprint(engine) == before
        assert written(engine) == after_first


def test_only_what_changed_is_fetched_and_written(engine: Engine) -> None:
    """An edit, a new page and a new title are three bodies and three rows; the rows equal the world again."""
    world = world_of(120)
    with mirrored(world, engine) as (site, context):
        edited, renamed = world.pages()[3], world.pages()[70]
        world.edit_page(edited.id, storage="<p>Since today there is one day more.</p>")
        world.rename_page(renamed.id, "Another title")
        added = world.create_page(space_key="S00", title="New", storage="<p>New</p>", parent_id=edited.id)
        before = written(engine)

        report = full(context)

        assert asked_bodies(site) == {edited.id, renamed.id, added.id}
        assert (report.counts.inserted, report.counts.updated, report.counts.unchanged) == (1, 2, 118)
        assert wrong(engine, site) == []
        inserted, updated, deleted = before["confluence_pages"]
        after = written(engine)
        assert after["confluence_pages"] == (inserted + 1, updated + 2, deleted)
        assert after["content_changes"] == (inserted + 3, 0, 0)


def test_each_run_leaves_a_row_with_its_numbers(engine: Engine) -> None:
    """The report, the run row and the row of the space agree."""
    world = world_of(5)
    with mirrored(world, engine) as (site, context):
        world.edit_page(world.pages()[0].id, storage="<p>x</p>")
        report = full(context)

        (row,) = rows(engine, "SELECT * FROM sync_runs WHERE id = %s", report.run_id)
        (space,) = rows(engine, "SELECT * FROM sync_run_spaces WHERE run_id = %s", report.run_id)
        assert (row["outcome"], row["exit_code"], row["error"]) == ("complete", 0, None)
        assert row["requests"] == report.requests == len(site.requests)
        for name in ("listed", "inserted", "updated", "moved", "unchanged", "failed", "hidden", "removed", "bodies"):
            assert row[name] == space[name] == getattr(report.counts, name)
        assert row["finished_at"] > row["started_at"]
        (mirrored_space,) = rows(engine, "SELECT * FROM sync_spaces")
        assert mirrored_space["last_complete_run_id"] == report.run_id
        assert mirrored_space["lease_holder"] is None


def test_an_empty_space_is_mirrored_as_such(engine: Engine) -> None:
    """Nothing is there, and that is complete."""
    world = world_of(0)
    with mirrored(world, engine) as (_, context):
        assert (full(context).outcome, page_rows(engine)) == ("complete", {})


def test_only_the_spaces_in_scope_are_mirrored(engine: Engine) -> None:
    """Of three spaces two are configured, and the first run is asked for one of them."""
    world = world_of(30, spaces=3)
    with Simulator(world) as site:
        context = context_of(site, engine, spaces=("S00", "S02"))

        full(context, space_keys=("S02",))
        assert wrong(engine, site, "S02") == []
        full(context)
        assert wrong(engine, site, "S00", "S02") == []


def test_a_name_that_no_database_holds_costs_nothing(engine: Engine) -> None:
    """The name of a space is sanitised like any other text."""
    world = world_of(3)
    world.create_space("ODD", "Peo\x00ple \u202e& \x07Culture")
    with mirrored(world, engine, spaces=("ODD", "S00")):
        assert rows(engine, "SELECT name FROM sync_spaces WHERE space_key = 'ODD'") == [{"name": "People & Culture"}]


def test_a_lower_version_is_written_too(engine: Engine) -> None:
    """A space restored from a backup has older versions, and they are what people see."""
    world = world_of(3)
    newer = world_of(3)
    newer.edit_page(newer.pages()[0].id, storage="<p>2</p>")
    with Simulator(newer) as site:
        assert full(context_of(site, engine)).outcome == "complete"
    with Simulator(world) as site:
        assert full(context_of(site, engine)).outcome == "complete"
        assert wrong(engine, site) == []

"""A page costs only itself: what PostgreSQL or Confluence refuses about it is recorded, and tried again."""

from typing import Any

import pytest
from confluence_simulator import Simulator
from sqlalchemy import Engine

from tests.support.database import execute, page_rows, rows
from tests.support.oracle import wrong
from tests.support.wiring import asked_bodies, context_of, fault, fired, full, live_ids, mirrored, world_of

CANARY = "canary-of-a-page"
RAISES = """
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF to_jsonb(NEW)::text LIKE '%canary-of-a-page%' THEN
            RAISE EXCEPTION 'canary-of-a-page %', NEW USING DETAIL = NEW::text, HINT = NEW::text;
        END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION refuse()
"""
REFUSALS = {
    "a trigger on pages that raises": (
        RAISES.format(table="confluence_pages"),
        "DROP TRIGGER refuse ON confluence_pages",
        "RaiseException (P0001)",
    ),
    "a trigger on bodies that raises": (
        RAISES.format(table="page_bodies"),
        "DROP TRIGGER refuse ON page_bodies",
        "RaiseException (P0001)",
    ),
    "a check constraint": (
        "ALTER TABLE page_bodies ADD CONSTRAINT no_canary CHECK (storage NOT LIKE '%canary%')",
        "ALTER TABLE page_bodies DROP CONSTRAINT no_canary",
        "CheckViolation (23514, no_canary)",
    ),
    "a unique index": (
        """CREATE UNIQUE INDEX one_canary ON confluence_pages ((title LIKE '%canary%')) WHERE title LIKE '%canary%';
           INSERT INTO confluence_pages (id, title, space_key, content_hash, last_updated, version, url, status,
           metadata_digest) VALUES ('1', 'canary', 'OTHER', '', now(), 1, '', 'current', '')""",
        """DROP INDEX one_canary; DELETE FROM confluence_pages WHERE id = '1';
           DELETE FROM content_changes WHERE page_id = '1'""",
        "UniqueViolation (23505, one_canary)",
    ),
    "a computed column that cannot be computed": (
        """ALTER TABLE page_bodies ADD COLUMN odd int GENERATED ALWAYS AS
           (CASE WHEN storage LIKE '%canary%' THEN 1 / (length(storage) * 0) END) STORED""",
        "ALTER TABLE page_bodies DROP COLUMN odd",
        "DivisionByZero (22012)",
    ),
}


def failures(engine: Engine) -> list[dict[str, Any]]:
    """Return the pages that failed."""
    return rows(engine, "SELECT * FROM page_failures ORDER BY page_id")


@pytest.mark.parametrize("refusal", REFUSALS)
def test_a_page_that_the_server_refuses_costs_only_itself(engine: Engine, refusal: str) -> None:
    """Its 129 neighbours arrive; it is recorded without a word of its content, counted up, and stored in the end."""
    refuse, allow, described = REFUSALS[refusal]
    world = world_of(129)
    victim = world.create_page(space_key="S00", title=CANARY, storage=f"<p>{CANARY}{'x' * 5000}</p>")
    execute(engine, refuse)
    with Simulator(world) as site:
        context = context_of(site, engine)

        report = full(context)

        assert (report.outcome, report.exit_code, report.counts.failed) == ("partial", 3, 1)
        assert report.counts.inserted == 129
        foreign = ("1 ", "the feed has hide for 1,")  # the row that makes the unique index refuse the page
        assert [each for each in wrong(engine, site) if not each.startswith(foreign)] == [f"{victim.id} is missing"]
        (failure,) = failures(engine)
        assert failure["page_id"] == victim.id
        assert (failure["stage"], failure["attempts"], failure["version"]) == ("store", 1, 1)
        assert failure["message"].endswith(described)
        everything_written = [failures(engine), rows(engine, "SELECT * FROM sync_runs"), report]
        assert CANARY not in str(everything_written)

        site.requests.clear()
        assert full(context).exit_code == 3
        assert asked_bodies(site) == {victim.id}
        assert failures(engine)[0]["attempts"] == 2
        assert failures(engine)[0]["next_attempt_at"] > failures(engine)[0]["last_failed_at"]

        execute(engine, allow)
        report = full(context)

        assert (report.outcome, report.counts.inserted, report.counts.failed) == ("complete", 1, 0)
        assert failures(engine) == []
        assert wrong(engine, site) == []


def test_a_page_that_fails_keeps_its_last_good_row(engine: Engine) -> None:
    """Row and body stay as they were, and stay live."""
    world = world_of(5)
    with mirrored(world, engine) as (_, context):
        before = page_rows(engine)
        world.edit_page(world.pages()[2].id, storage=f"<p>{CANARY}</p>")
        execute(engine, RAISES.format(table="page_bodies"))

        assert full(context).exit_code == 3
        assert page_rows(engine) == before


def test_a_page_that_fails_leaves_no_trace_in_the_feed(engine: Engine) -> None:
    """The feed holds what was applied, and the neighbours once, though their chunk was written twice."""
    world = world_of(9)
    world.create_page(space_key="S00", title="Last", storage=f"<p>{CANARY}</p>")
    execute(engine, RAISES.format(table="page_bodies"))
    with Simulator(world) as site:
        full(context_of(site, engine))

        in_feed = [row["page_id"] for row in rows(engine, "SELECT page_id FROM content_changes")]
        assert sorted(in_feed) == sorted(page_rows(engine))
        assert len(in_feed) == 9


@pytest.mark.parametrize(
    ("kind", "match"),
    [
        ("row-without-version", "/api/v2/spaces/"),
        ("row-null-title", "/api/v2/spaces/"),
        ("row-without-version", "body-format"),
        ("row-without-body", "body-format"),
        ("page-breaks-batch", ""),
        ("missing-rows", "body-format"),
    ],
)
def test_a_page_that_confluence_does_not_return_costs_only_itself(engine: Engine, kind: str, match: str) -> None:
    """Its neighbours arrive, it is recorded, its last good row stays; the next run stores it."""
    world = world_of(8)
    with mirrored(world, engine) as (site, context):
        victim, *_ = world.pages()
        before = page_rows(engine)
        for page in world.pages():
            world.edit_page(page.id, storage=f"<p>{page.id}</p>")
        times = 0 if kind == "page-breaks-batch" else 1
        fault(site, kind, match, argument=victim.id if kind == "page-breaks-batch" else None, times=times)

        report = full(context)

        assert fired(site) == {kind}
        assert (report.outcome, report.exit_code, report.counts.failed) == ("partial", 3, 1)
        assert report.counts.updated == 7
        (failure,) = failures(engine)
        assert failure["page_id"] == victim.id
        assert page_rows(engine)[victim.id] == before[victim.id]
        assert {fault.split()[0].partition(".")[0] for fault in wrong(engine, site)} == {victim.id}

        site.faults.clear()
        assert full(context).outcome == "complete"
        assert wrong(engine, site) == []
        assert failures(engine) == []


def test_a_body_with_a_nul_arrives(engine: Engine) -> None:
    """What the driver refuses is removed before."""
    world = world_of(3)
    with Simulator(world) as site:
        fault(site, "row-nul-in-body", "body-format")

        assert full(context_of(site, engine)).outcome == "complete"
        assert fired(site) == {"row-nul-in-body"}
        assert rows(engine, "SELECT storage FROM live_pages ORDER BY id")[0]["storage"] == "<p>beforeafter</p>"


def test_a_server_that_is_shutting_down_is_no_page_s_failure(engine: Engine) -> None:
    """An error that says "not now" ends the run as temporary; no page counts as failed."""
    shutting_down = RAISES.format(table="page_bodies").replace("USING DETAIL", "USING ERRCODE = '57P01', DETAIL")
    world = world_of(3)
    world.create_page(space_key="S00", title="Last", storage=f"<p>{CANARY}</p>")
    execute(engine, shutting_down)

    with Simulator(world) as site:
        report = full(context_of(site, engine))

    assert (report.outcome, report.exit_code) == ("failed", 75)
    assert "PostgreSQL" in (report.error or "")
    assert CANARY not in str(report)
    assert live_ids(engine) == set()
    assert failures(engine) == []

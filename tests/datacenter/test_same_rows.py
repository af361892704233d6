"""The whole sync on both flavours: the same world gives the same rows, and no removed endpoint is needed."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from typing import Any

import pytest
from confluence_simulator import Fault, Simulator, World
from sqlalchemy import Engine, text

from hr_sync.confluence.cloud import CloudSource
from hr_sync.confluence.datacenter import DataCenterSource
from hr_sync.domain.access import AccessMode, AccessPolicy
from hr_sync.domain.outcome import Mode, Outcome, RunReport
from hr_sync.domain.scope import PageScope
from hr_sync.errors import EndpointRemoved
from hr_sync.store.engine import make_engine
from hr_sync.store.schema import ensure_schema
from hr_sync.sync.context import SyncPolicy, SyncRequest
from hr_sync.sync.run import run
from tests.confluence.flavors import BEFORE_SCAN, world_of
from tests.support.database import execute
from tests.support.wiring import context_of, fired

# All columns but the address, the digest over it, the times of our own clock, and numbers of runs.
ROWS = """
    SELECT p.id, p.title, p.space_key, p.space_id, p.content_hash, p.last_updated, p.version, p.parent_id,
           p.parent_type, p.status, p.hidden_at IS NULL AS shown, p.removed_at IS NULL AS kept, p.removed_reason,
           b.storage
    FROM {schema}.confluence_pages p LEFT JOIN {schema}.page_bodies b ON b.page_id = p.id
    ORDER BY p.id
"""
CHANGES = (
    "SELECT page_id, space_key, action, changed_fields, version, reason FROM {schema}.content_changes ORDER BY seq"
)
POSITIONS = "SELECT space_key, space_id, name, watermark FROM {schema}.sync_spaces ORDER BY space_key"
DIGESTS = "SELECT space_key, listing_digest FROM {schema}.sync_run_spaces ORDER BY run_id, space_key"
ATTRIBUTES = """
    SELECT id, labels, CASE WHEN access_set_id IS NOT NULL THEN ARRAY(
        SELECT to_jsonb(array_agg(principal)) FROM {schema}.access_layers JOIN {schema}.access_principals USING (layer)
        WHERE set_id = access_set_id GROUP BY layer HAVING array_agg(principal) <> '{{c:everyone}}'
    ) END FROM {schema}.confluence_pages ORDER BY id"""


class Side:
    """One flavour of the world, and its mirror in a schema of its own."""

    def __init__(
        self, site: Simulator, engine: Engine, schema: str, *, attributes: bool = False, pages: PageScope | None = None
    ) -> None:
        self.site = site
        self.schema = schema
        self._engine = engine
        self.context = context_of(
            site,
            engine,
            source=DataCenterSource if site.tenant.flavor == "datacenter" else CloudSource,
            policy=SyncPolicy(
                access=AccessPolicy(mode=AccessMode.ENFORCE if attributes else AccessMode.ACCOUNT),
                compares_labels=attributes,
                busy_wait_seconds=0.0,
            ),
            pages=pages,
        )

    def run(self, mode: Mode = Mode.FULL, **request: Any) -> RunReport:
        """Run once."""
        return run(self.context, SyncRequest(mode=mode, **request))

    def attributes(self) -> list[tuple[str, list[str] | None, object]]:
        """Return labels and readers; people and groups by name, since each flavour has ids of its own."""
        return [(page_id, labels, self._named(readers)) for page_id, labels, readers in self.select(ATTRIBUTES)]

    def _named(self, readers: list[list[str]] | None) -> object:
        return readers and {frozenset(self._name(*token.split(":", 1)) for token in layer) for layer in readers}

    def _name(self, kind: str, subject: str) -> str:
        return self.site.world.user(subject).username if kind == "u" else self.site.world.group(subject).name

    def select(self, query: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query over the schema of this side."""
        with self._engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(query.format(schema=self.schema)))]

    def execute(self, statement: str, **values: Any) -> None:
        """Execute a statement over the schema of this side."""
        with self._engine.begin() as connection:
            connection.execute(text(statement.format(schema=self.schema)), values)


OpenSide = Callable[..., Side]


@pytest.fixture
def side(database_url: str) -> Iterator[OpenSide]:
    """Open sides on one fresh database, a schema each."""
    with ExitStack() as stack:

        def open_side(
            world: World, schema: str, *, attributes: bool = False, pages: PageScope | None = None, **switches: Any
        ) -> Side:
            site = stack.enter_context(Simulator(world, **switches))
            engine = stack.enter_context(engine_of(database_url, schema))
            return Side(site, engine, schema, attributes=attributes, pages=pages)

        yield open_side


@contextmanager
def engine_of(url: str, schema: str) -> Iterator[Engine]:
    """Make the tables in a schema, and return an engine for it."""
    engine = make_engine(url, schema=schema)
    try:
        ensure_schema(engine)
        execute(engine, f"UPDATE {schema}.access_policy SET mode = 'account'")  # pages are compared here, not access
        yield engine
    finally:
        engine.dispose()


def live(world: World, space_key: str) -> list[str]:
    """Return the ids of the current pages of a space."""
    return [page.id for page in world.pages(space_key=space_key, status="current")]


def change_much(world: World) -> None:
    """Do everything that people do to pages, in two spaces."""
    world.advance(timedelta(hours=5))
    first, second, third, *_, moved, away, renamed, hidden, archived, trashed, purged = live(world, "S00")
    world.edit_page(second, storage="<p>New&nbsp;text &rarr; \0 here</p>")
    world.edit_page(second, storage="<p>Newer</p>")
    world.rename_page(renamed, "Another name / with signs?")
    world.move_page(moved, parent_id=third)
    world.move_page(away, space_key="S01")
    world.hide_page(hidden)
    world.archive_page(archived)
    world.trash_page(trashed)
    world.purge_page(purged)
    world.label_page(first, "news")
    world.label_page(first, "mine", prefix="my")
    world.restrict_page(first, users=("ann.lee",))
    world.restrict_page(third, groups=("confluence-users",))
    folder = world.create_folder(space_key="S01", title="Forms")
    world.create_page(space_key="S01", title="In a folder", storage="<p>1</p>", parent_id=folder.id)
    world.create_page(space_key="S01", title="At the top", storage="")
    world.create_blog_post(space_key="S01", title="No page", storage="<p>2</p>")


def change_back(world: World) -> None:
    """Bring back what can come back, and trash something with its tree."""
    world.advance(timedelta(hours=5))
    for page in world.pages():
        if page.status in ("trashed", "archived"):
            world.restore_page(page.id)
        elif page.read:
            world.unrestrict_page(page.id)
    parent = next(page for page in live(world, "S01") if world.descendants(page) and world.page(page).parent_id)
    world.trash_page(parent, tree=True)


@pytest.mark.parametrize(
    "switches",
    [
        {"context_path": "/confluence", "utc_offset": timedelta(hours=10), "user_timezone": "Asia/Tokyo"},
        {"version": BEFORE_SCAN},
    ],
    ids=["scan", "offset"],
)
def test_the_same_world_gives_the_same_rows(side: OpenSide, switches: dict[str, Any]) -> None:
    """Through a history of full runs; feed, positions and listing digests are the same too."""
    world = world_of(160, spaces=2)
    cloud = side(world, "cloud", attributes=True)
    datacenter = side(world, "datacenter", attributes=True, flavor="datacenter", **switches)

    reasons: set[str | None] = set()
    restricted: list[int] = []
    for change in (lambda _: None, change_much, change_back, lambda _: None):
        change(world)
        expected, report = cloud.run(), datacenter.run()
        assert report.outcome == expected.outcome == Outcome.COMPLETE
        assert (report.counts, report.exit_code) == (expected.counts, expected.exit_code)
        assert datacenter.select(ROWS) == cloud.select(ROWS)
        assert datacenter.attributes() == cloud.attributes()
        restricted.append(sum(bool(readers) for _, _, readers in cloud.attributes()))
        assert all(labels is not None for _, labels, _ in cloud.attributes())
        reasons |= {row[-2] for row in cloud.select(ROWS)}

    assert {"trashed", "archived", "not_visible", None} <= reasons
    assert restricted[0] == restricted[-1] == 0 < restricted[1]
    assert sorted(datacenter.select(CHANGES)) == sorted(cloud.select(CHANGES))
    assert datacenter.select(POSITIONS) == cloud.select(POSITIONS)
    assert datacenter.select(DIGESTS) == cloud.select(DIGESTS)
    assert None not in {root for _, root in datacenter.select(DIGESTS)}
    assert len(cloud.select("SELECT 1 FROM {schema}.live_pages")) == len(world.pages(status="current"))


def test_incremental_runs_give_the_same_versions(side: OpenSide) -> None:
    """Both store what was edited and made; Data Center sees moves of the last day besides."""
    world = world_of(80, spaces=2)
    cloud, datacenter = side(world, "cloud"), side(world, "datacenter", flavor="datacenter")
    for each in (cloud, datacenter):
        each.run()
    world.advance(timedelta(hours=30))
    second, third, *_ = live(world, "S00")
    world.edit_page(second, storage="<p>Edited</p>")
    world.rename_page(third, "Renamed")
    world.create_page(space_key="S01", title="Made", storage="<p>Made</p>")

    reports = [each.run(Mode.INCREMENTAL) for each in (cloud, datacenter)]

    assert [(report.outcome, report.counts.updated, report.counts.inserted) for report in reports] == [
        (Outcome.COMPLETE, 2, 1)
    ] * 2
    assert datacenter.select(ROWS) == cloud.select(ROWS)
    assert datacenter.select(POSITIONS) == cloud.select(POSITIONS)


def test_an_idle_run_on_data_center_fetches_no_body(side: OpenSide) -> None:
    """A request for each 200 pages, three at the beginning, and one for the account at the end."""
    world = world_of(450)
    datacenter = side(world, "datacenter", flavor="datacenter")
    datacenter.run()
    before = datacenter.select("SELECT id, xmin::text FROM {schema}.confluence_pages ORDER BY id")
    datacenter.site.requests.clear()

    report = datacenter.run()

    assert (report.outcome, report.counts.bodies, report.requests) == (Outcome.COMPLETE, 0, 3 + 2 + 1)
    assert len(datacenter.site.requests) == report.requests
    assert datacenter.select("SELECT id, xmin::text FROM {schema}.confluence_pages ORDER BY id") == before


@pytest.mark.parametrize(
    ("kind", "exit_code"),
    [("captcha-403", 77), ("redirect-login", 77), ("login-page-200", 3), ("site-gone-404", 3), ("unavailable-503", 75)],
)
def test_a_site_that_refuses_everything_removes_nothing(side: OpenSide, kind: str, exit_code: int) -> None:
    """After the spaces were listed everything fails; the mirror stays as it is, and the next run is complete."""
    world = world_of(30)
    datacenter = side(world, "datacenter", flavor="datacenter")
    datacenter.run()
    rows = datacenter.select(ROWS)
    world.trash_page(live(world, "S00")[-1])
    datacenter.site.faults.add(Fault(kind=kind, at=3, times=0))

    report = datacenter.run()
    after = datacenter.select(ROWS)
    assert fired(datacenter.site) == {kind}
    datacenter.site.faults.clear()
    healed = datacenter.run()

    assert (report.exit_code, report.counts.removed, report.counts.hidden) == (exit_code, 0, 0)
    assert after == rows
    assert (healed.outcome, healed.counts.removed) == (Outcome.COMPLETE, 1)


def test_an_expired_token_is_no_empty_confluence(side: OpenSide) -> None:
    """Answered as an anonymous visitor who sees nothing, a run ends with 77 and removes nothing."""
    world = world_of(30)
    datacenter = side(world, "datacenter", flavor="datacenter")
    datacenter.run()
    rows = datacenter.select(ROWS)
    datacenter.site.faults.add(Fault(kind="anonymous-200", times=0))

    report = datacenter.run()

    assert fired(datacenter.site) == {"anonymous-200"}
    assert report.exit_code == 77
    assert datacenter.select(ROWS) == rows


def test_cloud_is_read_without_the_endpoints_that_it_removed(side: OpenSide) -> None:
    """Full, incremental, resync and questions by id: of v1 nothing but the current user, and no 410 anywhere."""
    world = world_of(120, spaces=2)
    cloud = side(world, "cloud", removed_v1=True)
    reports = [cloud.run()]
    change_much(world)
    reports += [cloud.run(Mode.INCREMENTAL), cloud.run(), cloud.run()]
    reports += [cloud.run(Mode.RESYNC, page_ids=live(world, "S00")[:3])]
    reports += [cloud.run(Mode.RESYNC, space_keys=["S01"], every_page=True)]
    asked = {(record.route.split("/")[1], record.status) for record in cloud.site.requests}
    old = {record.route for record in cloud.site.requests if record.route.startswith("/rest/api")}

    assert {report.outcome for report in reports} == {Outcome.COMPLETE}
    assert 410 not in {status for _, status in asked}
    assert old == {"/rest/api/user/current"}
    with pytest.raises(EndpointRemoved):
        cloud.context.source.client.get("rest/api/content")

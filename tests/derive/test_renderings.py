"""Texts show what computed macros show, where consumers see what the account sees, and nowhere else."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

import pytest
from confluence_simulator import Simulator, World
from sqlalchemy import Engine

from hr_sync.cancellation import Cancellation
from hr_sync.cli.commands.text import render_live_page
from hr_sync.confluence.cloud import CloudSource
from hr_sync.confluence.datacenter import DataCenterSource
from hr_sync.derive.people import People
from hr_sync.derive.renderings import NoRenderings, Renderings
from hr_sync.derive.texts import TextReport, derive_texts
from hr_sync.domain.access import AccessMode, AccessPolicy
from hr_sync.domain.content import ContentKind, RenderedBody
from hr_sync.errors import DatabaseConflict
from hr_sync.store.engine import make_engine, make_sessions, session_scope
from hr_sync.store.store import Store
from hr_sync.sync.context import SyncContext, SyncPolicy
from hr_sync.sync.readers import readers_of_page
from tests.support.database import connect, execute, rows
from tests.support.wiring import access, context_of, fault, fired, full

ACCOUNT = SyncPolicy(access=AccessPolicy(mode=AccessMode.ACCOUNT))
PLACEHOLDER = "[Confluence shows here: page properties of other pages]"
RENDERED = r"body-format=export_view|body\.export_view"


def macro(name: str, macro_id: str = "", **parameters: str) -> str:
    identity = f' ac:macro-id="{macro_id}"' if macro_id else ""
    inner = "".join(f'<ac:parameter ac:name="{key}">{value}</ac:parameter>' for key, value in parameters.items())
    return f'<ac:structured-macro ac:name="{name}"{identity}>{inner}</ac:structured-macro>'


REPORT = macro("detailssummary", "r-1", cql="label = &quot;policy&quot;")


def properties(owner: str) -> str:
    return f"<table><tr><th>Owner</th><td>{owner}</td></tr></table>"


@dataclass
class Scene:
    """A page with a report over two labelled pages, and one without macros."""

    world: World
    site: Simulator
    engine: Engine
    context: SyncContext
    report: str
    leave: str

    def renderings(self, store: Store | None = None, *, max_age: timedelta = timedelta(hours=24)) -> Renderings:
        store = store or self.context.store
        return Renderings(store.renderings, self.context.source.rendered_body, max_age=max_age)

    def derive(self, renderings: Renderings | None = None, store: Store | None = None) -> TextReport:
        self.site.requests.clear()
        store = store or self.context.store
        return derive_texts(
            store,
            Cancellation(),
            section_size=2000,
            people=People(store.mentions, self.context.source.public_names),
            renderings=renderings or self.renderings(store),
        )

    @property
    def asked(self) -> int:
        return len(self.site.requests)

    def text(self) -> str:
        query = "SELECT text FROM live_sections WHERE page_id = %s ORDER BY ordinal"
        return "\n\n".join(row["text"] for row in rows(self.engine, query, self.report))

    def stored(self) -> list[dict[str, Any]]:
        return rows(self.engine, "SELECT page_id, outputs, error FROM page_renderings")

    def is_older(self, hours: int) -> None:
        execute(self.engine, f"UPDATE page_renderings SET asked_at = asked_at - interval '{hours} hours'")


def scene_of(engine: Engine, flavor: Literal["cloud", "datacenter"] = "cloud") -> Iterator[Scene]:
    world = World()
    world.create_space("HR")
    leave = world.create_page(space_key="HR", title="Leave", storage=properties("Ann"))
    travel = world.create_page(space_key="HR", title="Travel", storage=properties("Bob"))
    for page in (leave, travel):
        world.label_page(page.id, "policy")
    body = f"<h1>All policies</h1><p>Before.</p>{REPORT}<h1>After</h1><p>End.</p>"
    report = world.create_page(space_key="HR", title="Policies", storage=body)
    source = CloudSource if flavor == "cloud" else DataCenterSource
    with Simulator(world, flavor=flavor) as site:
        context = context_of(site, engine, policy=ACCOUNT, source=source)
        assert full(context).outcome == "complete"
        yield Scene(world, site, engine, context, report.id, leave.id)


@pytest.fixture
def scene(engine: Engine) -> Iterator[Scene]:
    yield from scene_of(engine)


@pytest.mark.parametrize("flavor", ["cloud", "datacenter"])
def test_a_report_stands_in_the_place_of_its_macro(engine: Engine, flavor: Literal["cloud", "datacenter"]) -> None:
    """Asked for of that page alone, by one request; an idle pass asks nothing and writes nothing."""
    for scene in scene_of(engine, flavor):
        scene.derive()

        before, _, report = scene.text().partition("| Title | Owner |")
        assert before == "# All policies\n\nBefore.\n\n"
        assert "[Leave](http" in report
        assert "| Ann |" in report
        assert "| Bob |" in report
        assert report.endswith("# After\n\nEnd.")
        assert scene.asked == 1
        assert rows(engine, "SELECT has_computed_content FROM page_texts WHERE page_id = %s", scene.report) == [
            {"has_computed_content": True}
        ]
        assert scene.derive() == TextReport()
        assert scene.asked == 0
        with session_scope(make_sessions(engine)) as session:
            assert "| Bob |" in render_live_page(session, scene.report).markdown


def test_what_macros_show_is_asked_again_by_age_and_version(scene: Scene) -> None:
    """Computed content changes without a version of its page."""
    scene.derive()
    scene.world.edit_page(scene.leave, storage=properties("Cleo"))
    full(scene.context)
    scene.derive()
    assert "| Ann |" in scene.text(), "within the interval"
    scene.is_older(25)
    assert scene.derive().pages == 1
    assert "| Cleo |" in scene.text()
    assert scene.asked == 1

    scene.world.edit_page(scene.report, storage=f"<p>New.</p>{REPORT}")
    full(scene.context)
    assert scene.derive().pages == 1
    assert scene.text().startswith("New.\n\n| Title | Owner |")


@pytest.mark.parametrize("kind", ["forbidden-403", "error-500", "not-found-404-v2", "html-200", "unauthorized-401"])
def test_a_failure_leaves_the_placeholder_and_is_told(scene: Scene, kind: str) -> None:
    """It is asked again an hour later, not at each pass."""
    fault(scene.site, kind, RENDERED, times=0)
    report = scene.derive()
    assert fired(scene.site) == {kind}
    assert PLACEHOLDER in scene.text()
    assert scene.text().endswith("End.")
    assert f"the macros of 1 page show ({scene.report})" in report.warnings[0]
    assert scene.stored()[0]["error"]
    assert scene.derive() == TextReport()
    assert scene.asked == 0
    scene.site.faults.clear()
    scene.is_older(2)
    scene.derive()
    assert "| Ann |" in scene.text()


def test_an_answer_of_another_version_is_not_used(scene: Scene) -> None:
    """Its macros may stand elsewhere; it counts once the mirror has that version."""
    scene.world.edit_page(scene.report, storage=f"{REPORT}<p>Second.</p>")
    scene.derive()
    assert PLACEHOLDER in scene.text()
    full(scene.context)
    scene.derive()
    assert "| Ann |" in scene.text()


def test_nobody_passes_what_macros_show(scene: Scene) -> None:
    """An application that asks for one asker gets the page only by facts, and no fact says who may read a report."""
    access(scene.context)
    query = "SELECT pages_readable_by('ann') AS id"
    assert scene.report in {row["id"] for row in rows(scene.engine, query)}
    scene.derive()
    readable = {row["id"] for row in rows(scene.engine, query)}
    assert scene.report not in readable
    assert scene.leave in readable
    assert "| Ann |" in scene.text(), "live_sections shows what the account sees"
    access(scene.context)
    assert scene.report not in {row["id"] for row in rows(scene.engine, query)}
    found = readers_of_page(scene.context.store, scene.report)
    assert any(layer.title == "what macros show of other pages" for layer in found.layers)
    scene.derive(NoRenderings(scene.context.store.renderings))
    assert scene.report in {row["id"] for row in rows(scene.engine, query)}


def test_the_mode_enforce_takes_it_away_at_once(scene: Scene) -> None:
    """In the transaction that changes the mode; the next pass makes the text of the stored body."""
    access(scene.context)
    scene.derive()
    assert scene.context.store.apply_access_policy(AccessPolicy())
    assert scene.stored() == []
    assert "| Ann |" not in scene.text()
    assert not any(
        "Bob" in str(row["markdown"]) and "Policies" in str(row["title"])
        for row in rows(scene.engine, "SELECT title, markdown FROM page_texts")
    )
    told = rows(scene.engine, "SELECT reason FROM content_changes WHERE page_id = %s ORDER BY seq DESC", scene.report)
    assert "may not be shown any more" in told[0]["reason"]

    scene.derive()  # also where a worker has not got the new settings yet
    assert scene.asked == 0
    assert PLACEHOLDER in scene.text()
    assert scene.stored() == []


def test_a_withdrawal_locks_no_page_where_nothing_is_stored(scene: Scene) -> None:
    """Else it waits for a locked page no longer than other statements, and the mode stays as it was, with its texts."""
    impatient = make_engine(scene.engine.url, lock_timeout_seconds=0.05)
    store = Store(impatient)
    with connect(scene.engine) as holder, holder.transaction():
        holder.execute("LOCK TABLE confluence_pages IN EXCLUSIVE MODE")
        assert store.apply_access_policy(AccessPolicy())
    assert store.apply_access_policy(ACCOUNT.access)
    scene.derive()
    with connect(scene.engine) as holder, holder.transaction():
        holder.execute("SELECT 1 FROM confluence_pages WHERE id = %s FOR UPDATE", (scene.report,))
        with pytest.raises(DatabaseConflict, match=r"lock_timeout_seconds.*run again"):
            store.apply_access_policy(AccessPolicy())
    assert rows(scene.engine, "SELECT mode FROM access_policy") == [{"mode": "account"}]
    assert "| Ann |" in scene.text()
    assert scene.stored()
    impatient.dispose()


def test_a_text_is_not_written_with_what_was_withdrawn_meanwhile(scene: Scene) -> None:
    """By a pass that began in the mode `account`."""
    engine, withdrawn = scene.engine, []

    class Slow(Store):
        def write_texts(self, texts: Any, kept: Any = ()) -> Any:
            if any(each.outputs_hash for each in texts):
                withdrawn.append(Store(engine).apply_access_policy(AccessPolicy()))
            return super().write_texts(texts, kept)

    scene.derive(store=Slow(engine))
    assert withdrawn == [True]
    assert rows(engine, "SELECT page_id FROM page_texts WHERE outputs_hash <> ''") == []
    assert scene.stored() == []


def test_an_answer_that_comes_after_the_change_is_dropped(scene: Scene) -> None:
    """It was asked for in the mode `account`."""
    access(scene.context)

    def ask(page_id: str, kind: ContentKind) -> RenderedBody:
        scene.context.store.apply_access_policy(AccessPolicy())
        return scene.context.source.rendered_body(page_id, kind)

    scene.derive(Renderings(scene.context.store.renderings, ask, max_age=timedelta(hours=24)))
    assert scene.asked == 1
    assert scene.stored() == []
    assert PLACEHOLDER in scene.text()


def test_without_the_setting_it_goes(scene: Scene) -> None:
    """Texts are made of stored bodies again in the same pass."""
    scene.derive()
    assert scene.derive(NoRenderings(scene.context.store.renderings)).pages == 1
    assert PLACEHOLDER in scene.text()
    assert scene.stored() == []
    assert scene.asked == 0


def test_people_in_reports_are_named_as_elsewhere(scene: Scene) -> None:
    """By their public names, and none of them when they are erased; a name in plain words goes with the erasure too."""
    ann = scene.world.add_user("ann", display_name="Ann Lee", public_name="annie")
    mention = f'<ac:link><ri:user ri:account-id="{ann.account_id}" /></ac:link>'
    scene.world.edit_page(scene.leave, storage=properties(mention) + "<p>By annie.</p>")
    full(scene.context)
    scene.derive()
    assert "| @annie |" in scene.text()
    assert "Ann Lee" not in scene.text() + str(scene.stored())

    erased = scene.context.store.erase_user(1, ann.account_id)

    assert erased.texts >= 2
    assert scene.stored() == []
    assert scene.text() == ""
    traces = scene.context.store.find_traces("annie").found
    assert {trace.table for trace in traces} <= {"page_bodies", "page_texts", "page_sections"}

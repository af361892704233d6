"""A body that arrives without any text takes the text of a page away only when it was read twice."""

from dataclasses import replace
from typing import Any

import pytest
from confluence_simulator import Simulator, World
from sqlalchemy import Engine

from hr_sync.cancellation import Cancellation
from hr_sync.derive.texts import derive_texts
from hr_sync.domain.access import AccessPolicy, Restriction
from hr_sync.domain.comments import CommentWrite, Resolution
from hr_sync.domain.outcome import Mode
from hr_sync.store.engine import make_sessions, session_scope
from hr_sync.store.item_tables import COMMENTS
from hr_sync.store.read.overview import read_overview
from hr_sync.store.store import Store
from hr_sync.sync.context import SyncRequest
from hr_sync.sync.run import run
from tests.derive.test_includes import Mirror, include
from tests.store.spaces import HR, comment, decision, feed, leased, tell, write
from tests.support.database import rows
from tests.support.wiring import asked_bodies, context_of, full, incremental

EMPTY = "<p> </p>"
LATER = "UPDATE page_texts SET kept_since = kept_since - interval '25 hours' WHERE kept_since IS NOT NULL"


@pytest.fixture
def mirror(engine: Engine) -> Mirror:
    """Return a space that is open to everybody, with one page and its text."""
    store = Store(engine)
    store.apply_access_policy(AccessPolicy())
    found = Mirror(store, engine)
    found.restrict(HR)
    found.put("1", "<p>Policy.</p>")
    found.derive()
    return found


def kept(mirror: Mirror) -> list[str]:
    """Return the pages of which `hr-sync status` says that an older text is kept."""
    with session_scope(make_sessions(mirror.engine)) as session:
        return [each.page_id for each in read_overview(session).kept_texts]


def test_the_older_text_stays_and_is_reported(mirror: Mirror) -> None:
    """Shown as before; the pass has nothing more to do, until there is text again."""
    mirror.put("1", EMPTY, version=2)

    report = mirror.derive()

    assert report.kept == ["1"]
    assert "`hr-sync resync --page 1`" in report.warnings[0]
    assert (mirror.text("1"), kept(mirror)) == ("Policy.", ["1"])
    assert feed(mirror.engine)[-1] == ("1", "derive", ["sections"]), "they are shown again"
    assert (mirror.derive().kept, mirror.derive().pages) == ([], 0)
    mirror.put("1", "<p>New policy.</p>", version=3)
    assert mirror.derive().pages == 1
    assert (mirror.text("1"), kept(mirror)) == ("New policy.", [])


def test_a_page_that_never_had_text_keeps_none(mirror: Mirror) -> None:
    """Nor does one whose text is gone for good."""
    mirror.put("2", EMPTY)
    assert mirror.derive().kept == []
    mirror.put("2", "<p></p>", version=2)
    assert mirror.derive().kept == []


def test_a_second_reading_counts_after_a_day(mirror: Mirror) -> None:
    """A second empty version at once may be the same fault; a day alone is no reading."""
    mirror.put("1", EMPTY, version=2)
    mirror.derive()
    mirror.put("1", "<p></p>", version=3)
    assert mirror.derive().kept == ["1"]
    tell(mirror.engine, LATER)
    assert (mirror.derive().kept, mirror.text("1")) == ([], "Policy.")
    with leased(mirror.store) as opened:  # another title alone
        opened.write_pages([write("1", seen="HR", body=None, version=3, title="Other", restriction=Restriction())])
    assert (mirror.derive().kept, mirror.text("1")) == (["1"], "Policy.")

    mirror.put("1", EMPTY, version=3)

    assert mirror.derive().kept == []
    assert (mirror.text("1"), kept(mirror)) == ("", [])


def test_the_kept_text_has_the_present_readers_of_its_page(mirror: Mirror) -> None:
    """A restriction takes it away like any other, and so does the removal of the page."""
    mirror.put("1", EMPTY, version=2)
    mirror.derive()
    mirror.restrict(HR, p1="g")
    assert (mirror.text("1"), mirror.text_for("1", "g")) == ("", "Policy.")
    mirror.put("1", EMPTY, version=3, known=False)
    mirror.derive()
    assert mirror.text_for("1", "g") == ""


def test_a_kept_text_that_shows_another_page_has_its_layers(mirror: Mirror) -> None:
    """As long as that page is as it was; a text that shows an older body of it is not kept."""
    mirror.put("2", "<p>Two.</p>")
    mirror.put("1", f"<p>One.</p>{include('Page 2')}", version=2)
    mirror.derive()
    mirror.put("1", EMPTY, version=3)
    assert mirror.derive().kept == ["1"]
    assert mirror.text("1") == "One.\n\nTwo."
    mirror.restrict(HR, p2="g")
    assert (mirror.text("1"), mirror.text_for("1", "g")) == ("", "One.\n\nTwo.")

    mirror.put("2", "<p>Other.</p>", version=2)

    assert mirror.text_for("1", "g") == ""
    assert mirror.derive().kept == []
    assert mirror.text_for("1", "g") == ""


def test_a_kept_text_is_not_looked_at_for_its_placeholders(mirror: Mirror) -> None:
    """It cannot be made again with the page that arrived, so there is nothing to do."""
    mirror.put("1", f"<p>One.</p>{include('Page 2')}", version=2)
    mirror.derive()
    mirror.put("1", EMPTY, version=3)
    mirror.derive()

    mirror.put("2", "<p>Two.</p>")

    assert (mirror.derive().kept, mirror.text("1")) == ([], "One.\n\n[Included page: Page 2]")


def test_a_text_is_not_kept_over_a_newer_body_of_what_it_shows(mirror: Mirror) -> None:
    """A page that is edited between reading and writing leaves its host for the next pass."""
    mirror.put("2", "<p>Two.</p>")
    mirror.put("1", include("Page 2"), version=2)
    mirror.derive()
    mirror.put("1", EMPTY, version=3)

    class Slow(Store):
        def write_texts(self, texts: Any, kept: Any = ()) -> Any:
            mirror.put("2", "<p>Other.</p>", version=2)
            return super().write_texts(texts, kept)

    derive_texts(Slow(mirror.engine), Cancellation(), section_size=2000)
    assert mirror.text("1") == ""


def test_a_full_run_reads_a_body_in_doubt_again(engine: Engine) -> None:
    """A day later, once; a resync does at once."""
    world = World()
    world.create_space("HR")
    first = world.create_page(space_key="HR", title="First", storage="<p>First.</p>")
    second = world.create_page(space_key="HR", title="Second", storage="<p>Second.</p>")
    with Simulator(world) as site:
        context = context_of(site, engine)
        full(context)
        mirror = Mirror(context.store, engine)
        mirror.derive()
        for page in (first, second):
            world.edit_page(page.id, storage="")
        incremental(context)
        assert mirror.derive().kept == sorted([first.id, second.id])
        site.requests.clear()
        full(context)
        assert asked_bodies(site) == set()

        run(context, SyncRequest(mode=Mode.RESYNC, page_ids=(first.id,)))
        assert mirror.derive().kept == []
        assert (mirror.text(first.id), mirror.text(second.id)) == ("", "Second.")
        tell(engine, LATER)
        before = len(feed(engine))
        site.requests.clear()
        full(context)
        assert asked_bodies(site) == {second.id}
        mirror.derive()
        assert (mirror.text(second.id), len(feed(engine)) - before) == ("", 1)
        site.requests.clear()
        full(context)
        assert asked_bodies(site) == set()


def test_the_comments_of_a_kept_text_come_and_go(mirror: Mirror) -> None:
    """A thread that is resolved, or whose first comment is gone, goes in that transaction; new comments come."""
    shown = "SELECT ordinal, comment_id FROM live_sections ORDER BY ordinal"

    def put(*writes: CommentWrite) -> None:
        with leased(mirror.store, HR) as opened:
            opened.write_items(COMMENTS, writes)

    def about(comment_id: str, **values: Any) -> CommentWrite:
        made = comment(comment_id, "1", f"text of {comment_id}")
        return replace(made, item=replace(made.item, **values))

    def places() -> list[tuple[int, str | None]]:
        return [(row["ordinal"], row["comment_id"]) for row in rows(mirror.engine, shown)]

    put(about("c1"), about("c2", parent_id="c1"))
    mirror.restrict(HR)
    mirror.derive()
    mirror.put("1", EMPTY, version=2)
    assert mirror.derive().kept == ["1"]
    assert places() == [(0, None), (1, "c1"), (2, "c2")]

    put(about("c1", resolution=Resolution.RESOLVED))
    assert places() == [(0, None)]
    removed = rows(mirror.engine, "SELECT sections_removed FROM content_changes WHERE action = 'derive' ORDER BY seq")
    assert len(removed[-1]["sections_removed"]) == 2
    put(about("c1"), about("c3"))
    assert places() == [(0, None), (1, "c1"), (2, "c2")]
    mirror.restrict(HR)
    mirror.derive()
    assert places() == [(0, None), (1, "c1"), (2, "c2"), (3, "c3")]
    assert (mirror.text("1").split("\n")[0], kept(mirror)) == ("Policy.", ["1"])
    added = rows(mirror.engine, "SELECT sections_added FROM content_changes WHERE action = 'derive' ORDER BY seq")
    assert len(added[-1]["sections_added"]) == 1
    with leased(mirror.store, HR) as opened:
        opened.hide_items(COMMENTS, [decision("c1")])
    assert places() == [(0, None), (3, "c3")]
    mirror.derive()
    assert places() == [(0, None), (1, "c3")]

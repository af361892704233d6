"""A page shows the text of the pages that it includes, and is read by whoever may read each of them."""

import threading
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from confluence_simulator import Simulator, World
from sqlalchemy import Engine
from structlog.testing import capture_logs

from hr_sync.cancellation import Cancellation
from hr_sync.cli.commands.text import render_live_page
from hr_sync.derive import texts as module
from hr_sync.derive.includes import MAX_INCLUDES, MAX_LEVELS
from hr_sync.derive.texts import TextReport, derive_texts
from hr_sync.domain.access import AccessMode, AccessPolicy, NodeFact, Principal, Restriction, SpaceViewers
from hr_sync.domain.content import Space
from hr_sync.store.engine import make_sessions, session_scope
from hr_sync.store.store import Store
from hr_sync.sync.context import SyncPolicy
from hr_sync.sync.readers import readers_of_page
from tests.store.spaces import HR, IT, ask, decision, feed, leased, tell, write
from tests.support.database import connect, rows
from tests.support.wiring import access, context_of, full, incremental, plain_url

EVERYBODY = frozenset({Principal.of("c:all-licensed-users")})
SHOWN = "SELECT text FROM live_sections WHERE page_id = %s ORDER BY ordinal"


def include(title: str, space: str | None = "HR", *, name: str = "include", excerpt: str = "") -> str:
    """Return the macro that includes a page, as Confluence stores it."""
    key = "" if space is None else f'ri:space-key="{space}" '
    part = f'<ac:parameter ac:name="name">{excerpt}</ac:parameter>' if excerpt else ""
    return (
        f'<ac:structured-macro ac:name="{name}"><ac:parameter ac:name=""><ac:link>'
        f'<ri:page {key}ri:content-title="{title}"/></ac:link></ac:parameter>{part}'
        "</ac:structured-macro>"
    )


def excerpt(name: str, body: str, *, hidden: bool = False) -> str:
    """Return an excerpt."""
    return (
        f'<ac:structured-macro ac:name="excerpt"><ac:parameter ac:name="name">{name}</ac:parameter>'
        f'<ac:parameter ac:name="hidden">{str(hidden).lower()}</ac:parameter>'
        f"<ac:rich-text-body>{body}</ac:rich-text-body></ac:structured-macro>"
    )


@dataclass
class Mirror:
    """Two spaces of the store, written without a source."""

    store: Store
    engine: Engine

    def put(self, page_id: str, body: str, space: Space = HR, *, version: int = 1, known: bool = True) -> None:
        """Write a page that restricts nobody; its title is `Page <id>`."""
        seen = ask(self.engine, "SELECT FROM confluence_pages WHERE id = :id", id=page_id)
        restriction = Restriction() if known else None
        with leased(self.store, space) as opened:
            opened.write_pages(
                [
                    write(
                        page_id,
                        space,
                        seen=space.key if seen else None,
                        body=body,
                        version=version,
                        restriction=restriction,
                    )
                ]
            )

    def restrict(self, space: Space, **groups: str | None) -> frozenset[str]:
        """Let a pass show these restrictions of a space, and no others; None is not known."""
        stored = ask(self.engine, "SELECT id FROM confluence_pages WHERE space_id = :id ORDER BY id", id=space.id)
        facts = []
        for page_id in (row["id"] for row in stored):
            name = groups.get(f"p{page_id}", "")
            restriction = None if name is None else Restriction(groups=frozenset({name} if name else ()))
            facts.append(NodeFact(id=page_id, kind="page", parent_id=None, restriction=restriction))
        with leased(self.store, space) as opened:
            viewers = SpaceViewers(layer=EVERYBODY, source="permissions")
            return opened.write_access(viewers, facts, began_at=self.store.now())

    def derive(self) -> TextReport:
        """Make the texts."""
        return derive_texts(self.store, Cancellation(), section_size=2000)

    def text(self, page_id: str) -> str:
        """Return what everybody is shown of a page."""
        return "\n\n".join(row["text"] for row in rows(self.engine, SHOWN, page_id))

    def text_for(self, page_id: str, *groups: str) -> str:
        """Return what somebody in these groups is shown of a page."""
        query = """SELECT text FROM page_sections WHERE page_id = :page AND section_id IN (
            SELECT sections_readable_by('ann', CAST(:groups AS text[]))) ORDER BY ordinal"""
        return "\n\n".join(row["text"] for row in ask(self.engine, query, page=page_id, groups=list(groups)))

    def places(self, page_id: str) -> list[tuple[str | None, str]]:
        """Return the includes of a page: what is included, and what stands there."""
        query = "SELECT source_id, state FROM page_includes WHERE page_id = :page ORDER BY position"
        return [(row["source_id"], row["state"]) for row in ask(self.engine, query, page=page_id)]

    def layers(self, page_id: str) -> int | None:
        """Return how many layers a reader of a page must pass."""
        query = """SELECT sets.layers FROM confluence_pages page LEFT JOIN access_sets sets ON sets.id = access_set_id
            WHERE page.id = :page"""
        found: int | None = ask(self.engine, query, page=page_id)[0]["layers"]
        return found


@pytest.fixture
def mirror(engine: Engine) -> Mirror:
    """Two empty spaces, open to everybody."""
    store = Store(engine)
    store.apply_access_policy(AccessPolicy())
    found = Mirror(store, engine)
    found.restrict(HR)
    found.restrict(IT)
    return found


def test_the_text_of_another_page_stands_where_it_is_included(mirror: Mirror) -> None:
    """With its headings as sections; what is within it too, by the space that it is in."""
    mirror.put("1", f"<h1>Leave</h1><p>Here.</p>{include('Page 2')}<p>After.</p>")
    mirror.put("2", f"<p>Two.</p><h2>Carry over</h2><p>March.</p>{include('Page 3', 'IT')}")
    mirror.put("3", f"<p>Three.</p>{include('Page 4', None)}", IT)
    mirror.put("4", "<p>Four of IT.</p>", IT)

    mirror.derive()

    assert mirror.text("1") == "# Leave\n\nHere.\n\nTwo.\n\n## Carry over\n\nMarch.\n\nThree.\n\nFour of IT.\n\nAfter."
    assert mirror.places("1") == [("2", "shown"), ("3", "shown"), ("4", "shown")]
    assert mirror.derive() == TextReport()


def test_an_excerpt_shows_its_part_alone(mirror: Mirror) -> None:
    """By its name, also one that its own page hides; includes beside it count for nothing."""
    body = f"<p>Secret.</p>{include('Page 3')}{excerpt('a', '<p>A.</p>')}{excerpt('b', '<p>B.</p>', hidden=True)}"
    mirror.put("2", body)
    mirror.put("3", "<p>Three.</p>")
    macro = "excerpt-include"
    mirror.put(
        "1",
        include("Page 2", name=macro, excerpt="b")
        + include("Page 2", name=macro)
        + include("Page 2", name=macro, excerpt="c"),
    )

    report = mirror.derive()

    assert mirror.text("1") == "B.\n\nA.\n\n[Included excerpt c of: Page 2]"
    assert mirror.places("1") == [("2", "shown"), ("2", "shown"), ("2", "no_excerpt")]
    assert report.placeholders == 1


def test_what_is_not_shown_leaves_a_placeholder(mirror: Mirror) -> None:
    """A page that is not mirrored, one that is hidden, and one whose readers are not known look the same."""
    mirror.put("1", "".join(include(f"Page {number}") for number in (2, 3, 4)))
    mirror.put("3", "<p>Three.</p>")
    mirror.put("4", "<p>Four.</p>", known=False)
    tell(mirror.engine, "UPDATE confluence_pages SET hidden_at = now(), hidden_reason = 'trashed' WHERE id = '3'")

    mirror.derive()

    assert mirror.text("1") == "\n\n".join(f"[Included page: Page {number}]" for number in (2, 3, 4))
    assert mirror.places("1") == [(None, "unavailable")] * 3


def test_pages_that_include_each_other_end(mirror: Mirror) -> None:
    """In a placeholder where a page would stand within itself; too many pages within each other, too."""
    mirror.put("1", f"<p>One.</p>{include('Page 2')}")
    mirror.put("2", f"<p>Two.</p>{include('Page 1')}{include('Page 2')}")
    for number in range(10, 20):
        mirror.put(str(number), f"<p>At {number}.</p>{include(f'Page {number + 1}')}")

    mirror.derive()

    assert mirror.text("1") == "One.\n\nTwo.\n\n[Included page: Page 1]\n\n[Included page: Page 2]"
    assert mirror.places("1") == [("2", "shown"), ("1", "cycle"), ("2", "cycle")]
    assert [state for _, state in mirror.places("10")] == ["shown"] * MAX_LEVELS + ["too_deep"]
    assert mirror.derive() == TextReport()


def test_the_includes_of_one_page_have_a_limit(mirror: Mirror) -> None:
    """Ten pages each of which includes the next one ten times would be 10,000,000 texts."""
    for number in range(10):
        mirror.put(str(number), f"<p>At {number}.</p>{include(f'Page {number + 1}') * 10}")

    mirror.derive()

    assert len(mirror.places("0")) == MAX_INCLUDES


def test_a_restriction_of_the_included_page_is_one_of_its_hosts(mirror: Mirror) -> None:
    """From the transaction that writes it, to the one that takes it away; no row of a section is written."""
    mirror.put("1", f"<p>One.</p>{include('Page 2')}")
    mirror.put("2", f"<p>Two.</p>{include('Page 3', 'IT')}")
    mirror.put("3", "<p>Three.</p>", IT)
    mirror.derive()
    stamps = rows(mirror.engine, "SELECT section_id, xmin::text FROM page_sections ORDER BY 1")
    texts = rows(mirror.engine, "SELECT page_id, xmin::text FROM page_texts ORDER BY 1")

    before = len(feed(mirror.engine))

    assert mirror.restrict(IT, p3="g") == {"1", "2", "3"}

    assert mirror.text("1") == mirror.text_for("1") == mirror.text_for("2") == ""
    assert mirror.text_for("1", "g") == "One.\n\nTwo.\n\nThree."
    told = [(page_id, "restrict", ["restrictions"]) for page_id in ("1", "2", "3")]
    assert feed(mirror.engine)[before:] == told
    assert mirror.restrict(IT) == {"1", "2", "3"}
    assert mirror.text("1") == "One.\n\nTwo.\n\nThree."
    assert mirror.derive() == TextReport(), "access makes no text anew"
    assert rows(mirror.engine, "SELECT section_id, xmin::text FROM page_sections ORDER BY 1") == stamps
    assert rows(mirror.engine, "SELECT page_id, xmin::text FROM page_texts ORDER BY 1") == texts


def test_a_page_keeps_its_own_set_beside_the_one_with_includes(mirror: Mirror) -> None:
    """A move between two passes keeps the layers of its own facts, and none of the page that it shows."""
    mirror.put("1", f"<p>One.</p>{include('Page 2', 'IT')}")
    mirror.put("2", "<p>Two.</p>", IT)
    mirror.restrict(HR, p1="h")
    mirror.restrict(IT, p2="g")
    mirror.derive()
    assert mirror.text_for("1", "h", "g") == "One.\n\nTwo."
    with leased(mirror.store) as opened:  # to below a page that restricts nobody
        opened.write_pages([write("9", restriction=Restriction())])
        opened.write_pages([write("1", seen="HR", body=None, parent_id="9")])
    assert (mirror.text_for("1", "h"), mirror.layers("1")) == ("", 3)

    mirror.restrict(IT)

    assert (mirror.text_for("1", "h"), mirror.layers("1")) == ("One.\n\nTwo.", 2)
    mirror.put("1", "<p>Alone.</p>", version=2)
    mirror.derive()
    query = "SELECT id FROM confluence_pages WHERE own_access_set_id IS NOT NULL"
    assert (mirror.text("1"), ask(mirror.engine, query)) == ("Alone.", [])


def test_a_page_that_comes_back_without_facts_has_no_set(mirror: Mirror) -> None:
    """Although it was one with includes when it was hidden."""
    mirror.put("1", f"<p>One.</p>{include('Page 2')}")
    mirror.put("2", "<p>Two.</p>")
    mirror.derive()
    with leased(mirror.store) as opened:
        opened.hide([decision("1")])
        opened.write_pages([write("1", seen="HR", body=None)])
    assert mirror.layers("1") is None
    mirror.restrict(HR)
    assert mirror.layers("1") == 1


def test_an_edit_of_the_included_page_makes_its_hosts_anew(mirror: Mirror) -> None:
    """The old text is gone with the edit, and the feed tells both: that it is gone, and that there is a new one."""
    mirror.put("1", f"<p>One.</p>{include('Page 2')}")
    mirror.put("2", "<p>Old.</p>")
    mirror.derive()
    before = len(feed(mirror.engine))
    mirror.put("2", "<p>New.</p>", version=2)
    assert mirror.text("1") == ""
    gone = [(page_id, action) for page_id, action, _ in feed(mirror.engine)[before:]]
    assert gone == [("1", "derive"), ("2", "update")]

    assert mirror.derive().pages == 2

    assert mirror.text("1") == "One.\n\nNew."
    assert feed(mirror.engine)[before + 2 :] == [(page_id, "derive", ["sections"]) for page_id in ("1", "2")]


def test_a_page_that_arrives_later_takes_the_place_of_its_placeholder(mirror: Mirror) -> None:
    """So does one whose readers become known, and one under a new title."""
    mirror.put("1", include("Page 2"))
    mirror.derive()
    mirror.put("2", "<p>Two.</p>", known=False)
    mirror.derive()
    assert mirror.text("1") == "[Included page: Page 2]"
    mirror.restrict(HR)
    assert mirror.derive().pages == 1
    assert mirror.text("1") == "Two."
    with leased(mirror.store) as opened:
        opened.write_pages(
            [
                write("2", seen="HR", body=None, title="Other"),
                write("3", body="<p>Three.</p>", title="Page 2", restriction=Restriction()),
            ]
        )
    mirror.derive()
    assert mirror.text("1") == "Three."


def test_readers_that_are_not_known_any_more_take_the_host_away_until_its_text_is_made(mirror: Mirror) -> None:
    """Then it is shown without that page: one page that cannot be read costs no other one for long."""
    mirror.put("1", f"<p>One.</p>{include('Page 2')}")
    mirror.put("2", "<p>Two.</p>")
    mirror.derive()

    mirror.restrict(HR, p2=None)

    assert (mirror.text("1"), mirror.layers("1")) == ("", None)
    mirror.derive()
    assert mirror.text("1") == "One.\n\n[Included page: Page 2]"


@pytest.mark.parametrize("mode", AccessMode)
def test_a_withdrawn_page_is_out_of_its_hosts_at_once(mirror: Mirror, mode: AccessMode) -> None:
    """Also where access decides nothing; a placeholder stands there once the texts are made."""
    mirror.store.apply_access_policy(AccessPolicy(mode=mode))
    mirror.put("1", f"<p>One.</p>{include('Page 2')}")
    mirror.put("2", "<p>Two.</p>")
    mirror.derive()
    assert mirror.text("1") == "One.\n\nTwo."
    with leased(mirror.store) as opened:
        opened.hide([decision("2")])

    assert mirror.text("1") == ""
    mirror.derive()
    assert mirror.text("1") == "One.\n\n[Included page: Page 2]"


def test_old_facts_of_another_space_count(mirror: Mirror) -> None:
    """A host is not shown while the facts of a space that its text is from are too old, and the feed tells that."""
    mirror.put("1", f"<p>One.</p>{include('Page 2', 'IT')}")
    mirror.put("2", "<p>Two.</p>", IT)
    mirror.put("5", "<p>Five.</p>")
    mirror.derive()
    assert mirror.text("1") == mirror.text_for("1") == "One.\n\nTwo."
    mirror.store.feed.tell_recency()
    before = len(feed(mirror.engine))

    tell(mirror.engine, "UPDATE sync_spaces SET access_checked_at = now() - interval '25 hours' WHERE space_key = 'IT'")

    assert (mirror.text("1"), mirror.text_for("1"), mirror.text("5")) == ("", "", "Five.")
    assert rows(mirror.engine, "SELECT id FROM live_pages WHERE space_key = 'HR'") == [{"id": "5"}]
    assert rows(mirror.engine, "SELECT pages_readable_by('ann', '{}') AS id") == [{"id": "5"}]
    mirror.store.feed.tell_recency()
    assert feed(mirror.engine)[before:] == [(page_id, "restrict", ["restrictions"]) for page_id in ("1", "2")]


def test_a_host_of_a_page_whose_set_has_lost_a_layer_has_none(mirror: Mirror) -> None:
    """The layers that are left are no set that somebody may pass."""
    mirror.put("1", include("Page 2") + include("Page 3", "IT"))
    mirror.put("2", "<p>Two.</p>")
    mirror.put("3", "<p>Three.</p>", IT)
    mirror.restrict(HR, p2="board")
    mirror.derive()
    assert mirror.layers("1") == 2

    lost = "layer = (SELECT layer FROM access_principals WHERE principal = 'g:board')"
    tell(mirror.engine, f"DELETE FROM access_layers WHERE {lost}")
    mirror.restrict(IT, p3="board")

    assert mirror.layers("3") == 2
    assert mirror.layers("1") is None


def test_who_names_the_included_page(mirror: Mirror) -> None:
    """As the origin of the layer that leaves readers out."""
    mirror.put("1", include("Page 2"))
    mirror.put("2", "<p>Two.</p>")
    mirror.derive()
    mirror.restrict(HR, p2="managers")

    found = readers_of_page(mirror.store, "1")

    assert [(layer.what, layer.id, layer.words) for layer in found.layers][-1] == (
        "included page",
        "2",
        "group managers",
    )
    assert "included page Page 2 lets group managers pass" in found.summary


def test_the_command_shows_the_same_text(mirror: Mirror) -> None:
    """`hr-sync text` makes it from the stored bodies, whatever was made before."""
    mirror.put("1", f"<p>One.</p>{include('Page 2')}")
    mirror.put("2", "<p>Two.</p>")
    with session_scope(make_sessions(mirror.engine)) as session:
        assert render_live_page(session, "1").markdown == "One.\n\nTwo."


def test_a_text_is_not_written_over_a_newer_body_of_an_included_page(mirror: Mirror) -> None:
    """A page that is edited or hidden between reading and writing leaves its host for the next pass."""
    mirror.put("1", include("Page 2"))
    mirror.put("2", "<p>Old.</p>")

    class Slow(Store):
        def write_texts(self, texts: Any, kept: Any = ()) -> Any:
            mirror.put("2", "<p>New.</p>", version=2)
            return super().write_texts(texts, kept)

    derive_texts(Slow(mirror.engine), Cancellation(), section_size=2000)
    assert rows(mirror.engine, "SELECT page_id FROM page_texts") == []
    mirror.derive()
    assert mirror.text("1") == "New."


def test_two_included_pages_that_are_restricted_side_by_side_both_count(mirror: Mirror) -> None:
    """Two transactions, of two spaces, wait for the row of one host: the later one sees what the other one wrote."""
    mirror.put("1", include("Page 2") + include("Page 3", "IT"))
    mirror.put("2", "<p>Two.</p>")
    mirror.put("3", "<p>Three.</p>", IT)
    mirror.derive()
    threads = [
        threading.Thread(target=mirror.restrict, args=(HR,), kwargs={"p2": "g"}),
        threading.Thread(target=mirror.restrict, args=(IT,), kwargs={"p3": "h"}),
    ]
    with psycopg.connect(plain_url(mirror.engine)) as blocker:
        blocker.execute("SELECT FROM confluence_pages WHERE id = '1' FOR UPDATE")
        for thread in threads:
            thread.start()
        wait_for(mirror.engine, waiting=2)
    for thread in threads:
        thread.join()

    assert [bool(mirror.text_for("1", *groups)) for groups in ((), ("g",), ("h",), ("g", "h"))] == [
        False,
        False,
        False,
        True,
    ]


def wait_for(engine: Engine, *, waiting: int) -> None:
    """Return when so many sessions of this database wait for a lock."""
    query = "SELECT count(*) AS n FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    with connect(engine) as connection:
        for _ in range(100_000):
            row = connection.execute(query).fetchone()
            if row is not None and row["n"] >= waiting:
                return
    raise AssertionError("nobody waits")


def test_by_a_source(engine: Engine) -> None:
    """The same from a site: an access run shows the restriction of an included page in its host."""
    world = World()
    world.add_group("managers")
    world.create_space("HR")
    source = world.create_page(space_key="HR", title="Rules", storage="<p>Rule one.</p>")
    host = world.create_page(space_key="HR", title="Home", storage=f"<p>Home.</p>{include('Rules')}")
    policy = SyncPolicy(access=AccessPolicy(), open_spaces=frozenset({"none"}))
    with Simulator(world) as site:
        context = context_of(site, engine, policy=policy)
        assert full(context).outcome == "complete"
        mirror = Mirror(context.store, engine)
        mirror.derive()
        assert mirror.text(host.id) == "Home.\n\nRule one."
        world.restrict_page(source.id, groups=("managers",))
        assert access(context).counts.restricted == 2
        assert mirror.text(host.id) == ""
        world.unrestrict_page(source.id)
        world.edit_page(source.id, storage="<p>Rule two.</p>")
        assert incremental(context).outcome == "complete"
        mirror.derive()
        assert mirror.text(host.id) == "Home.\n\nRule two."
        world.trash_page(source.id)
        full(context)
        assert mirror.text(host.id) == ""
        mirror.derive()
        assert mirror.text(host.id) == "Home.\n\n[Included page: Rules]"


def test_pages_that_show_each_other_are_written_side_by_side(mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two transactions want the same rows and the same new sets; each text is written at the first attempt."""
    monkeypatch.setattr(module, "_PAGES_AT_ONCE", 1)
    ids = [str(number) for number in range(10, 34)]
    for at, page_id in enumerate(ids):
        shown = (ids[(at + step) % len(ids)] for step in (1, -1, 5, -5, 11))
        mirror.put(page_id, f"<p>Text {page_id}.</p>{''.join(include(f'Page {each}') for each in shown)}")
    mirror.restrict(HR, **{f"p{page_id}": f"group{page_id}" for page_id in ids[::2]})
    with capture_logs() as events:
        assert mirror.derive().pages == len(ids)
    assert [each for each in events if each["event"] == "database.conflict"] == []
    assert mirror.text("11") == "", "it shows restricted pages"
    readers = [f"group{each}" for each in ids[::2]]
    assert all(f"Text {page_id}." in mirror.text_for(page_id, *readers) for page_id in ids)
    assert mirror.derive().pages == 0

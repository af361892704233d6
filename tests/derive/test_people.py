"""Texts name the people whom pages mention, by the names that everybody is shown."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal, TypeAlias

import pytest
from confluence_simulator import Simulator, World
from confluence_simulator.world import User
from sqlalchemy import Engine

from hr_sync.cancellation import Cancellation
from hr_sync.cli.commands.text import render_live_page
from hr_sync.confluence.cloud import CloudSource
from hr_sync.confluence.datacenter import DataCenterSource
from hr_sync.derive import people as module
from hr_sync.derive.people import NoPeople, People
from hr_sync.derive.texts import TextReport, derive_texts
from hr_sync.domain.access import AccessMode, AccessPolicy
from hr_sync.store.engine import make_sessions, session_scope
from hr_sync.store.store import Store
from hr_sync.sync.context import SyncContext, SyncPolicy
from tests.derive.reading import mirror_of
from tests.support.database import execute, rows
from tests.support.wiring import context_of, fault, fired, full

Flavor: TypeAlias = Literal["cloud", "datacenter"]
POLICY = SyncPolicy(access=AccessPolicy(mode=AccessMode.ACCOUNT))
ANYBODY = r"/rest/api/user(\?|/bulk)|/users-bulk"


def mention(user: User | str, flavor: str = "cloud") -> str:
    name = "ri:account-id" if flavor == "cloud" else "ri:userkey"
    user_id = user if isinstance(user, str) else user.account_id if flavor == "cloud" else user.user_key
    return f'<ac:link><ri:user {name}="{user_id}" /></ac:link>'


@dataclass
class Scene:
    """A page that mentions Ann, Bob and somebody whom nobody knows, one that includes it, and one that names nobody."""

    world: World
    site: Simulator
    engine: Engine
    context: SyncContext
    users: dict[str, User]

    def people(self, **how: Any) -> People:
        return People(self.context.store.mentions, self.context.source.public_names, **how)

    def derive(self, people: People | None = None) -> TextReport:
        self.site.requests.clear()
        people = people or self.people()
        return derive_texts(self.context.store, Cancellation(), section_size=2000, people=people)

    @property
    def asked(self) -> int:
        """Return how many requests the last pass made."""
        return len(self.site.requests)

    def texts(self) -> list[str]:
        return [row["text"] for row in rows(self.engine, "SELECT text FROM live_sections ORDER BY page_id, ordinal")]

    def searched(self, words: str) -> int:
        return len(rows(self.engine, "SELECT section_id FROM search_live_sections(%s)", words))

    def is_older(self, hours: int) -> None:
        execute(self.engine, f"UPDATE mentioned_users SET asked_at = asked_at - interval '{hours} hours'")

    def traces(self, words: str) -> set[str]:
        return {trace.table for trace in self.context.store.find_traces(words).found}


def scene_of(engine: Engine, flavor: Flavor) -> Iterator[Scene]:
    world = World()
    world.create_space("HR")
    ann = world.add_user("ann", display_name="Ann Lee")
    bob = world.add_user("bob", display_name="Robert Tables", public_name="Bob")
    body = f"<p>Ask {mention(ann, flavor)}, {mention(bob, flavor)} or {mention('nobody-9', flavor)}.</p>"
    world.create_page(space_key="HR", title="Contacts", storage=body)
    world.create_page(space_key="HR", title="Host", storage=INCLUDE)
    world.create_page(space_key="HR", title="Notes", storage="<p>Nobody.</p>")
    source = CloudSource if flavor == "cloud" else DataCenterSource
    with Simulator(world, flavor=flavor) as site:
        context = context_of(site, engine, policy=POLICY, source=source)
        assert full(context).outcome == "complete"
        yield Scene(world, site, engine, context, {"ann": ann, "bob": bob})


INCLUDE = (
    '<ac:structured-macro ac:name="include"><ac:parameter ac:name=""><ac:link>'
    '<ri:page ri:space-key="HR" ri:content-title="Contacts"/></ac:link></ac:parameter></ac:structured-macro>'
)


@pytest.fixture
def scene(engine: Engine) -> Iterator[Scene]:
    yield from scene_of(engine, "cloud")


@pytest.mark.parametrize(("flavor", "bob", "requests"), [("cloud", "Bob", 2), ("datacenter", "Robert Tables", 3)])
def test_texts_show_public_names(
    engine: Engine, flavor: Literal["cloud", "datacenter"], bob: str, requests: int
) -> None:
    """In text, sections and search, also of included pages; an idle pass asks nothing and writes nothing."""
    for scene in scene_of(engine, flavor):
        assert scene.derive().pages == 3

        text = f"Ask @Ann Lee, @{bob} or @unknown user."
        assert scene.texts() == [text, text, "Nobody."]
        assert scene.asked == requests, "who is not in the list is asked for alone"
        assert scene.searched("Lee") == 2
        assert "nobody-9" not in "".join(scene.texts())
        assert scene.derive() == TextReport()
        assert scene.asked == 0
        page_id = next(page.id for page in scene.world.pages() if page.title == "Contacts")
        with session_scope(make_sessions(engine)) as session:
            assert render_live_page(session, page_id).markdown == text


def test_a_new_name_makes_the_texts_again_that_show_it(scene: Scene) -> None:
    """After the interval, without a body; the others stay."""
    scene.derive()
    scene.world.rename_user("ann", display_name="Ann Roe")
    assert scene.derive() == TextReport()
    scene.is_older(169)

    report = scene.derive()

    assert (report.pages, report.sections_written) == (2, 2)
    assert scene.asked == 2, "one list, and one account that is in none"
    assert not any("body-format" in dict(record.query) for record in scene.site.requests)
    assert scene.texts()[0] == "Ask @Ann Roe, @Bob or @unknown user."


def test_deactivated_and_deleted_accounts(scene: Scene) -> None:
    """The one keeps its name with Confluence's mark, the other has none any more."""
    scene.world.deactivate_user("ann")
    scene.world.close_user("bob")
    scene.derive()
    assert scene.texts()[0] == "Ask @Ann Lee (Unlicensed), @former user or @unknown user."


@pytest.mark.parametrize("kind", ["forbidden-403", "error-500", "unauthorized-401", "site-gone-404", "html-200"])
def test_a_failure_takes_no_name_away(scene: Scene, kind: str) -> None:
    """It is told, and asked again an hour later, not at each pass; other texts are made all the same."""
    scene.derive()
    scene.is_older(169)
    scene.world.rename_user("ann", display_name="Ann Roe")
    fault(scene.site, kind, ANYBODY, times=0)

    report = scene.derive()

    assert fired(scene.site) == {kind}
    assert report.pages == 0
    assert "did not show the names of 3 people" in report.warnings[0]
    assert scene.texts()[0].startswith("Ask @Ann Lee, @Bob")
    assert scene.derive() == TextReport()
    assert scene.asked == 0
    scene.site.faults.clear()
    scene.is_older(2)
    assert scene.derive().pages == 2


def test_a_first_failure_leaves_placeholders(scene: Scene) -> None:
    """A later answer makes the texts again."""
    fault(scene.site, "forbidden-403", ANYBODY, times=0)
    assert scene.derive().pages == 3
    assert scene.texts()[0] == "Ask @unknown user, @unknown user or @unknown user."
    scene.site.faults.clear()
    scene.is_older(2)
    assert scene.derive().pages == 2
    assert scene.texts()[0].startswith("Ask @Ann Lee")


def test_a_pass_asks_for_so_many(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next one asks for the rest."""
    monkeypatch.setattr(module, "MOST_ASKED", 1)
    for known in (1, 2, 3):
        scene.derive()
        assert len(rows(scene.engine, "SELECT user_id FROM mentioned_users")) == known
    assert scene.texts()[0] == "Ask @Ann Lee, @Bob or @unknown user."
    assert scene.derive() == TextReport()


def test_without_names_nothing_is_asked_or_kept(scene: Scene) -> None:
    """`text.people = false`: also names that were there go out of every table."""
    scene.derive()
    assert scene.derive(NoPeople(scene.context.store.mentions)).pages == 2
    assert scene.asked == 0
    assert scene.texts()[0] == "Ask @unknown user, @unknown user or @unknown user."
    assert scene.traces("Ann Lee") == set()
    assert scene.derive().pages == 2, "and back"


def test_an_erased_person_is_in_no_text(scene: Scene) -> None:
    """The texts are taken away in the erasure, and made again with the placeholder; the others stay."""
    scene.derive()
    assert scene.traces("Ann Lee") == {"page_texts", "page_sections", "page_mentions", "mentioned_users"}
    ann = scene.users["ann"].account_id

    erased = scene.context.store.erase_user(1, ann)

    assert erased.texts == 2
    assert scene.traces("Ann Lee") == set()
    assert scene.texts() == ["Nobody."]
    assert scene.traces(ann) == {"page_bodies", "page_mentions"}, "as the pages themselves name the account"
    told = rows(scene.engine, "SELECT changed_fields, sections_removed FROM content_changes ORDER BY seq DESC LIMIT 2")
    assert [(row["changed_fields"], len(row["sections_removed"])) for row in told] == [(["sections"], 1)] * 2
    assert scene.derive(People(scene.context.store.mentions, None)).pages == 2
    assert scene.texts()[0] == "Ask @unknown user, @Bob or @unknown user."
    assert scene.traces("Ann Lee") == set()


def test_an_erased_person_takes_no_file_along(engine: Engine) -> None:
    """What was read of files on a page is not made from names, and nothing would read them again."""
    world = World()
    world.create_space("HR")
    ann = world.add_user("ann", display_name="Ann Lee")
    page = world.create_page(space_key="HR", title="Contacts", storage=f"<p>Ask {mention(ann)}.</p>")
    file = world.attach(page.id, filename="phones.txt", payload=b"extension 4711")
    with mirror_of(world, engine, policy=POLICY) as mirror:
        store = mirror.context.store

        def derive() -> list[dict[str, Any]]:
            people = People(store.mentions, mirror.context.source.public_names)
            derive_texts(store, Cancellation(), section_size=2000, people=people)
            mirror.derive()
            return mirror.sections_of(file.id)

        assert len(derive()) == 1
        assert store.erase_user(1, ann.account_id).texts == 1
        assert mirror.shown() == []
        assert len(derive()) == 1
        mirror.consumer.read()
        assert mirror.consumer.missing() == []


def test_an_erasure_during_a_pass_wins(scene: Scene) -> None:
    """A text that was made with the name before is not written after it."""
    ann = scene.users["ann"].account_id

    class Slow(Store):
        def write_texts(self, texts: Any, kept: Any = ()) -> Any:
            self.erase_user(1, ann)
            return super().write_texts(texts, kept)

    slow = Slow(scene.engine)
    derive_texts(slow, Cancellation(), section_size=2000, people=scene.people())
    assert scene.texts() == ["Nobody."]
    assert scene.traces("Ann Lee") == set()


def test_names_that_no_text_shows_are_deleted(scene: Scene) -> None:
    """With old history, which `serve` deletes."""
    scene.derive()
    page_id = next(page.id for page in scene.world.pages() if page.title == "Contacts")
    scene.world.edit_page(page_id, storage=f"<p>Ask {mention(scene.users['bob'])}.</p>")
    full(scene.context)
    scene.derive()
    scene.context.store.prune_history(timedelta(days=1))
    assert [row["name"] for row in rows(scene.engine, "SELECT name FROM mentioned_users")] == ["Bob"]


def test_a_kept_text_is_not_made_again_for_a_name(scene: Scene) -> None:
    """The body that it is of is gone; it would be kept anew in each pass."""
    scene.derive()
    page_id = next(page.id for page in scene.world.pages() if page.title == "Contacts")
    scene.world.edit_page(page_id, storage="")
    full(scene.context)
    assert scene.derive().kept == [page_id]
    scene.world.rename_user("ann", display_name="Ann Roe")
    scene.is_older(169)
    scene.derive()
    assert scene.derive() == TextReport()
    assert "@Ann Lee" in scene.texts()[0]


def test_a_name_is_no_markup(scene: Scene) -> None:
    """Whoever chooses a name writes one line of text."""
    scene.world.rename_user("ann", display_name="Ann <script>x</script>\u2028# Lee")
    scene.derive()
    assert scene.texts()[0].startswith(r"Ask @Ann \<script>x\</script> # Lee, @Bob")
    assert "\n" not in scene.texts()[0]


def test_what_is_no_id_is_not_asked_for(scene: Scene) -> None:
    """An id as long as a request would cost all others theirs."""
    page_id = next(page.id for page in scene.world.pages() if page.title == "Notes")
    scene.world.edit_page(page_id, storage=f"<p>{mention('x' * 150)} {mention('a b/../c')}</p>")
    full(scene.context)
    assert scene.derive().pages == 3
    assert scene.texts()[2] == "@unknown user @unknown user"
    assert len(rows(scene.engine, "SELECT user_id FROM mentioned_users")) == 3

"""Files, comments and blog posts under what is known of their readers: never shown by facts that are older than they.

Somebody restricts a page and then attaches a file, or writes a comment: that is for those who may read the page now.
"""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from confluence_simulator import Simulator, World
from sqlalchemy import Engine

from hr_sync.cancellation import Cancellation
from hr_sync.confluence.http.session import Limits
from hr_sync.derive.attachments import FileSettings, derive_attachment_texts
from hr_sync.derive.texts import derive_texts
from hr_sync.documents.result import Kind
from hr_sync.domain.access import AccessMode, AccessPolicy
from hr_sync.domain.content import ItemKind
from hr_sync.domain.feed import FeedPosition
from hr_sync.domain.scope import PageScope
from hr_sync.sync.context import SyncContext, SyncPolicy
from tests.support.database import rows
from tests.support.wiring import FAST_RETRY, access, ask, context_of, fault, fired, full, incremental

EVERYTHING = PageScope(items=frozenset(ItemKind), blog_posts=True)
ENFORCE = SyncPolicy(access=AccessPolicy(), open_spaces=frozenset({"*"}), busy_wait_seconds=0.0)
ACCOUNT = replace(ENFORCE, access=AccessPolicy(mode=AccessMode.ACCOUNT))
FILES = FileSettings(
    kinds=[kind.value for kind in Kind],
    max_bytes=1_000_000,
    max_bytes_of_pass=10_000_000,
    section_size=2_000,
    search_languages=("english",),
)
SEEN = {
    "live_attachments": "SELECT id, page_id, name, version, size_bytes FROM live_attachments",
    "live_comments": "SELECT id, page_id, storage, version, resolution FROM live_comments",
    "live_sections": "SELECT section_id AS id, page_id, ordinal, text, attachment_id, comment_id FROM live_sections",
}
NAMED_BY = {"live_attachments": "attachment_id", "live_comments": "comment_id"}


def world_of(pages: int = 2) -> World:
    """Make two spaces with so many pages each."""
    world = World()
    for key in ("HR", "IT"):
        world.create_space(key)
        for number in range(pages):
            world.create_page(space_key=key, title=f"{key} {number}", storage=f"<p>Page {number} of {key}.</p>")
    return world


@contextmanager
def mirror_of(world: World, engine: Engine, policy: SyncPolicy = ENFORCE) -> Iterator[tuple[Simulator, SyncContext]]:
    """Serve the world and mirror all of it."""
    with Simulator(world) as site:
        limits = Limits(max_connections=1, retry=FAST_RETRY, media_origins=(site.media_origin,))
        context = context_of(site, engine, pages=EVERYTHING, policy=policy, connections=1, limits=limits)
        assert full(context).outcome == "complete"
        yield site, context


def derive(context: SyncContext, *, files: bool = True) -> None:
    """Make the texts of pages, and of files, which takes a process for each pass."""
    derive_texts(context.store, Cancellation(), section_size=2_000)
    if files:
        derive_attachment_texts(context.store, context.source, Cancellation(), FILES)


def everything_shown(engine: Engine) -> str:
    """Return what consumers see in any view, and what one asker finds and may read, as one text."""
    views = [rows(engine, f"SELECT * FROM {view}") for view in (*SEEN, "live_pages")]
    found = rows(engine, "SELECT * FROM search_sections('secret', 'somebody', NULL, 100)")
    named = rows(
        engine,
        "SELECT name FROM page_attachments WHERE id IN (SELECT attachments_readable_by('somebody')) UNION ALL "
        "SELECT storage FROM page_comments WHERE id IN (SELECT comments_readable_by('somebody')) UNION ALL "
        "SELECT title FROM confluence_pages WHERE id IN (SELECT pages_readable_by('somebody'))",
    )
    return repr((views, found, named))


def told(engine: Engine, column: str) -> list[tuple[str, str]]:
    """Return what the feed tells of files or comments: id and action."""
    query = f"SELECT {column}, action FROM content_changes WHERE {column} IS NOT NULL ORDER BY seq"
    return list(ask(engine, query))


def waiting(context: SyncContext, page_id: str) -> int:
    """Return how many items of a page `explain` shows as waiting."""
    known = context.store.page_history(page_id)
    return sum(each.waits for each in known.attachments) + (known.comments.waiting if known.comments else 0)


def attach(world: World, page_id: str, word: str) -> str:
    """Attach a file whose name and text are this word."""
    return world.attach(page_id, filename=f"{word}.txt", payload=word.encode()).id


def write_comment(world: World, page_id: str, word: str) -> str:
    """Write a comment with this word."""
    return world.comment(page_id, storage=f"<p>{word}</p>").id


KINDS: dict[str, Callable[[World, str, str], str]] = {"attachment_id": attach, "comment_id": write_comment}


@pytest.mark.parametrize("column", KINDS)
def test_an_item_is_shown_once_access_was_read_after_it(engine: Engine, column: str) -> None:
    """Not with the run that brings it, by its name as little as by its text; the feed tells it when it is shown."""
    world = world_of()
    closed, open_to_all = (page.id for page in world.pages(space_key="HR"))
    with mirror_of(world, engine) as (_, context):
        world.restrict_page(closed, users=("hr-bot",))
        KINDS[column](world, closed, "secret")
        public = KINDS[column](world, open_to_all, "harmless")
        incremental(context)
        derive(context)
        assert (closed,) in ask(engine, "SELECT id FROM live_pages")  # as it was known at the last look
        assert "secret" not in everything_shown(engine)
        assert "harmless" not in everything_shown(engine)
        assert told(engine, column) == []
        assert waiting(context, closed) == 1
        access(context)
        derive(context)
        assert "secret" not in everything_shown(engine)
        assert "harmless" in everything_shown(engine)
        assert (public, "insert") in told(engine, column)


def test_a_post_is_shown_under_access_that_was_read_after_it(engine: Engine) -> None:
    """It has readers of its own: they are read with it, unless other people may view the space by now."""
    world = world_of()
    policy = replace(ENFORCE, open_spaces=frozenset({"none"}))
    with mirror_of(world, engine, policy) as (_, context):
        secret = world.create_blog_post(space_key="HR", title="secret", storage="<p>secret</p>")
        world.restrict_page(secret.id, users=("hr-bot",))
        world.create_blog_post(space_key="HR", title="harmless", storage="<p>x</p>")
        incremental(context)
        assert "harmless" in everything_shown(engine)
        world.forbid_space("IT", group="confluence-users")
        world.permit_space("IT", user="hr-bot")
        world.create_blog_post(space_key="IT", title="secret too", storage="<p>secret</p>")
        incremental(context)
        derive(context)
        assert "IT 0" in everything_shown(engine)
        assert "secret" not in everything_shown(engine)
        access(context)
        assert "secret" not in everything_shown(engine)


@pytest.mark.parametrize("column", KINDS)
def test_another_version_waits_as_a_new_one(engine: Engine, column: str) -> None:
    """What was shown of it goes in the same transaction; nothing of the earlier version is left either."""
    world = world_of()
    page = world.pages(space_key="HR")[0].id
    item = KINDS[column](world, page, "first")
    with mirror_of(world, engine) as (_, context):
        derive(context)
        assert "first" in everything_shown(engine)
        if column == "attachment_id":
            world.attach(page, filename="first.txt", payload=b"second")
        else:
            world.edit_comment(item, storage="<p>first second</p>")
        incremental(context)
        derive(context)
        assert "first" not in everything_shown(engine)
        access(context)
        derive(context)
        assert "second" in everything_shown(engine)
        assert told(engine, column) == [(item, "insert"), (item, "hide"), (item, "restore")]


@pytest.mark.parametrize("column", KINDS)
def test_a_move_between_spaces_makes_what_hangs_on_the_page_wait(engine: Engine, column: str) -> None:
    """The look at the new space was later than the item, and knew nothing of the page that it is on."""
    world = world_of()
    page = world.pages(space_key="HR")[0].id
    old = KINDS[column](world, page, "old")
    with mirror_of(world, engine) as (site, context):
        world.restrict_page(page, users=("hr-bot",))
        KINDS[column](world, page, "secret")
        incremental(context)
        access(context, space_keys=("IT",))
        assert "old" in everything_shown(engine)
        world.move_page(page, space_key="IT")
        fault(site, "error-500", r"restriction", times=0)
        full(context, space_keys=("IT",))
        derive(context)
        assert fired(site) == {"error-500"}
        shown = everything_shown(engine)
        assert "secret" not in shown
        assert "old" not in shown
        assert told(engine, column)[-1] == (old, "hide")


LISTS = {"attachments": r"type\+%3D\+attachment", "comments": r"type\+%3D\+comment"}


@pytest.mark.parametrize(("kind", "run"), [("attachments", full), ("comments", incremental)])
def test_items_whose_list_was_not_read_are_as_old_as_they_are(
    engine: Engine, kind: str, run: Callable[[SyncContext], object]
) -> None:
    """The clock of their space goes on, as its pages were looked at; that of the items in the views does not."""
    world = world_of(1)
    page = world.pages(space_key="HR")[0].id
    attach(world, page, "file")
    write_comment(world, page, "text")
    view = f"SELECT checked_at FROM live_{kind}"
    (other,) = LISTS.keys() - {kind}
    with mirror_of(world, engine) as (site, context):
        before = ask(engine, view)
        assert before[0][0] is not None
        fault(site, "error-500", LISTS[kind], times=0)
        run(context)
        assert fired(site) == {"error-500"}
        assert ask(engine, view) == before
        assert ask(engine, f"SELECT checked_at FROM live_{other}") > before
        assert ask(engine, "SELECT min(checked_at) FROM live_pages") > before
        clocks = f"SELECT {kind}_checked_at FROM mirror_freshness WHERE space_key = 'HR'"
        assert ask(engine, clocks) == before
        site.faults.clear()
        run(context)
        assert ask(engine, view) > before


@dataclass
class Replayer:
    """A consumer that keeps each view by the contract of the feed alone. It shares no code with the worker."""

    engine: Engine
    context: SyncContext
    position: FeedPosition
    kept: dict[str, dict[str, Any]] = field(default_factory=lambda: {view: {} for view in SEEN})

    def read(self) -> None:
        """Apply what is new."""
        for change in self.context.store.feed.changes_after(self.position, consumer="bot", limit=10_000):
            item = change.attachment_id or change.comment_id
            for view, query in SEEN.items():
                if item is None:
                    self._replace(
                        view,
                        "page_id",
                        change.page_id,
                        rows(self.engine, f"{query} WHERE page_id = %s", change.page_id),
                    )
                elif getattr(change, NAMED_BY.get(view, ""), None) == item:
                    self._replace(view, "id", item, rows(self.engine, f"{query} WHERE id = %s", item))
            self.position = FeedPosition(epoch=change.epoch, seq=change.seq)

    def _replace(self, view: str, column: str, value: str, found: list[dict[str, Any]]) -> None:
        kept = {each: row for each, row in self.kept[view].items() if row[column] != value}
        self.kept[view] = kept | {row["id"]: row for row in found}

    def missing(self) -> list[tuple[str, str]]:
        """Return what it has otherwise than the views show it."""
        shown = {view: {row["id"]: row for row in rows(self.engine, query)} for view, query in SEEN.items()}
        return [
            (view, each)
            for view in SEEN
            for each in {*shown[view], *self.kept[view]}
            if shown[view].get(each) != self.kept[view].get(each)
        ]


def test_a_switch_of_the_mode_is_told_of_items_and_their_sections(engine: Engine) -> None:
    """In both directions, of what was made after the last look at access; the page itself is shown all the time."""
    world = world_of(1)
    page = world.pages(space_key="HR")[0].id
    with mirror_of(world, engine, ACCOUNT) as (_, context):
        bot = Replayer(engine, context, context.store.feed.snapshot("live_pages", lambda _: None, lambda _: None))
        access(context)
        file, comment = attach(world, page, "words"), write_comment(world, page, "phrase")
        full(context)
        derive(context)
        bot.read()
        assert {file, comment} <= {*bot.kept["live_attachments"], *bot.kept["live_comments"]}
        assert len(bot.kept["live_sections"]) == 2 + 2
        for policy, number in ((ENFORCE, 0), (ACCOUNT, 1), (ENFORCE, 0)):
            context.store.apply_access_policy(policy.access)
            bot.read()
            assert bot.missing() == []
            assert len(rows(engine, "SELECT FROM live_pages")) == 2
            assert [len(bot.kept[view]) for view in SEEN] == [number, number, 2 + 2 * number]
        access(replace(context, policy=ENFORCE))
        bot.read()
        derive(context)
        bot.read()
        assert bot.missing() == []
        assert [len(bot.kept[view]) for view in SEEN] == [1, 1, 4]


class Play:
    """Edits at random, and what nobody may be shown of them: words that were written on a restricted page."""

    def __init__(self, seed: int) -> None:
        self.luck = random.Random(seed)  # noqa: S311 -- the same history each time
        self.world = world_of()
        self.items: dict[str, tuple[str, str]] = {}  # id → kind and page
        self.restricted: set[str] = set()
        self.secrets: dict[str, str] = {}  # word → page
        self.words = 0

    def edit(self) -> None:
        """Change something."""
        world, luck = self.world, self.luck
        page = luck.choice(world.pages()).id
        step = luck.choice(("restrict", "restrict", "free", "item", "item", "item", "again", "again", "move", "thread"))
        if step == "restrict":
            world.restrict_page(page, users=("hr-bot",))
            self.restricted.add(page)
        elif step == "free":
            world.unrestrict_page(page)
            self.restricted.discard(page)
            self.secrets = {word: at for word, at in self.secrets.items() if at != page}
        elif step == "item":
            column = luck.choice(sorted(KINDS))
            self.items[KINDS[column](world, page, self._word(page))] = (column, page)
        elif step == "move":
            world.move_page(page, space_key=luck.choice(("HR", "IT")))
        elif self.items:
            item = luck.choice(sorted(self.items))
            self._change(item, *self.items[item], again=step == "again")

    def _change(self, item: str, column: str, page: str, *, again: bool) -> None:
        found: Any = self.world.find(item)
        if found is None or found.status != "current":
            return
        if column == "attachment_id":
            self.world.attach(page, filename=found.title, payload=self._word(page).encode())
        elif again:
            self.world.edit_comment(item, storage=f"<p>{self._word(page)}</p>")
        elif self.luck.random() < 0.5:
            self.world.comment(page, storage=f"<p>{self._word(page)}</p>", parent_comment_id=item)
        else:
            self.world.remove_comment(item)

    def _word(self, page: str) -> str:
        self.words += 1
        word = f"word{self.words}x"
        if page in self.restricted:
            self.secrets[word] = page
        return word


@pytest.mark.parametrize("seed", range(2))
def test_after_any_history_the_feed_leads_to_what_is_shown_and_no_secret_is(engine: Engine, seed: int) -> None:
    """Runs of all kinds, moves, restrictions, both modes. In the mode `account` consumers see what the account sees."""
    play = Play(seed)
    with mirror_of(play.world, engine) as (_, context):
        bot = Replayer(engine, context, context.store.feed.snapshot("live_pages", lambda _: None, lambda _: None))
        for number in range(5):
            for _ in range(4):
                play.edit()
            run = play.luck.choice((incremental, incremental, full, access))
            policy = play.luck.choice((ENFORCE, ENFORCE, ENFORCE, ACCOUNT))
            current = replace(context, policy=policy)
            run(current)
            bot.read()
            assert policy is ACCOUNT or leaked(engine, play) == []
            derive(current, files=number % 2 == 1)
            bot.read()
            assert policy is ACCOUNT or leaked(engine, play) == []
            assert bot.missing() == []
        current = replace(context, policy=ENFORCE)
        full(current)
        derive(current)
        bot.read()
        assert bot.missing() == []
        assert leaked(engine, play) == []


def leaked(engine: Engine, play: Play) -> list[str]:
    """Return the secrets that somebody is shown."""
    text = everything_shown(engine)
    return [word for word in play.secrets if word in text]

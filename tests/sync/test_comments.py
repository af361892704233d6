"""The comments of a space: mirrored, withdrawn by evidence, shown with their page, told in the feed, text of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Literal

import pytest
from confluence_simulator import Simulator, World
from confluence_simulator.world import Comment, Restriction
from sqlalchemy import Engine

from hr_sync.confluence.cloud import CloudSource
from hr_sync.confluence.datacenter import DataCenterSource
from hr_sync.derive.texts import derive_texts
from hr_sync.domain.access import AccessMode, AccessPolicy
from hr_sync.domain.content import ItemKind
from hr_sync.domain.outcome import Outcome
from hr_sync.domain.scope import PageScope
from hr_sync.sync.context import SyncContext
from tests.support.wiring import ask, context_of, fault, fired, full, incremental, preview

WITH = PageScope(items=frozenset({ItemKind.COMMENTS}))
FLAVORS: dict[str, tuple[Literal["cloud", "datacenter"], type[CloudSource] | type[DataCenterSource]]] = {
    "cloud": ("cloud", CloudSource),
    "datacenter": ("datacenter", DataCenterSource),
}
LIST = r"/rest/api/content/search\?.*type\+%3D\+comment\+order"
TEXTS = r"/rest/api/content/search\?.*type\+%3D\+comment\+and\+id"
each_flavor = pytest.mark.parametrize("flavor", FLAVORS)


def world_with(*texts: str) -> World:
    """Make a space with two pages, and footer comments with these texts about the first."""
    world = World()
    world.create_space("HR")
    for number in range(2):
        world.create_page(space_key="HR", title=f"Page {number}", storage=f"<h2>Leave</h2><p>Thirty days {number}.</p>")
    for text in texts:
        world.comment(world.pages()[0].id, storage=f"<p>{text}</p>")
    return world


@contextmanager
def mirror_of(
    world: World, engine: Engine, flavor: str = "cloud", **changes: Any
) -> Iterator[tuple[Simulator, SyncContext]]:
    """Serve the world and mirror it with its comments; the request log is empty then."""
    name, source = FLAVORS[flavor]
    with Simulator(world, flavor=name) as site:
        context = context_of(site, engine, source=source, pages=WITH, **changes)
        report = full(context)
        assert report.outcome == "complete", report
        site.requests.clear()
        yield site, context


def comments_of(world: World) -> list[Comment]:
    """Return the comments about the first page, oldest first."""
    return sorted(world.comments(world.pages()[0].id), key=lambda each: int(each.id))


def shown(engine: Engine) -> dict[str, str]:
    """Return the texts of the comments that consumers see, by id."""
    return dict(ask(engine, "SELECT id, storage FROM live_comments"))


def told(engine: Engine, after: int = 0) -> list[tuple[str, str, list[str]]]:
    """Return what the feed tells of comments: id, action, changed fields."""
    rows = ask(
        engine,
        "SELECT comment_id, action, changed_fields FROM content_changes "
        "WHERE comment_id IS NOT NULL AND seq > %s ORDER BY seq",
        after,
    )
    return [(comment_id, action, list(fields)) for comment_id, action, fields in rows]


def head(engine: Engine) -> int:
    """Return the last number of the feed."""
    return int(ask(engine, "SELECT coalesce(max(seq), 0) FROM content_changes")[0][0])


def sections(engine: Engine) -> list[tuple[list[str], str, str | None]]:
    """Return headings, text and comment of the sections that consumers see of the first page, in their order."""
    rows = ask(
        engine,
        "SELECT heading_path, text, comment_id FROM live_sections WHERE page_id = (SELECT min(id) FROM live_pages) "
        "ORDER BY ordinal",
    )
    return [(list(path), text, comment_id) for path, text, comment_id in rows]


def derive(context: SyncContext) -> None:
    """Make the texts that are missing."""
    derive_texts(context.store, context.cancellation, section_size=2_000)


@each_flavor
def test_comments_are_mirrored_with_what_is_known_of_them(engine: Engine, flavor: str) -> None:
    """Kind, thread, author, words that they are about, state and text."""
    world = world_with("Applies to part-timers too")
    page = world.pages()[0]
    inline = world.comment(page.id, storage="<p>Calendar days?</p>", selection="Thirty days")
    world.comment(page.id, storage="<p>Working days.</p>", parent_comment_id=inline.id)
    world.resolve_comment(world.comment(page.id, storage="<p>Typo</p>", selection="days").id)
    footer, inline, reply, resolved = comments_of(world)
    with mirror_of(world, engine, flavor):
        rows = ask(
            engine,
            "SELECT id, kind, parent_id, resolution, quoted_text, storage, version, created_at, page_title "
            "FROM live_comments ORDER BY id",
        )
        authors = ask(engine, "SELECT DISTINCT author_id FROM live_comments")

    user = world.author
    assert authors == [(user.account_id if flavor == "cloud" else user.user_key,)]
    assert rows == [
        (each.id, kind, parent, state, quoted, each.storage, 1, each.created_at, page.title)
        for each, kind, parent, state, quoted in (
            (footer, "footer", None, None, None),
            (inline, "inline", None, "open", "Thirty days"),
            (reply, "inline", inline.id, "open", None),
            (resolved, "inline", None, "resolved", "days"),
        )
    ]

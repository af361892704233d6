"""The sample HR handbook as a world."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from confluence_simulator.handbook import HandbookPage, pages, spaces
from confluence_simulator.world import Page, World
from confluence_simulator.world.clock import DEFAULT_START, DEFAULT_STEP

BEFORE_LAST_EDIT = timedelta(days=30)


def handbook_world(*, start: datetime = DEFAULT_START, step: timedelta = DEFAULT_STEP) -> World:
    """Return the spaces of the handbook with all their pages; two of three pages have been edited since."""
    world = World(start=start, step=step)
    for space in spaces():
        world.create_space(space.key, space.name, description=space.description, created_at=start - timedelta(days=900))
    ids: dict[tuple[str, str], str] = {}
    for number, page in enumerate(pages()):
        page_id = ids[page.space_key, page.slug] = world.new_id()
        parent_id = None if page.parent_slug is None else ids[page.space_key, page.parent_slug]
        world.load(_versions(world, page, page_id, parent_id, number))
    for space in spaces():
        world.set_homepage(space.key, ids[space.key, space.homepage_slug])
    return world


def _versions(world: World, page: HandbookPage, page_id: str, parent_id: str | None, number: int) -> Iterator[Page]:
    """First the page as it was written, then what it became."""
    edited = world.now - timedelta(days=page.days_ago, minutes=number)
    count = number % 3 + 1
    written = edited - BEFORE_LAST_EDIT * (count - 1)
    first = Page(
        id=page_id,
        kind="page",
        space_id=world.space(page.space_key).id,
        space_key=page.space_key,
        title=page.title,
        created_at=written,
        modified_at=written,
        changed_at=written,
        author_id=world.author.account_id,
        editor_id=world.author.account_id,
        owner_id=world.author.account_id,
        body=page.storage,
        parent_id=parent_id,
        position=int(page_id),
        labels=tuple(world.label(name) for name in page.labels),
    )
    for version in range(1, count + 1):
        moment = written + BEFORE_LAST_EDIT * (version - 1)
        yield replace(first, version=version, modified_at=moment, changed_at=moment)

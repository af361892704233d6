"""The sample HR handbook as a world."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from confluence_simulator.handbook import HandbookPage, pages, spaces
from confluence_simulator.office import word_document
from confluence_simulator.world import Attachment, Page, World
from confluence_simulator.world.clock import DEFAULT_START, DEFAULT_STEP

BEFORE_LAST_EDIT = timedelta(days=30)

WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
CAR_POLICY = word_document(
    ("Winter tyres", ("From November to March a company car has winter tyres. The garage stores the others.",)),
    ("Fines", ("Whoever drives pays parking tickets and speeding fines, also abroad.",)),
)
FILES: tuple[tuple[str, str, str, str, bytes], ...] = (
    ("HR", "42-travel-allowances", "Allowances 2027.csv", "text/csv", b"country,euro\nDenmark,75\nPoland,45\n"),
    ("HR", "36-company-car", "Car policy.docx", WORD, CAR_POLICY),
    ("HR", "141-applying-for-parental-leave", "Application form.txt", "text/plain", b"Name:\nFirst day:\nWeeks:\n"),
)
"""Space, page, name, media type and bytes of the files in the handbook."""
BLOG_POSTS = (
    ("Welcome to the new handbook", "<p>All policies are in one place now.</p>"),
    ("Offices are closed on 24 December", "<p>The help desk answers from 9 to 12.</p>"),
)
"""Title and body of the posts in the blog of the first space."""


def handbook_world(*, start: datetime = DEFAULT_START, step: timedelta = DEFAULT_STEP) -> World:
    """Return the spaces of the handbook with all their pages, a few files and two blog posts.

    Two of three pages have been edited since.
    """
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
    for key, slug, name, media_type, payload in FILES:
        world.load([_file(world, ids[key, slug], name, media_type, payload)])
    world.load(_blog_post(world, title, storage) for title, storage in BLOG_POSTS)
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


def _file(world: World, page_id: str, name: str, media_type: str, payload: bytes) -> Attachment:
    page = world.page(page_id)
    return Attachment(
        id=f"att{world.new_id()}",
        kind="attachment",
        space_id=page.space_id,
        space_key=page.space_key,
        title=name,
        created_at=page.created_at,
        modified_at=page.created_at,
        changed_at=page.created_at,
        author_id=page.author_id,
        editor_id=page.author_id,
        container_id=page.id,
        media_type=media_type,
        file_size=len(payload),
        file_id=f"file-{page.id}",
        payload=payload,
    )


def _blog_post(world: World, title: str, storage: str) -> Page:
    space = next(iter(world.spaces()))
    written = world.now - BEFORE_LAST_EDIT
    return Page(
        id=world.new_id(),
        kind="blogpost",
        space_id=space.id,
        space_key=space.key,
        title=title,
        created_at=written,
        modified_at=written,
        changed_at=written,
        author_id=world.author.account_id,
        editor_id=world.author.account_id,
        owner_id=world.author.account_id,
        body=storage,
    )

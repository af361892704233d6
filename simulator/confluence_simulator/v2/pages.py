"""Cloud v2: lists and single reads of pages and blog posts."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from confluence_simulator.call import Call
from confluence_simulator.macro_output import rendered_body
from confluence_simulator.messages import Answer
from confluence_simulator.refusals import RefusedError, v2_not_found, v2_refusal
from confluence_simulator.routes import Route
from confluence_simulator.v2.includes import included
from confluence_simulator.v2.lists import content_key, list_answer
from confluence_simulator.v2.shapes import page_object
from confluence_simulator.v2.spaces import space_of
from confluence_simulator.world import Page

LIST_FORMATS = ("storage", "atlas_doc_format")
SINGLE_FORMATS = (*LIST_FORMATS, "view", "export_view", "anonymous_export_view", "styled_view", "editor")
LIST_STATUSES = ("current", "archived", "deleted", "trashed")
DEFAULT_STATUSES = ("current", "archived")
POST_STATUSES = ("current", "deleted", "trashed")
"""A blog post cannot be archived: the lists of posts refuse the word."""
SORTS = tuple(sign + key for key in ("id", "created-date", "modified-date", "title") for sign in ("", "-"))


POST_SORTS = tuple(sort for sort in SORTS if not sort.endswith("title"))
_OF_PAGES = (LIST_STATUSES, DEFAULT_STATUSES)
_OF_POSTS = (POST_STATUSES, ("current",))


def pages(call: Call) -> Answer:
    return content_list(call, "page", call.query.ids("space-id", most=100))


def blog_posts(call: Call) -> Answer:
    return content_list(call, "blogpost", call.query.ids("space-id", most=100))


def space_pages(call: Call) -> Answer:
    """`depth=root` lists only pages without a parent."""
    depth = call.query.choice("depth", ("all", "root"), "all")
    homepage = space_of(call).homepage_id
    root = (lambda page: page.parent_id is None or page.parent_id == homepage) if depth == "root" else None
    return content_list(call, "page", (space_of(call).id,), keep=root)


def space_blog_posts(call: Call) -> Answer:
    return content_list(call, "blogpost", (space_of(call).id,))


def page(call: Call) -> Answer:
    return _single(call, "page")


def blog_post(call: Call) -> Answer:
    return _single(call, "blogpost")


def content_list(call: Call, kind: str, space_ids: Sequence[str], keep: Callable[[Page], bool] | None = None) -> Answer:
    ids = call.query.ids("id", most=250)
    is_post = kind == "blogpost"
    statuses = call.query.choices("status", *(_OF_POSTS if is_post else _OF_PAGES))
    title = call.query.one("title")
    body_format = call.query.choice("body-format", LIST_FORMATS)

    def matches(content: Page) -> bool:
        return (
            content.kind == kind
            and content.status in statuses
            and (not space_ids or content.space_id in space_ids)
            and (not title or content.title == title)
            and (keep is None or keep(content))
        )

    def rows() -> list[Page]:
        moment = call.list_moment() or call.world.now
        if ids:
            found = (call.world.find_at(content_id, moment) for content_id in dict.fromkeys(ids))
            return [row for row in found if isinstance(row, Page) and matches(row)]
        return [row for row in call.world.contents(moment) if isinstance(row, Page) and matches(row)]

    def show(row: Page) -> dict[str, Any]:
        return page_object(call.world, _intact(call, row, body_format), body_format)

    sort = call.query.choice("sort", POST_SORTS if is_post else SORTS, "id")
    key = content_key(sort.removeprefix("-"), moves=call.tenant.moves_touch_modified)
    return list_answer(call, rows, key, show, sort=sort, sees=call.sees)


def _single(call: Call, kind: str) -> Answer:
    body_format = call.query.choice("body-format", SINGLE_FORMATS)
    found = _version_of(call, content_of(call, kind))
    intact = _intact(call, found, body_format)
    document = page_object(call.world, intact, body_format, lambda *asked: rendered_body(call, *asked))
    document.update(included(call, found))
    if not call.query.flag("include-version", default=True):
        del document["version"]
    document["_links"]["base"] = call.site_url
    return Answer(document=document)


def _version_of(call: Call, page: Page) -> Page:
    """Return the page as it was in the version asked for; the present one without `version`."""
    wanted = call.query.integer("version", page.version, low=1)
    for state in call.world.versions(page.id):
        if state.version == wanted and isinstance(state, Page):
            return page if wanted == page.version else replace(state, status=page.status)
    if wanted == page.version:
        return page
    raise RefusedError(v2_not_found("version", str(wanted)))


def content_of(call: Call, kind: str = "page") -> Page:
    """Return the page that the path names, trashed or archived too; refuse with 404 what the caller may not view."""
    page_id = call.captured_id()
    found = call.find_page(page_id, kind)
    if found is None:
        raise RefusedError(v2_not_found("content", f"{page_id} and status [current, archived]"))
    return found


def _intact(call: Call, content: Page, body_format: str) -> Page:
    """Return the page; refuse with 500 where its body cannot be rendered, whatever else was asked (CONFCLOUD-76433)."""
    if body_format and content.id in call.conditions.broken_body_ids:
        raise RefusedError(v2_refusal(500, "INTERNAL_SERVER_ERROR", "Internal Server Error"))
    return content


ROUTES = (
    Route("GET", "/api/v2/pages", pages),
    Route("GET", "/api/v2/pages/{id}", page),
    Route("GET", "/api/v2/blogposts", blog_posts),
    Route("GET", "/api/v2/blogposts/{id}", blog_post),
    Route("GET", "/api/v2/spaces/{id}/pages", space_pages),
    Route("GET", "/api/v2/spaces/{id}/blogposts", space_blog_posts),
)

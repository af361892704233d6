"""Decoders of Confluence Cloud's JSON (REST v2). Pure; callers get values and no dictionaries.

A tolerant reader: unknown keys and unknown statuses are ignored, required fields must exist in the right type. A page
with an id and an invalid description is reported as unreadable, and does not affect other pages. Shapes:
developer.atlassian.com/cloud/confluence/rest/v2 (pages, spaces) and recorded answers.
"""

from hr_sync.confluence.http.credentials import SETTINGS
from hr_sync.confluence.http.response import Json
from hr_sync.confluence.http.urls import PageUrls, page_url
from hr_sync.confluence.json_fields import (
    TYPE_OF,
    FieldError,
    datetime_of,
    int_of,
    interned_word_of,
    is_in,
    name_of,
    object_of,
    optional_word_of,
    page_of,
    read_each_head,
    title_of,
    word_of,
)
from hr_sync.domain.content import ContentKind, ContentNode, Head, Page, Space
from hr_sync.domain.deletion import LookupResult, LookupStatus
from hr_sync.domain.sanitize import sanitize_line
from hr_sync.errors import AnswerNotTrusted, CredentialsRefused

COLLECTIONS = {
    "page": "pages",
    "folder": "folders",
    "whiteboard": "whiteboards",
    "database": "databases",
    "embed": "embeds",
}
"""The path in v2 of each kind of content that can be a parent."""


def read_account(answer: Json) -> None:
    """Raise CredentialsRefused unless the answer of `user/current` shows a known account.

    Confluence answers many requests with invalid credentials as an anonymous visitor's: 200, and fewer pages.
    """
    if answer.get("type") != "known":
        raise CredentialsRefused(
            f"Confluence treats us as an anonymous visitor. Check {SETTINGS}, and that a scoped token is used with its "
            "API gateway address."
        )


def read_space(item: Json) -> Space:
    """Return one space. Raise FieldError if it has no id or no key; everything else may be missing."""
    if not isinstance(item, dict):
        raise FieldError("object")
    alias = item.get("currentActiveAlias")
    return Space(
        id=word_of(item, "id"),
        key=word_of(item, "key"),
        name=name_of(item),
        alias=alias if isinstance(alias, str) and alias and alias.isprintable() else None,
        archived=item.get("status") == "archived",
    )


def read_heads(
    answer: Json, space: Space, urls: PageUrls, kind: ContentKind = ContentKind.PAGE
) -> tuple[dict[str, Head], dict[str, str]]:
    """Return the heads in one answer of a listing of `space` by id, and id → error for the others.

    Among the heads may be such of other spaces and statuses.
    """
    site = urls.site_in(answer)
    return read_each_head(answer, lambda item: _read_head(item, space, site, kind))


def read_pages(
    answer: Json,
    wanted: frozenset[str],
    space: Space,
    urls: PageUrls,
    kind: ContentKind = ContentKind.PAGE,
    *,
    status: str = "current",
) -> tuple[dict[str, Page], dict[str, str]]:
    """Return the pages of `space` in this status in an answer by id, and id → error for those that cannot be read.

    Pages that were not requested, and pages of another space or status, are left out.
    """
    site = urls.site_in(answer)
    pages: dict[str, Page] = {}
    unreadable: dict[str, str] = {}
    for item in answer["results"]:
        page_id = item["id"]
        if page_id not in wanted:
            continue
        try:
            head = _read_head(item, space, site, kind)
            if is_in(head, space, status):
                pages[page_id] = page_of(head, item)
        except FieldError as error:
            unreadable[page_id] = f"the answer gives no {error}"
    return pages, unreadable


def read_lookup(item: Json, page_id: str, kind: ContentKind = ContentKind.PAGE) -> LookupResult:
    """Return the state of a page. An answer about anything else is no evidence."""
    if item.get("id") == page_id and item.get("type", TYPE_OF[kind]) == TYPE_OF[kind]:
        try:
            status, space_id = word_of(item, "status"), word_of(item, "spaceId")
        except FieldError:
            pass
        else:
            return LookupResult(page_id=page_id, kind=kind, result=LookupStatus.FOUND, status=status, space_id=space_id)
    return LookupResult(page_id=page_id, kind=kind, result=LookupStatus.UNKNOWN)


def read_parent(item: Json, node: ContentNode) -> ContentNode | None:
    """Return the parent of a node; None at the top.

    Raise AnswerNotTrusted for an answer about another node or an invalid one.
    """
    if item.get("id") != node.id or item.get("type", node.kind) not in {node.kind, None}:
        raise AnswerNotTrusted(f"Confluence answered with something other than the {node.kind} that was requested.")
    try:
        parent_id = optional_word_of(item, "parentId")
        return None if parent_id is None else ContentNode(id=parent_id, kind=optional_word_of(item, "parentType"))
    except FieldError as error:
        raise AnswerNotTrusted(f"Confluence describes a {node.kind} without {error}.") from None


def read_ancestors(answer: Json) -> list[ContentNode]:
    """Return the nodes in an answer that lists ancestors, in its order.

    Raise AnswerNotTrusted for an incomplete one.
    """
    try:
        return [ContentNode(id=word_of(item, "id"), kind=word_of(item, "type")) for item in answer["results"]]
    except FieldError as error:
        raise AnswerNotTrusted(f"Confluence describes an ancestor without {error}.") from None


def _read_head(item: Json, space: Space, site: str, kind: ContentKind) -> Head:
    has_parent = kind is ContentKind.PAGE and item.get("parentType") is not None
    version = object_of(item, "version")
    return Head(
        id=item["id"],
        title=title_of(item),
        space_key=space.key,
        space_id=interned_word_of(item, "spaceId"),
        version=int_of(version, "number"),
        status=interned_word_of(item, "status"),
        parent_id=optional_word_of(item, "parentId") if kind is ContentKind.PAGE else None,
        parent_type=interned_word_of(item, "parentType") if has_parent else None,
        kind=kind,
        last_updated=datetime_of(version, "createdAt"),
        url=sanitize_line(page_url(site, item, otherwise=f"/pages/{item['id']}")),
    )

"""Decoders of Data Center's JSON (REST v1); the same content gives the same values as on Cloud. Pure.

A page's parent is the last of its `ancestors`, ids of spaces are numbers, `when` carries the server's own offset.
Unreadable pages are treated as in `cloud_json`.
Shapes: developer.atlassian.com/server/confluence/confluence-rest-api-examples and recorded answers.
"""

from collections.abc import Mapping
from typing import Any

from hr_sync.confluence.http.response import Json
from hr_sync.confluence.http.urls import PageUrls, page_url
from hr_sync.confluence.json_fields import (
    TYPE_OF,
    FieldError,
    datetime_of,
    int_of,
    interned_word_of,
    is_current_in,
    name_of,
    object_of,
    page_of,
    read_each_head,
    title_of,
    word_of,
)
from hr_sync.domain.content import ContentKind, ContentNode, Head, Page, Space
from hr_sync.domain.deletion import LookupResult, LookupStatus
from hr_sync.domain.sanitize import sanitize_line
from hr_sync.errors import AnswerNotTrusted, AnswerUnusable, CredentialsRefused

HEAD_PARTS = "version,space,ancestors"  #: what has to be expanded for a head
PAGE_PARTS = f"body.storage,{HEAD_PARTS}"
LOOKUP_PARTS = "space"


def read_account(answer: Json) -> None:
    """Raise CredentialsRefused unless the answer of `user/current` shows a known account.

    A personal access token that is wrong or has expired makes an anonymous visitor, who sees what is public.
    """
    if answer.get("type") != "known":
        raise CredentialsRefused(
            "Confluence treats us as an anonymous visitor. Check that the personal access token (confluence.token) has "
            "not expired or been revoked, or confluence.username and confluence.api_token (the password)."
        )


def read_space(item: Json) -> Space:
    """Return one space. Raise FieldError if it has no id or no key; everything else may be missing.

    Old versions give no status, newer ones write it in capitals.
    """
    if not isinstance(item, dict):
        raise FieldError("object")
    status = item.get("status")
    return Space(
        id=_id_of(item),
        key=word_of(item, "key"),
        name=name_of(item),
        archived=isinstance(status, str) and status.lower() == "archived",
    )


def read_heads(
    answer: Json, space: Space, urls: PageUrls, kind: ContentKind = ContentKind.PAGE
) -> tuple[dict[str, Head], dict[str, str]]:
    """Return the heads in one answer of a listing of `space` by id, and id → error for the others.

    A head's `space_id` is taken from the page and may be another space's.
    """
    site = urls.site_in(answer)
    return read_each_head(answer, lambda item: _read_head(item, space, site, kind))


def names_next_cursor(answer: Json) -> bool:
    """Return True if an answer of a scan announces more, in a field beside its `next` link."""
    return bool(answer.get("nextCursor"))


def read_page(
    item: Json, page_id: str, space: Space, urls: PageUrls, kind: ContentKind = ContentKind.PAGE
) -> Page | None:
    """Return one page and its body; None if it is not a current page of `space` any more.

    Raise FieldError for an invalid description, AnswerUnusable for another page.
    """
    if item.get("id") != page_id:
        raise AnswerUnusable("Confluence answered with a page that was not requested.")
    head = _read_head(item, space, urls.site_in(item), kind)
    return page_of(head, item) if is_current_in(head, space) else None


def read_lookup(item: Json, page_id: str, kind: ContentKind = ContentKind.PAGE) -> LookupResult:
    """Return the state of a page. An answer about anything else is no evidence."""
    if item.get("id") == page_id and item.get("type") == TYPE_OF[kind]:
        try:
            status, space_id = word_of(item, "status"), _id_of(object_of(item, "space"))
        except FieldError:
            pass
        else:
            return LookupResult(page_id=page_id, kind=kind, result=LookupStatus.FOUND, status=status, space_id=space_id)
    return LookupResult(page_id=page_id, kind=kind, result=LookupStatus.UNKNOWN)


def read_ancestors(item: Json, page_id: str) -> tuple[ContentNode, ...]:
    """Return the ancestors of a page, nearest first.

    Raise AnswerNotTrusted for another page or an invalid description.
    """
    if item.get("id") != page_id:
        raise AnswerNotTrusted("Confluence answered with something other than the page that was requested.")
    try:
        ancestors = _ancestors_of(item)
        return tuple(ContentNode(id=word_of(node, "id"), kind=word_of(node, "type")) for node in reversed(ancestors))
    except FieldError as error:
        raise AnswerNotTrusted(f"Confluence describes a page without {error}.") from None


def _read_head(item: Json, space: Space, site: str, kind: ContentKind) -> Head:
    page_id = word_of(item, "id")
    if item.get("type") != TYPE_OF[kind] or not (page_id.isascii() and page_id.isdigit()):
        raise FieldError(TYPE_OF[kind])
    version = object_of(item, "version")
    ancestors = _ancestors_of(item) if kind is ContentKind.PAGE else []
    return Head(
        id=page_id,
        title=title_of(item),
        space_key=space.key,
        space_id=_id_of(object_of(item, "space")),
        version=int_of(version, "number"),
        status=interned_word_of(item, "status"),
        # `ancestors` begins at the top of the space and is empty there.
        parent_id=word_of(ancestors[-1], "id") if ancestors else None,
        parent_type=interned_word_of(ancestors[-1], "type") if ancestors else None,
        kind=kind,
        last_updated=datetime_of(version, "when"),
        url=sanitize_line(page_url(site, item, otherwise=f"/pages/viewpage.action?pageId={page_id}")),
    )


def _ancestors_of(item: Json) -> list[Mapping[str, Any]]:
    ancestors = item.get("ancestors")
    if not isinstance(ancestors, list) or not all(isinstance(each, dict) for each in ancestors):
        raise FieldError("ancestors")
    return ancestors


def _id_of(space: Mapping[str, Any]) -> str:
    """Return the id of a space, a number in v1, as a text."""
    space_id = space.get("id")
    if isinstance(space_id, int) and not isinstance(space_id, bool):
        return str(space_id)
    return word_of(space, "id")

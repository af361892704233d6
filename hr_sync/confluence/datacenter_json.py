"""Data Center's JSON → the model, so that the same world gives the same rows as on Cloud. Pure.

Its shapes are those of REST v1: a page's parent is the last of its `ancestors`, ids of spaces are numbers, `when`
carries the server's own offset, links stand below `_links.base`. Unreadable pages are treated as in `wire`.
Shapes: developer.atlassian.com/server/confluence/confluence-rest-api-examples and recorded answers.
"""

from collections.abc import Mapping
from typing import Any

from hr_sync.confluence.http.response import Json
from hr_sync.confluence.json_fields import (
    FieldError,
    Links,
    datetime_of,
    int_of,
    object_of,
    read_each_head,
    storable_str,
    storage_of,
    str_of,
)
from hr_sync.domain.content import Head, Page, Space
from hr_sync.domain.deletion import LookupResult, LookupStatus
from hr_sync.errors import AnswerNotTrusted, CredentialsRefused

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
    """Read one entry of `GET /space`, asked with `status=current`. Raises AnswerNotTrusted for half a description.

    Old versions give no status, newer ones write it in capitals.
    """
    try:
        return Space(
            id=_id_of(item),
            key=storable_str(item, "key"),
            name=str_of(item, "name"),
            type=storable_str(item, "type"),
            status=storable_str(item, "status").lower() if "status" in item else "current",
        )
    except FieldError as error:
        raise AnswerNotTrusted(f"Confluence describes a space without {error}.") from None


def read_heads(answer: Json, space: Space, site: str) -> tuple[dict[str, Head], dict[str, str]]:
    """Read one page of a listing of `space`: heads by id, and id → what is wrong for those that cannot be read.

    A head's `space_id` is what the page itself says, and may be another space's.
    """
    links = Links(answer, site)
    return read_each_head(answer, lambda item: _read_head(item, space, links))


def has_more(answer: Json) -> bool:
    """True when an answer of a scan says that it is not the last, beside its `next` link."""
    return bool(answer.get("nextCursor"))


def read_page(item: Json, page_id: str, space: Space, site: str) -> Page | None:
    """Read the answer to a request for one page and its body; None when it sits in another space by now.

    Raises Missing for a page that is not described properly, AnswerNotTrusted for another page.
    """
    if item.get("id") != page_id:
        raise AnswerNotTrusted("Confluence answered with a page that was not asked for.")
    head = _read_head(item, space, Links(item, site))
    return Page(head=head, storage=storage_of(item)) if head.space_id == space.id else None


def read_lookup(item: Json, page_id: str) -> LookupResult:
    """Read in which state a page is. An answer about anything else proves nothing."""
    try:
        if item.get("id") == page_id and item.get("type") == "page":
            space_id = _id_of(object_of(item, "space"))
            return LookupResult(
                page_id=page_id,
                status_of_lookup=LookupStatus.FOUND,
                status=storable_str(item, "status"),
                space_id=space_id,
            )
    except FieldError:
        pass
    return LookupResult(page_id=page_id, status_of_lookup=LookupStatus.UNKNOWN)


def read_parent(item: Json, node_id: str) -> str | None:
    """Read the parent of a page. Raises AnswerNotTrusted when its ancestors are not described properly."""
    if item.get("id") != node_id:
        raise AnswerNotTrusted("Confluence answered with something else than the page or folder that was asked for.")
    try:
        return _parent_of(item)[0]
    except FieldError as error:
        raise AnswerNotTrusted(f"Confluence describes a page without {error}.") from None


def _read_head(item: Json, space: Space, links: Links) -> Head:
    if item.get("type") != "page" or not (item["id"].isascii() and item["id"].isdigit()):
        raise FieldError("page")
    version = object_of(item, "version")
    parent_id, parent_type = _parent_of(item)
    return Head(
        id=item["id"],
        title=str_of(item, "title"),
        space_key=space.key,
        space_id=_id_of(object_of(item, "space")),
        version=int_of(version, "number"),
        status=storable_str(item, "status"),
        parent_id=parent_id,
        parent_type=parent_type,
        last_updated=datetime_of(version, "when"),
        url=links.address(item, otherwise=f"/pages/viewpage.action?pageId={item['id']}"),
    )


def _parent_of(item: Json) -> tuple[str | None, str | None]:
    """Return id and type of the parent. `ancestors` begins at the top of the space and is empty there."""
    ancestors = item.get("ancestors")
    if not isinstance(ancestors, list):
        raise FieldError("ancestors")
    if not ancestors:
        return None, None
    if not isinstance(ancestors[-1], dict):
        raise FieldError("ancestors")
    return storable_str(ancestors[-1], "id"), storable_str(ancestors[-1], "type")


def _id_of(space: Mapping[str, Any]) -> str:
    """Return the id of a space, a number in v1, as a text."""
    space_id = space.get("id")
    if isinstance(space_id, int) and not isinstance(space_id, bool):
        return str(space_id)
    return storable_str(space, "id")

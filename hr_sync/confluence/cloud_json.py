"""Confluence Cloud's JSON → the model. Pure. Nothing behind this module sees a dictionary.

A tolerant reader: unknown keys and unknown statuses pass, what is needed must be there in the right type. A page that
is named but not described properly is reported as unreadable, so that it costs only itself.
Shapes: developer.atlassian.com/cloud/confluence/rest/v2 (pages, spaces) and recorded answers.
"""

from collections.abc import Iterator

from hr_sync.confluence.http.response import Json
from hr_sync.confluence.json_fields import (
    FieldError,
    Links,
    datetime_of,
    int_of,
    interned_str,
    object_of,
    optional_storable_str,
    read_each_head,
    storable_str,
    storage_of,
    str_of,
)
from hr_sync.domain.content import Fetched, Head, Page, Space
from hr_sync.domain.deletion import LookupResult, LookupStatus
from hr_sync.errors import AnswerNotTrusted, CredentialsRefused


def read_account(answer: Json) -> None:
    """Raise CredentialsRefused unless the answer of `user/current` shows a known account.

    Confluence answers many requests of failed credentials as those of an anonymous visitor: 200, and fewer pages.
    """
    if answer.get("type") != "known":
        raise CredentialsRefused(
            "Confluence treats us as an anonymous visitor. Check confluence.username and confluence.api_token "
            "(or confluence.token), and that a scoped token is used with its API gateway address."
        )


def read_space(item: Json) -> Space:
    """Read one entry of `GET /spaces`. Raises AnswerNotTrusted when it is not described properly."""
    try:
        return Space(
            id=storable_str(item, "id"),
            key=storable_str(item, "key"),
            name=str_of(item, "name"),
            type=storable_str(item, "type"),
            status=storable_str(item, "status"),
        )
    except FieldError as error:
        raise AnswerNotTrusted(f"Confluence describes a space without {error}.") from None


def read_heads(answer: Json, space: Space, site: str) -> tuple[dict[str, Head], dict[str, str]]:
    """Read one page of a listing of `space`: heads by id, and id → what is wrong for those that cannot be read.

    `site` is where links start when the answer does not say. The ids have been checked by the gateway.
    """
    links = Links(answer, site)
    return read_each_head(answer, lambda item: _read_head(item, space, links))


def read_pages(answers: Iterator[Json], wanted: frozenset[str], space: Space, site: str) -> Fetched:
    """Read the answers to a request for the bodies of `wanted` pages of `space`.

    A page that sits in another space by now counts as absent here.
    """
    pages: dict[str, Page] = {}
    unreadable: dict[str, str] = {}
    for answer in answers:
        links = Links(answer, site)
        for item in answer["results"]:
            page_id = item["id"]
            if page_id not in wanted:
                raise AnswerNotTrusted("Confluence answered with a page that was not asked for.")
            if item.get("spaceId") != space.id:
                continue
            try:
                pages[page_id] = Page(head=_read_head(item, space, links), storage=storage_of(item))
            except FieldError as error:
                unreadable[page_id] = f"the answer gives no {error}"
    return Fetched(pages=pages, unreadable=unreadable, absent=wanted - pages.keys() - unreadable.keys())


def read_lookups(answer: Json) -> list[LookupResult]:
    """Read which pages a list shows, and in which state."""
    return [read_lookup(item, item["id"]) for item in answer["results"]]


def read_lookup(item: Json, page_id: str) -> LookupResult:
    """Read in which state a page is. An answer about anything else proves nothing."""
    status, space_id = item.get("status"), item.get("spaceId")
    if item.get("id") != page_id or not isinstance(status, str) or not isinstance(space_id, str):
        return LookupResult(page_id=page_id, status_of_lookup=LookupStatus.UNKNOWN)
    return LookupResult(page_id=page_id, status_of_lookup=LookupStatus.FOUND, status=status, space_id=space_id)


def read_parent(item: Json, node_id: str) -> str | None:
    """Read the parent of a page or a folder. Raises AnswerNotTrusted when it is not described properly."""
    if item.get("id") != node_id:
        raise AnswerNotTrusted("Confluence answered with something else than the page or folder that was asked for.")
    try:
        return optional_storable_str(item, "parentId")
    except FieldError as error:
        raise AnswerNotTrusted(f"Confluence describes a folder or a page without {error}.") from None


def _read_head(item: Json, space: Space, links: Links) -> Head:
    version = object_of(item, "version")
    return Head(
        id=item["id"],
        title=str_of(item, "title"),
        space_key=space.key,
        space_id=interned_str(item, "spaceId"),
        version=int_of(version, "number"),
        status=interned_str(item, "status"),
        parent_id=optional_storable_str(item, "parentId"),
        parent_type=None if item.get("parentType") is None else interned_str(item, "parentType"),
        last_updated=datetime_of(version, "createdAt"),
        url=links.address(item, otherwise=f"/pages/{item['id']}"),
    )

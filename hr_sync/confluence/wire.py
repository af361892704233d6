"""Confluence Cloud's JSON → the model. Pure. Nothing behind this module sees a dictionary.

A tolerant reader: unknown keys and unknown statuses pass, what is needed must be there in the right type. A page that
is named but not described properly is reported as unreadable, so that it costs only itself.
Shapes: developer.atlassian.com/cloud/confluence/rest/v2 (pages, spaces) and recorded answers.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from hr_sync.confluence.answers import Json
from hr_sync.errors import AnswerNotTrusted, CredentialsRefused
from hr_sync.model.page import Fetched, Head, Page, Space
from hr_sync.model.removal import Evidence, Sight


class _Missing(Exception):
    """A field is absent or of another type. The message names the field, never its value."""


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
            id=_text(item, "id"),
            key=_text(item, "key"),
            name=_text(item, "name"),
            type=_text(item, "type"),
            status=_text(item, "status"),
        )
    except _Missing as error:
        raise AnswerNotTrusted(f"Confluence describes a space without {error}.") from None


def read_heads(answer: Json, space: Space, site: str) -> tuple[dict[str, Head], dict[str, str]]:
    """Read one page of a listing of `space`: heads by id, and id → what is wrong for those that cannot be read.

    `site` is where links start when the answer does not say. The ids have been checked by the gateway.
    """
    heads: dict[str, Head] = {}
    unreadable: dict[str, str] = {}
    links = _Links(answer, site)
    for item in answer["results"]:
        try:
            head = _read_head(item, space, links)
        except _Missing as error:
            unreadable[item["id"]] = f"the listing gives no {error}"
            continue
        if head.id not in heads or heads[head.id].version <= head.version:
            heads[head.id] = head
    return heads, unreadable


def read_pages(answers: Iterator[Json], wanted: frozenset[str], space: Space, site: str) -> Fetched:
    """Read the answers to a request for the bodies of `wanted` pages of `space`.

    A page that sits in another space by now counts as absent here.
    """
    pages: dict[str, Page] = {}
    unreadable: dict[str, str] = {}
    for answer in answers:
        links = _Links(answer, site)
        for item in answer["results"]:
            page_id = item["id"]
            if page_id not in wanted:
                raise AnswerNotTrusted("Confluence answered with a page that was not asked for.")
            if item.get("spaceId") != space.id:
                continue
            try:
                pages[page_id] = Page(head=_read_head(item, space, links), storage=_storage(item))
            except _Missing as error:
                unreadable[page_id] = f"the answer gives no {error}"
    return Fetched(pages=pages, unreadable=unreadable, absent=wanted - pages.keys() - unreadable.keys())


def read_sights(answer: Json) -> list[Evidence]:
    """Read which pages a list shows, and in which state."""
    return [read_sight(item, item["id"]) for item in answer["results"]]


def read_sight(item: Json, page_id: str) -> Evidence:
    """Read in which state a page is. An answer about anything else proves nothing."""
    status, space_id = item.get("status"), item.get("spaceId")
    if item.get("id") != page_id or not isinstance(status, str) or not isinstance(space_id, str):
        return Evidence(page_id=page_id, sight=Sight.UNKNOWN)
    return Evidence(page_id=page_id, sight=Sight.PRESENT, status=status, space_id=space_id)


def read_parent(item: Json) -> str | None:
    """Read the parent of a page or a folder. Raises AnswerNotTrusted when it is not described properly."""
    try:
        return _optional_text(item, "parentId")
    except _Missing as error:
        raise AnswerNotTrusted(f"Confluence describes a folder or a page without {error}.") from None


class _Links:
    """Makes the address of a page from an answer's `_links.base` and the page's `_links.webui`."""

    def __init__(self, answer: Json, site: str) -> None:
        links = answer.get("_links")
        base = links.get("base") if isinstance(links, dict) else None
        self._base = base if isinstance(base, str) and base.startswith(("https://", "http://")) else site

    def address(self, item: Json) -> str:
        links = item.get("_links")
        webui = links.get("webui") if isinstance(links, dict) else None
        return f"{self._base}{webui}" if isinstance(webui, str) else f"{self._base}/pages/{item['id']}"


def _read_head(item: Json, space: Space, links: _Links) -> Head:
    version = _object(item, "version")
    return Head(
        id=item["id"],
        title=_text(item, "title"),
        space_key=space.key,
        space_id=_text(item, "spaceId"),
        version=_number(version, "number"),
        status=_text(item, "status"),
        parent_id=_optional_text(item, "parentId"),
        parent_type=_optional_text(item, "parentType"),
        last_updated=_moment(version, "createdAt"),
        url=links.address(item),
    )


def _storage(item: Json) -> str:
    """Give the body. A missing body is not an empty one: storing it as such would wipe a good text."""
    return _text(_object(_object(item, "body"), "storage"), "value")


def _text(item: Mapping[str, Any], key: str) -> str:
    value = item.get(key)
    if not isinstance(value, str):
        raise _Missing(key)
    return value


def _optional_text(item: Mapping[str, Any], key: str) -> str | None:
    return None if item.get(key) is None else _text(item, key)


def _number(item: Mapping[str, Any], key: str) -> int:
    value = item.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 31:
        raise _Missing(key)
    return value


def _object(item: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = item.get(key)
    if not isinstance(value, dict):
        raise _Missing(key)
    return value


def _moment(item: Mapping[str, Any], key: str) -> datetime:
    try:
        moment = datetime.fromisoformat(_text(item, key))
    except ValueError:
        raise _Missing(key) from None
    if moment.tzinfo is None:
        raise _Missing(f"{key} with a time zone")
    return moment.astimezone(UTC)

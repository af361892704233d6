"""The pieces of Confluence's JSON that look the same in v1 and v2, each read strictly. Pure."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from sys import intern
from typing import Any

from hr_sync.confluence.http.response import Json
from hr_sync.domain.content import Head
from hr_sync.errors import AnswerNotTrusted

_NO_ROW_HOLDS = re.compile("[\0\ud800-\udfff]")


class FieldError(Exception):
    """A field is absent or of another type. The message names the field, never its value."""


class Links:
    """Makes the address of a page from an answer's `_links.base` and the page's `_links.webui`."""

    def __init__(self, answer: Json, site: str) -> None:
        """`site` is where links start when the answer does not say."""
        links = answer.get("_links")
        base = links.get("base") if isinstance(links, dict) else None
        self._base = base if isinstance(base, str) and base.startswith(("https://", "http://")) else site

    def address(self, item: Json, *, otherwise: str) -> str:
        """Return where people open the page; `otherwise` is the path that is taken when the page does not tell."""
        links = item.get("_links")
        webui = links.get("webui") if isinstance(links, dict) else None
        return f"{self._base}{webui if isinstance(webui, str) else otherwise}"


def read_each_head(answer: Json, read: Callable[[Json], Head]) -> tuple[dict[str, Head], dict[str, str]]:
    """Read one answer of a listing: heads by id, and id → what is wrong for those that cannot be read.

    Of a page that is given twice, the newer version counts. The ids have been checked by the gateway.
    """
    heads: dict[str, Head] = {}
    unreadable: dict[str, str] = {}
    for item in answer["results"]:
        try:
            head = read(item)
        except FieldError as error:
            unreadable[item["id"]] = f"the listing gives no {error}"
            continue
        if head.id not in heads or heads[head.id].version <= head.version:
            heads[head.id] = head
    return heads, unreadable


def storage_of(item: Json) -> str:
    """Return the body. A missing body is not an empty one: storing it as such would wipe a good text."""
    return str_of(object_of(object_of(item, "body"), "storage"), "value")


def str_of(item: Mapping[str, Any], key: str) -> str:
    """Return a text, which may be empty."""
    value = item.get(key)
    if not isinstance(value, str):
        raise FieldError(key)
    return value


def storable_str(item: Mapping[str, Any], key: str) -> str:
    """Return a text that is stored as it comes, uncleaned: one without NUL and lone surrogates, which no row can hold."""
    value = str_of(item, key)
    if _NO_ROW_HOLDS.search(value):
        raise FieldError(key)
    return value


def optional_storable_str(item: Mapping[str, Any], key: str) -> str | None:
    """Return a word, or None where it is null or absent."""
    return None if item.get(key) is None else storable_str(item, key)


def interned_str(item: Mapping[str, Any], key: str) -> str:
    """Return a word of which there are few: all pages share one copy, 150 bytes less a head."""
    return intern(storable_str(item, key))


def int_of(item: Mapping[str, Any], key: str) -> int:
    """Return a whole number that fits PostgreSQL's integer and is not negative."""
    value = item.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 31:
        raise FieldError(key)
    return value


def object_of(item: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """Return an object within the object."""
    value = item.get(key)
    if not isinstance(value, dict):
        raise FieldError(key)
    return value


def datetime_of(item: Mapping[str, Any], key: str) -> datetime:
    """Return an ISO 8601 date with any offset, in UTC."""
    try:
        moment = datetime.fromisoformat(str_of(item, key))
    except ValueError:
        raise FieldError(key) from None
    if moment.tzinfo is None:
        raise FieldError(f"{key} with a time zone")
    try:
        return moment.astimezone(UTC)
    except OverflowError:  # in the first or the last hours of the calendar
        raise FieldError(key) from None


def read_labels(answer: Json) -> list[str]:
    """Read the names of labels. Raises AnswerNotTrusted when one has none.

    Those that the account has put on pages for itself (`my:favourite`) are nobody else's concern.
    """
    try:
        return [str_of(item, "name") for item in answer["results"] if item.get("prefix") != "my"]
    except FieldError as error:
        raise AnswerNotTrusted(f"Confluence describes a label without {error}.") from None

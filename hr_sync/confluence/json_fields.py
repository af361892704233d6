"""Decoders of the JSON fields that v1 and v2 share: strict, and every text sanitised. Pure."""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from sys import intern
from typing import Any

from hr_sync.confluence.http.response import Json
from hr_sync.domain.content import ContentKind, Head, Page, Space
from hr_sync.domain.sanitize import sanitize_body, sanitize_line
from hr_sync.errors import AnswerUnusable

#: Confluence's word, in v1 and in searches, for what is mirrored as a page.
TYPE_OF = {ContentKind.PAGE: "page", ContentKind.BLOG_POST: "blogpost"}
_NOT_STORABLE = re.compile("[\0\ud800-\udfff]")


class FieldError(Exception):
    """A field is absent, of another type, or cannot be stored. The message names the field, never its value."""


def read_each_head(answer: Json, read: Callable[[Json], Head]) -> tuple[dict[str, Head], dict[str, str]]:
    """Return the heads in one answer of a listing by id, and id → error for those that cannot be read.

    Of a page that is given twice, the newer version counts. The client has checked the ids.
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


def read_bodies(answer: Json, heads: Mapping[str, Head]) -> dict[str, Page]:
    """Return the pages of these heads, by id, whose bodies came along in an answer of a listing and can be read.

    A page that the answer holds twice is left out: one of its bodies is of another version.
    """
    pages: dict[str, Page] = {}
    times = Counter(item["id"] for item in answer["results"])
    for item in answer["results"]:
        head = heads.get(item["id"])
        if head is not None and times[head.id] == 1:
            with suppress(FieldError):
                pages[head.id] = page_of(head, item)
    return pages


def is_current_in(head: Head, space: Space) -> bool:
    """Return True if a head matches the request: a current page of this space.

    A server that returns others ignored our filter. They count as absent, so that a stored page is looked up by id.
    """
    return is_in(head, space, "current")


def is_in(head: Head, space: Space, status: str) -> bool:
    """Return True if a head is of a page of this space in this status."""
    return head.status == status and head.space_id == space.id


def page_of(head: Head, item: Json) -> Page:
    """Return the page with its body. A missing body is an error: storing it as empty would overwrite a good text."""
    value = str_of(object_of(object_of(item, "body"), "storage"), "value")
    storage, digest = sanitize_body(value)
    return Page(head=head, storage=storage, content_hash=digest)


def title_of(item: Mapping[str, Any]) -> str:
    """Return a title as one line. It may be empty."""
    return sanitize_line(str_of(item, "title"))


def name_of(item: Mapping[str, Any]) -> str:
    """Return the name of a space as one line; empty where it has none."""
    name = item.get("name")
    return sanitize_line(name) if isinstance(name, str) else ""


def str_of(item: Mapping[str, Any], key: str) -> str:
    """Return a text unchanged; it may be empty."""
    value = item.get(key)
    if not isinstance(value, str):
        raise FieldError(key)
    return value


def storable_str(item: Mapping[str, Any], key: str) -> str:
    """Return an id of a user or a group, which is compared and never changed: without NUL and lone surrogates."""
    value = str_of(item, key)
    if _NOT_STORABLE.search(value):
        raise FieldError(key)
    return value


def word_of(item: Mapping[str, Any], key: str) -> str:
    """Return a key, an id or a status word: of printable characters, since operators see it on terminals."""
    value = item.get(key)
    if not isinstance(value, str) or not value or not value.isprintable():
        raise FieldError(key)
    return value


def optional_word_of(item: Mapping[str, Any], key: str) -> str | None:
    """Return a word, or None where it is null or absent."""
    return None if item.get(key) is None else word_of(item, key)


def interned_word_of(item: Mapping[str, Any], key: str) -> str:
    """Return a word of a small set, interned: all pages share one copy, which saves 150 bytes a head."""
    return intern(word_of(item, key))


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


def read_labels(answer: Json) -> frozenset[str]:
    """Return the names of labels. Raise AnswerUnusable for one without a name.

    Those that the account has put on pages for itself (`my:favourite`) are left out.
    """
    try:
        names = {
            sanitize_line(str_of(item, "name"))
            for item in answer["results"]
            if not isinstance(item, dict) or item.get("prefix") != "my"
        }
    except (FieldError, AttributeError):
        raise AnswerUnusable("Confluence describes a label without a name.") from None
    return frozenset(names - {""})

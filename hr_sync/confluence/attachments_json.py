"""Decoders of attachments: v1's, as its search lists them and Data Center reads them, and Cloud v2's. Pure."""

from collections.abc import Mapping
from typing import Any

from hr_sync.confluence.http.response import Json
from hr_sync.confluence.json_fields import (
    FieldError,
    datetime_of,
    int_of,
    object_of,
    optional_word_of,
    title_of,
    word_of,
)
from hr_sync.domain.attachments import Attachment
from hr_sync.domain.sanitize import sanitize_line
from hr_sync.errors import AnswerUnusable

LIST_PARTS = "version,container"  #: `extensions` and `metadata.mediaType` are there without being expanded
_PAGES = ("page", "blogpost")
_OTHERS = ("comment", "global", "personal", "collaboration", "knowledge_base")  # the last four are types of spaces
_LARGEST_SIZE = 1 << 62


def read_listed(item: Json) -> Attachment:
    """Return one attachment of v1, with its version and its container. Raise FieldError for an invalid description."""
    if item.get("type") != "attachment":
        raise FieldError("attachment")
    version, container = object_of(item, "version"), object_of(item, "container")
    extensions, metadata = _object_or_empty(item, "extensions"), _object_or_empty(item, "metadata")
    on_page = container.get("type") in _PAGES
    return Attachment(
        id=_id_of(item),
        page_id=word_of(container, "id") if on_page else None,
        name=title_of(item),
        media_type=_line_of(extensions, "mediaType") or _line_of(metadata, "mediaType"),
        size_bytes=_size_of(extensions),
        version=int_of(version, "number"),
        last_updated=datetime_of(version, "when"),
        download_path=_path_of(object_of(item, "_links"), "download"),
        status=word_of(item, "status"),
    )


def read_single_v1(item: Json, attachment_id: str) -> Attachment:
    """Return the attachment that was asked for, of v1. Raise FieldError or AnswerUnusable.

    A kind of container that is not known is no evidence that the attachment has left its page.
    """
    _check_id(item, attachment_id)
    kind = word_of(object_of(item, "container"), "type")
    if kind not in (*_PAGES, *_OTHERS) and ":" not in kind:  # the types of apps are `ac:app:type`
        raise FieldError("container")
    return read_listed(item)


def read_single_v2(item: Json, attachment_id: str) -> Attachment:
    """Return the attachment that was asked for, of v2. Raise FieldError or AnswerUnusable."""
    _check_id(item, attachment_id)
    version = object_of(item, "version")
    return Attachment(
        id=_id_of(item),
        page_id=_page_of(item),
        name=title_of(item),
        media_type=_line_of(item, "mediaType"),
        size_bytes=_size_of(item),
        version=int_of(version, "number"),
        last_updated=datetime_of(version, "createdAt"),
        download_path=_path_of(item, "downloadLink"),
        status=word_of(item, "status"),
    )


def _check_id(item: Json, attachment_id: str) -> None:
    if item.get("id") != attachment_id:
        raise AnswerUnusable("Confluence answered with an attachment that was not requested.")


def _page_of(item: Json) -> str | None:
    """Return the page or blog post that v2 names; None for custom content. Raise FieldError if it names none of them.

    An answer without a container is no evidence that the attachment has left its page.
    """
    page_id = optional_word_of(item, "pageId") or optional_word_of(item, "blogPostId")
    if page_id is None:
        word_of(item, "customContentId")
    return page_id


def _id_of(item: Json) -> str:
    """Return the id: a number, with `att` before it on Cloud."""
    attachment_id = word_of(item, "id")
    number = attachment_id.removeprefix("att")
    if not (number.isascii() and number.isdigit()):
        raise FieldError("id")
    return attachment_id


def _path_of(item: Mapping[str, Any], key: str) -> str:
    """Return a path below the base address; an address with a host of its own is refused."""
    path = sanitize_line(word_of(item, key))
    if not path.startswith("/") or path.startswith("//") or "\\" in path:
        raise FieldError(key)
    return path


def _size_of(item: Mapping[str, Any]) -> int | None:
    size = item.get("fileSize")
    if size is None:
        return None
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size < _LARGEST_SIZE:
        raise FieldError("fileSize")
    return size


def _line_of(item: Mapping[str, Any], key: str) -> str | None:
    value = item.get(key)
    if value is not None and not isinstance(value, str):
        raise FieldError(key)
    return sanitize_line(value or "") or None


def _object_or_empty(item: Json, key: str) -> Mapping[str, Any]:
    return object_of(item, key) if key in item else {}

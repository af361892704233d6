"""Decoders of comments: v1's, as its search lists them and Data Center reads them, and Cloud v2's. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from hr_sync.confluence.http.response import Json
from hr_sync.confluence.json_fields import (
    FieldError,
    datetime_of,
    int_of,
    object_of,
    optional_word_of,
    storable_str,
    str_of,
    word_of,
)
from hr_sync.domain.comments import Comment, CommentKind, Resolution
from hr_sync.domain.sanitize import sanitize_body, sanitize_line
from hr_sync.errors import AnswerUnusable

LIST_PARTS = "version,container,ancestors,history,extensions.inlineProperties,extensions.resolution"
ALL_PARTS = f"{LIST_PARTS},body.storage"
_PAGES = ("page", "blogpost")
_OTHERS = ("attachment", "global", "personal", "collaboration", "knowledge_base")  # the last four are types of spaces
_RESOLVED = "resolved"  # a location too, of inline comments, where v1 filters by it


@dataclass(frozen=True, kw_only=True, slots=True)
class ListedComment:
    """A comment of v1, and what it names as its container where that is another comment."""

    comment: Comment
    below: str | None = None  #: the comment whose page is its page


def read_listed(item: Json) -> ListedComment:
    """Return one comment of v1. Raise FieldError for an invalid description.

    The container of a reply is the page; some descriptions name the comment that is answered instead.
    """
    if item.get("type") != "comment":
        raise FieldError("comment")
    version, container = object_of(item, "version"), object_of(item, "container")
    history, extensions = _object_or_empty(item, "history"), object_of(item, "extensions")
    location = word_of(extensions, "location")
    container_kind = word_of(container, "type")
    container_id = word_of(container, "id") if container_kind in (*_PAGES, "comment") else None
    below = container_id if container_kind == "comment" else None
    comment = Comment(
        id=_id_of(item),
        page_id=container_id if container_kind in _PAGES else None,
        kind=CommentKind.FOOTER if location == CommentKind.FOOTER else CommentKind.INLINE,
        parent_id=_last_comment_above(item) or below,
        version=int_of(version, "number"),
        author_id=_user_of(history),
        created_at=_moment_or_none(history, "createdDate"),
        last_updated=datetime_of(version, "when"),
        resolution=_resolution_of_v1(extensions, location),
        quoted_text=_line_or_none(_object_or_empty(extensions, "inlineProperties"), "originalSelection"),
        status=word_of(item, "status"),
    )
    return ListedComment(comment=_with_body(comment, item), below=below)


def read_single_v1(item: Json, comment_id: str) -> Comment:
    """Return the comment that was asked for, of v1. Raise FieldError or AnswerUnusable.

    A kind of container that is not known, or another comment, is no evidence that the comment has left its page.
    """
    _check_id(item, comment_id)
    kind = word_of(object_of(item, "container"), "type")
    if kind not in (*_PAGES, *_OTHERS) and ":" not in kind:  # the types of apps are `ac:app:type`
        raise FieldError("container")
    return read_listed(item).comment


def read_single_v2(item: Json, comment_id: str, kind: CommentKind) -> Comment:
    """Return the comment that was asked for, of v2, by the endpoint of its kind. Raise FieldError or AnswerUnusable."""
    _check_id(item, comment_id)
    version, properties = object_of(item, "version"), _object_or_empty(item, "properties")
    is_first = int_of(version, "number") == 1
    quoted = _line_or_none(properties, "inlineOriginalSelection")
    comment = Comment(
        id=_id_of(item),
        page_id=_page_of(item),
        kind=kind,
        parent_id=optional_word_of(item, "parentCommentId"),
        version=int_of(version, "number"),
        author_id=_storable_or_none(item, "authorId") or (_storable_or_none(version, "authorId") if is_first else None),
        created_at=_moment_or_none(item, "createdAt") or (datetime_of(version, "createdAt") if is_first else None),
        last_updated=datetime_of(version, "createdAt"),
        resolution=_resolution_of(item.get("resolutionStatus"), kind),
        quoted_text=quoted or _line_or_none(properties, "inline-original-selection"),
        status=word_of(item, "status"),
    )
    return _with_body(comment, item)


def _check_id(item: Json, comment_id: str) -> None:
    if item.get("id") != comment_id:
        raise AnswerUnusable("Confluence answered with a comment that was not requested.")


def _page_of(item: Json) -> str | None:
    """Return the page or blog post that v2 names; None for an attachment or custom content. Raise FieldError if none.

    An answer without a container is no evidence that the comment has left its page.
    """
    page_id = optional_word_of(item, "pageId") or optional_word_of(item, "blogPostId")
    if page_id is None and optional_word_of(item, "attachmentId") is None:
        word_of(item, "customContentId")
    return page_id


def _id_of(item: Json) -> str:
    comment_id = word_of(item, "id")
    if not (comment_id.isascii() and comment_id.isdigit()):
        raise FieldError("id")
    return comment_id


def _last_comment_above(item: Json) -> str | None:
    """Return the comment that this one answers: the last of its ancestors, which are comments alone."""
    ancestors = item.get("ancestors", [])
    if not isinstance(ancestors, list) or not all(isinstance(each, dict) for each in ancestors):
        raise FieldError("ancestors")
    above = [each for each in ancestors if each.get("type") == "comment"]
    return word_of(above[-1], "id") if above else None


def _resolution_of_v1(extensions: Mapping[str, Any], location: str) -> Resolution | None:
    if location == _RESOLVED:
        return Resolution.RESOLVED
    kind = CommentKind.FOOTER if location == CommentKind.FOOTER else CommentKind.INLINE
    return _resolution_of(_object_or_empty(extensions, "resolution").get("status"), kind)


def _resolution_of(word: object, kind: CommentKind) -> Resolution | None:
    """Return the state of a comment. Footer comments have none unless one is given; an unknown word is unknown."""
    if word is None or word == "":
        return None if kind is CommentKind.FOOTER else Resolution.UNKNOWN
    known = {each.value: each for each in Resolution}
    return known.get(word.lower(), Resolution.UNKNOWN) if isinstance(word, str) else Resolution.UNKNOWN


def _user_of(history: Mapping[str, Any]) -> str | None:
    """Return who wrote it: the account id on Cloud, the user key on Data Center; None where neither is given."""
    created_by = _object_or_empty(history, "createdBy")
    return _storable_or_none(created_by, "accountId") or _storable_or_none(created_by, "userKey")


def _with_body(comment: Comment, item: Json) -> Comment:
    body = item.get("body")
    if not isinstance(body, dict) or not isinstance(body.get("storage"), dict):
        return comment
    storage, digest = sanitize_body(str_of(body["storage"], "value"))
    return replace(comment, storage=storage, content_hash=digest)


def _moment_or_none(item: Mapping[str, Any], key: str) -> datetime | None:
    return None if item.get(key) is None else datetime_of(item, key)


def _storable_or_none(item: Mapping[str, Any], key: str) -> str | None:
    return storable_str(item, key) or None if item.get(key) is not None else None


def _line_or_none(item: Mapping[str, Any], key: str) -> str | None:
    value = item.get(key)
    if value is not None and not isinstance(value, str):
        raise FieldError(key)
    return sanitize_line(value or "") or None


def _object_or_empty(item: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    return object_of(item, key) if key in item else {}

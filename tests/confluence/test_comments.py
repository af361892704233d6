"""Decoders of comments, and their pages: what must be there, and what is left out or refused."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from hr_sync.confluence.comments import SpaceComments
from hr_sync.confluence.comments_json import read_listed, read_single_v1, read_single_v2
from hr_sync.confluence.json_fields import FieldError
from hr_sync.domain.comments import CommentKind, CommentLookup, Resolution
from hr_sync.domain.content import Space
from hr_sync.domain.deletion import LookupStatus
from hr_sync.errors import AnswerUnusable

V1: dict[str, Any] = {
    "id": "456789123",
    "type": "comment",
    "status": "current",
    "title": "Re: Leave",
    "container": {"id": "12345", "type": "page"},
    "ancestors": [],
    "version": {"number": 2, "when": "2026-03-02T10:00:00.000+10:00"},
    "history": {"createdBy": {"accountId": "712020:ann"}, "createdDate": "2026-03-01T10:00:00.000Z"},
    "extensions": {
        "location": "inline",
        "inlineProperties": {"originalSelection": "thirty\u200b days\n", "markerRef": "m"},
        "resolution": {"status": "Reopened"},
    },
    "body": {"storage": {"value": "<p>a\u202eb</p>", "representation": "storage"}},
}
V2: dict[str, Any] = {
    "id": "456789123",
    "status": "current",
    "pageId": "12345",
    "version": {"number": 2, "createdAt": "2026-03-02T00:00:00.000Z", "authorId": "712020:joe"},
    "resolutionStatus": "reopened",
    "properties": {"inlineMarkerRef": "m", "inlineOriginalSelection": "thirty days"},
    "body": {"storage": {"value": "<p>ab</p>", "representation": "storage"}},
}


def test_both_versions_of_the_interface_are_read_alike() -> None:
    """Texts are sanitised; the author of a later version is not who wrote the comment."""
    listed, single = read_listed(V1).comment, read_single_v2(V2, "456789123", CommentKind.INLINE)

    assert (listed.author_id, listed.created_at) == ("712020:ann", datetime(2026, 3, 1, 10, tzinfo=UTC))
    assert (single.author_id, single.created_at) == (None, None)
    assert listed.metadata_digest == single.metadata_digest
    names = ("id", "page_id", "kind", "version", "last_updated", "resolution", "quoted_text", "storage", "content_hash")
    assert [getattr(listed, name) for name in names] == [getattr(single, name) for name in names]
    assert (listed.quoted_text, listed.storage, listed.resolution) == ("thirty days", "<p>ab</p>", Resolution.REOPENED)
    first = read_single_v2({**V2, "version": {**V2["version"], "number": 1}}, "456789123", CommentKind.INLINE)
    assert (first.author_id, first.created_at) == ("712020:joe", datetime(2026, 3, 2, tzinfo=UTC))


@pytest.mark.parametrize(
    ("extensions", "kind", "resolution"),
    [
        ({"location": "footer"}, CommentKind.FOOTER, None),
        ({"location": "footer", "resolution": {"status": "resolved"}}, CommentKind.FOOTER, Resolution.RESOLVED),
        ({"location": "inline"}, CommentKind.INLINE, Resolution.UNKNOWN),
        ({"location": "inline", "resolution": {"status": "open"}}, CommentKind.INLINE, Resolution.OPEN),
        ({"location": "inline", "resolution": {"status": "dangling"}}, CommentKind.INLINE, Resolution.DANGLING),
        ({"location": "inline", "resolution": {"status": "sealed"}}, CommentKind.INLINE, Resolution.UNKNOWN),
        ({"location": "inline", "resolution": {"status": 7}}, CommentKind.INLINE, Resolution.UNKNOWN),
        ({"location": "resolved"}, CommentKind.INLINE, Resolution.RESOLVED),
    ],
    ids=str,
)
def test_where_it_stands_and_its_state(
    extensions: dict[str, Any], kind: CommentKind, resolution: Resolution | None
) -> None:
    """An unknown word is unknown, and never open."""
    comment = read_listed(V1 | {"extensions": extensions}).comment

    assert (comment.kind, comment.resolution) == (kind, resolution)


def test_a_reply_names_its_page_or_what_it_answers() -> None:
    """The page comes from the container, or from that of the comment that is the container."""
    ancestors = [{"id": "1", "type": "comment"}, {"id": "2", "type": "comment"}]
    usual = read_listed(V1 | {"ancestors": ancestors})
    assert (usual.comment.page_id, usual.comment.parent_id, usual.below) == ("12345", "2", None)
    other = read_listed(V1 | {"container": {"id": "2", "type": "comment"}})
    assert (other.comment.page_id, other.comment.parent_id, other.below) == (None, "2", "2")
    elsewhere = read_listed(V1 | {"container": {"id": "att7", "type": "attachment"}})
    assert (elsewhere.comment.page_id, elsewhere.below) == (None, None)
    by_key = read_listed(V1 | {"history": {"createdBy": {"username": "ann", "userKey": "ff80"}}})
    assert by_key.comment.author_id == "ff80"


def test_a_single_read_that_names_no_known_container_is_refused() -> None:
    """It would be evidence that the comment has left its page, and the comment would be removed."""
    for container in ({"pageId": None}, {"pageId": ""}, {"pageId": None, "parentCommentId": "8"}):
        with pytest.raises(FieldError):
            read_single_v2({**V2, **container}, "456789123", CommentKind.INLINE)
    for kind in ("whiteboard", "comment", None, ""):
        with pytest.raises(FieldError):
            read_single_v1(V1 | {"container": {"id": "12345", "type": kind}}, "456789123")
    on_file = read_single_v2({**V2, "pageId": None, "attachmentId": "att8"}, "456789123", CommentKind.FOOTER)
    assert on_file.page_id is None


@pytest.mark.parametrize(
    "spoiled",
    [
        {"type": "page"},
        {"id": "att1"},
        {"id": "1/../2"},
        {"version": {"number": 1}},
        {"version": {"number": -1, "when": "2026-03-19T14:26:46Z"}},
        {"container": None},
        {"extensions": None},
        {"extensions": {}},
        {"extensions": {"location": "inline", "inlineProperties": {"originalSelection": 7}}},
        {"ancestors": {}},
        {"ancestors": [7]},
        {"history": {"createdDate": "yesterday"}},
        {"body": {"storage": {"value": None}}},
    ],
    ids=str,
)
def test_an_invalid_description_is_refused(spoiled: dict[str, Any]) -> None:
    """It fails alone."""
    with pytest.raises(FieldError):
        read_listed(V1 | spoiled)


def test_an_answer_about_another_comment_is_no_answer() -> None:
    """In both versions."""
    with pytest.raises(AnswerUnusable):
        read_single_v1(V1, "1")
    with pytest.raises(AnswerUnusable):
        read_single_v2(V2, "1", CommentKind.FOOTER)


class OneAnswer:
    """A client whose only answer holds these entries."""

    def __init__(self, *items: dict[str, Any]) -> None:
        self.items = items

    def walk(self, *_: object, **__: object) -> list[SimpleNamespace]:
        return [SimpleNamespace(content={"results": list(self.items)})]


def test_replies_that_name_comments_as_their_container_are_on_the_page_of_the_first() -> None:
    """However deep. Where none names the page the comment fails alone, and a list of changes leaves it to full runs."""
    first = V1 | {"id": "1"}
    reply = V1 | {"id": "2", "container": {"id": "1", "type": "comment"}}
    deep = V1 | {"id": "3", "container": {"id": "2", "type": "comment"}}
    orphan = V1 | {"id": "4", "container": {"id": "9", "type": "comment"}}
    client: Any = OneAnswer(deep, reply, orphan, first)
    comments = SpaceComments(client, lambda: None, lambda _: CommentLookup(result=LookupStatus.UNKNOWN))

    listing = comments.of_spaces([Space(id="1", key="HR", name="HR")])
    assert {each: one.page_id for each, one in listing.items.items()} == dict.fromkeys("123", "12345")
    assert list(listing.unreadable) == ["4"]
    recent = comments.of_spaces([Space(id="1", key="HR", name="HR")], since=datetime(2026, 3, 1, tzinfo=UTC))
    assert (list(recent.unreadable), recent.items.keys()) == ([], listing.items.keys())

"""Which comments are text of their page, in which order and below which headings; what a change is to consumers."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hr_sync.domain.changes import ChangedField
from hr_sync.domain.comments import (
    Comment,
    CommentBefore,
    CommentKind,
    PageComment,
    Resolution,
    changed_fields,
    comments_as_text,
)

MADE = datetime(2026, 3, 1, tzinfo=UTC)


def about(comment_id: str, **values: Any) -> PageComment:
    """Return a footer comment; with `quoted_text` an inline one that is open."""
    usual: dict[str, Any] = {
        "id": comment_id,
        "kind": CommentKind.INLINE if "quoted_text" in values else CommentKind.FOOTER,
        "parent_id": None,
        "created_at": MADE,
        "resolution": Resolution.OPEN if "quoted_text" in values else None,
        "quoted_text": None,
        "storage": "<p>x</p>",
        "content_hash": "hash",
    }
    return PageComment(**usual | values)


def shown(*comments: PageComment) -> list[tuple[str, tuple[str, ...]]]:
    """Return what is text: ids and headings."""
    return [(part.comment.id, part.headings) for part in comments_as_text(comments)]


def test_threads_stand_together_oldest_first() -> None:
    """Ids are numbers: 9 is older than 10. Replies stand below what they answer."""
    day = "(2026-03-01)"
    found = shown(
        about("10"),
        about("9"),
        about("12", parent_id="11"),
        about("11", parent_id="9"),
        about("8", created_at=MADE + timedelta(days=1), quoted_text="30 days"),
        about("7", created_at=None),
    )

    assert found == [
        ("7", ("Comment",)),
        ("9", (f"Comment {day}",)),
        ("11", (f"Comment {day}", f"Reply {day}")),
        ("12", (f"Comment {day}", f"Reply {day}", f"Reply {day}")),
        ("10", (f"Comment {day}",)),
        ("8", ("Inline comment on “30 days” (2026-03-02)",)),
    ]


@pytest.mark.parametrize(
    ("resolution", "is_text"),
    [
        (None, True),
        (Resolution.OPEN, True),
        (Resolution.REOPENED, True),
        (Resolution.RESOLVED, False),
        (Resolution.DANGLING, False),
        (Resolution.UNKNOWN, False),
    ],
)
def test_a_thread_is_text_while_its_first_comment_is_open(resolution: Resolution | None, is_text: bool) -> None:
    """Whatever the state of a reply is said to be; unknown is never open."""
    thread = (about("1", resolution=resolution), about("2", parent_id="1", resolution=Resolution.UNKNOWN))

    assert [each for each, _ in shown(*thread)] == (["1", "2"] if is_text else [])


def test_a_reply_to_what_is_not_shown_is_no_text() -> None:
    """Nobody knows the state of its thread; nor of comments that answer one another."""
    assert shown(about("2", parent_id="1")) == []
    assert shown(about("1", parent_id="2"), about("2", parent_id="1")) == []


def test_changed_fields_are_what_consumers_see() -> None:
    """A new comment has a text, a place and a version."""
    comment = Comment(
        id="1",
        page_id="10",
        kind=CommentKind.FOOTER,
        parent_id=None,
        version=2,
        author_id=None,
        created_at=None,
        last_updated=MADE,
        resolution=None,
        quoted_text=None,
        status="current",
        storage="x",
        content_hash="hash",
    )
    before = CommentBefore(page_id="10", version=2, content_hash="hash", resolution=None, live=True)

    assert changed_fields(None, comment) == (ChangedField.TEXT, ChangedField.LOCATION, ChangedField.VERSION)
    assert changed_fields(before, comment) == ()
    assert changed_fields(before, replace(comment, content_hash="other")) == (ChangedField.TEXT,)
    assert changed_fields(before, replace(comment, page_id="11")) == (ChangedField.LOCATION,)
    assert changed_fields(before, replace(comment, version=3)) == (ChangedField.VERSION,)
    assert changed_fields(before, replace(comment, resolution=Resolution.RESOLVED)) == (ChangedField.RESOLUTION,)
    assert changed_fields(replace(before, live=False), comment) == (ChangedField.RESTORED,)

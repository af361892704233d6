"""Whether a thread is text of its page is stored with each comment: by the rule that the text is made by."""

import random
from dataclasses import replace

import pytest
from sqlalchemy import Engine

from hr_sync.domain.comments import CommentKind, CommentWrite, PageComment, Resolution, comments_as_text
from hr_sync.store.item_tables import COMMENTS
from hr_sync.store.space_store import SpaceStore
from hr_sync.store.store import Store
from tests.store.spaces import HR, ask, comment, decision, leased, write

STATES = (None, None, None, *Resolution)


def change(luck: random.Random, space: SpaceStore) -> None:
    """Write some comments in any order, with any parent, also one that is not there; hide or remove others."""
    ids = [f"c{number}" for number in luck.sample(range(12), 4)]
    if luck.random() < 0.3:
        step = space.hide_items if luck.random() < 0.5 else space.remove_items
        step(COMMENTS, [decision(each) for each in ids[:2]])
        return
    space.write_items(COMMENTS, [about(each, luck) for each in ids])


def about(comment_id: str, luck: random.Random) -> CommentWrite:
    """Return the write of a comment somewhere in some thread."""
    made = comment(comment_id, luck.choice(("1", "1", "2")), "x")
    above = luck.choice((None, None, *(f"c{number}" for number in range(13))))
    return replace(made, item=replace(made.item, parent_id=above, resolution=luck.choice(STATES)))


def as_the_rule_says(engine: Engine) -> set[str]:
    """Return the comments that are text, page by page."""
    found = set()
    for page_id in ("1", "2"):
        shown = "SELECT * FROM page_comments WHERE page_id = :page AND hidden_at IS NULL AND removed_at IS NULL"
        comments = [
            PageComment(
                id=row["id"],
                kind=CommentKind(row["kind"]),
                parent_id=row["parent_id"],
                created_at=row["created_at"],
                resolution=None if row["resolution"] is None else Resolution(row["resolution"]),
                quoted_text=None,
                storage=row["storage"],
                content_hash=row["content_hash"],
            )
            for row in ask(engine, shown, page=page_id)
        ]
        found |= {part.comment.id for part in comments_as_text(comments)}
    return found


@pytest.mark.parametrize("seed", range(2))
def test_the_column_says_what_the_rule_says(engine: Engine, seed: int) -> None:
    """After each write, each withdrawal, on both pages; a comment that is shown nowhere is in no open thread."""
    luck = random.Random(seed)  # noqa: S311 -- the same history each time
    store = Store(engine)
    seen = 0
    with leased(store, HR) as space:
        space.write_pages([write("1"), write("2")])
        for _ in range(25):
            change(luck, space)
            stored = {row["id"] for row in ask(engine, "SELECT id FROM page_comments WHERE in_open_thread")}
            assert stored == as_the_rule_says(engine)
            seen += len(stored)
    assert seen > 25

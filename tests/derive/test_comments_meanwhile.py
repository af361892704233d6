"""What becomes of comments between the reading of a text and its writing: the feed leads to what is shown."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Engine

from hr_sync.cancellation import Cancellation
from hr_sync.derive.texts import derive_texts
from hr_sync.domain.access import AccessMode, AccessPolicy
from hr_sync.domain.comments import CommentWrite, Resolution
from hr_sync.store.engine import make_engine
from hr_sync.store.item_tables import COMMENTS
from hr_sync.store.space_store import SpaceStore
from hr_sync.store.store import Store
from hr_sync.store.write import texts
from hr_sync.store.write.changes import record_changes
from tests.derive.test_includes import Mirror
from tests.store.spaces import HR, ask, comment, decision, leased
from tests.store.test_writing_pages import waiting_for_a_lock

Step = Callable[[SpaceStore], object]


def inline(comment_id: str, page_id: str = "1", **values: Any) -> CommentWrite:
    """Return the write of an open inline comment."""
    made = comment(comment_id, page_id, comment_id)
    return replace(made, item=replace(made.item, resolution=Resolution.OPEN, **values))


@pytest.fixture
def mirror(engine: Engine) -> Mirror:
    """Return a space that is open to everybody, with two pages, and a thread about the first that is no text yet."""
    store = Store(engine)
    store.apply_access_policy(AccessPolicy())
    found = Mirror(store, engine)
    found.put("1", "<p>One.</p>")
    found.put("2", "<p>Two.</p>")
    found.restrict(HR)
    found.derive()
    with leased(store) as space:
        space.write_items(COMMENTS, [inline("c1"), inline("c2", parent_id="c1"), inline("c3")])
    found.restrict(HR)
    return found


def told(engine: Engine) -> set[str]:
    """Return the sections that the feed leads to."""
    kept: set[str] = set()
    for row in ask(engine, "SELECT sections_added, sections_removed FROM content_changes ORDER BY seq"):
        kept = kept - set(row["sections_removed"] or ()) | set(row["sections_added"] or ())
    return kept


def shown(engine: Engine) -> tuple[set[str], dict[str, list[int]]]:
    """Return the sections that consumers see, and the places that sections of each page have."""
    places: dict[str, list[int]] = {}
    for row in ask(engine, "SELECT page_id, ordinal FROM page_sections ORDER BY page_id, ordinal"):
        places.setdefault(row["page_id"], []).append(row["ordinal"])
    return {row["section_id"] for row in ask(engine, "SELECT section_id FROM live_sections")}, places


def derive(mirror: Mirror, step: Step) -> None:
    """Make the texts; take a step after they are read, and before they are written."""

    class Slow(Store):
        steps = 0

        def write_texts(self, texts: Any, kept: Any = ()) -> Any:
            assert [each.comment_id for each in (*texts, *kept)[0].sections][-3:] == ["c1", "c2", "c3"]
            with leased(mirror.store) as space:
                step(space)
            self.steps += 1
            return super().write_texts(texts, kept)

    slow = Slow(mirror.engine)
    derive_texts(slow, Cancellation(), section_size=2000)
    assert slow.steps == 1


STEPS: dict[str, Step] = {
    "hidden": lambda space: space.hide_items(COMMENTS, [decision("c1")]),
    "removed": lambda space: space.remove_items(COMMENTS, [decision("c3")]),
    "edited": lambda space: space.write_items(COMMENTS, [inline("c1", version=2, content_hash="other")]),
    "closed": lambda space: space.write_items(COMMENTS, [resolved("c1")]),
    "moved": lambda space: space.write_items(COMMENTS, [inline("c3", "2")]),
    "back again": lambda space: (
        space.hide_items(COMMENTS, [decision("c1")]),
        space.write_items(COMMENTS, [inline("c1")]),
    ),
}


def resolved(comment_id: str) -> CommentWrite:
    """Return the write that closes a thread."""
    made = inline(comment_id, version=2)
    return replace(made, item=replace(made.item, resolution=Resolution.RESOLVED))


@pytest.mark.parametrize(("step", "body"), [*((each, "<p>One.</p>") for each in STEPS), ("hidden", "<p> </p>")])
def test_a_text_is_written_without_comments_that_are_shown_no_more(mirror: Mirror, step: str, body: str) -> None:
    """At once, and after each later pass; also where an older text is kept."""
    if body != "<p>One.</p>":
        mirror.put("1", body, version=2)
    derive(mirror, STEPS[step])
    for _ in range(2):
        ids, places = shown(mirror.engine)
        assert told(mirror.engine) == ids
        assert all(numbers == list(range(len(numbers))) for numbers in places.values())
        stored = {row["section_id"] for row in ask(mirror.engine, "SELECT section_id FROM page_sections")}
        assert stored == ids
        mirror.restrict(HR)
        mirror.derive()
    assert {"edited": 3, "back again": 3, "moved": 3}.get(step, 2 if step == "removed" else 1) == sum(
        row["comment_id"] is not None for row in ask(mirror.engine, "SELECT comment_id FROM live_sections")
    )


def test_a_comment_that_waits_for_access_in_another_mode_is_no_text(engine: Engine) -> None:
    """The account sees it before access is read; the mode is another one when the text is written."""
    store = Store(engine)
    store.apply_access_policy(AccessPolicy(mode=AccessMode.ACCOUNT))
    mirror = Mirror(store, engine)
    mirror.put("1", "<p>One.</p>")
    mirror.restrict(HR)
    with leased(store) as space:
        space.write_items(COMMENTS, [inline("c1"), inline("c2"), inline("c3")])

    derive(mirror, lambda _: store.apply_access_policy(AccessPolicy()))

    assert told(engine) == shown(engine)[0]
    assert len(shown(engine)[0]) == 1


def test_a_withdrawal_waits_for_a_text_that_is_being_written(mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    """It hides an answer with it, whose section the text brings: told as added, and then as removed."""
    mirror.derive()
    with leased(mirror.store) as space:
        space.write_items(COMMENTS, [inline("c4", parent_id="c1")])
    mirror.restrict(HR)
    other = make_engine(mirror.engine.url)
    with ExitStack() as waiting, leased(Store(other)) as space:

        def record(*given: Any) -> None:
            record_changes(*given)
            hide = partial(space.hide_items, COMMENTS, [decision("c1")])
            waiting.enter_context(waiting_for_a_lock(mirror.engine, hide))

        monkeypatch.setattr(texts, "record_changes", record)
        mirror.derive()
        waiting.close()
    other.dispose()

    assert told(mirror.engine) == shown(mirror.engine)[0]
    assert len(shown(mirror.engine)[0]) == 3, "two pages and another comment"


def test_pages_are_locked_before_comments_about_them(mirror: Mirror) -> None:
    """Also a page that a comment leaves, and where an author is erased: what is derived finds the rows free."""
    store, other = Store(mirror.engine), make_engine(mirror.engine.url)
    with leased(store) as space, other.connect() as holder:
        for act in (
            lambda: space.write_items(COMMENTS, [inline("c3", "2")]),
            lambda: space.hide_items(COMMENTS, [decision("c1")]),
            lambda: space.remove_items(COMMENTS, [decision("c1")]),
            lambda: store.erase_user(1, "ann"),
        ):
            holder.exec_driver_sql("SELECT FROM public.confluence_pages WHERE id = '1' FOR NO KEY UPDATE")
            with waiting_for_a_lock(mirror.engine, act):
                holder.exec_driver_sql("SELECT FROM public.page_comments FOR UPDATE NOWAIT")
                holder.rollback()
    other.dispose()

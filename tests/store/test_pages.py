"""The questions about pages: right answers, one query each, served by an index."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event, text
from sqlalchemy.orm import Session

from hr_sync.store.read.pages import (
    SpacePages,
    find_body,
    find_page,
    pages_changed_since,
    pages_of_space,
    pages_titled,
    search_titles,
    statistics_by_space,
)
from hr_sync.store.tables import ConfluencePage, PageBody
from tests.store.rows import NOON, page

HOUR = timedelta(hours=1)


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    """Session on three live pages, a hidden and a removed one of space HR, and one live page of space IT."""
    with Session(engine) as session:
        session.add_all(
            [
                page("1", title="Parental leave", synced_at=NOON),
                page("2", title="Sonderurlaub 100%", last_updated=NOON + HOUR, synced_at=NOON),
                page("3", title="Leave of absence (parental)", last_updated=NOON + HOUR, synced_at=NOON),
                page(
                    "4",
                    title="Parental leave, draft",
                    hidden_at=NOON,
                    hidden_reason="draft",
                    last_updated=NOON + 9 * HOUR,
                    synced_at=NOON,
                ),
                page(
                    "5", title="Parental leave 2019", removed_at=NOON, removed_reason="trashed", synced_at=NOON + HOUR
                ),
                page("6", title="PARENTAL LEAVE", space_key="IT", last_updated=NOON - HOUR, synced_at=NOON),
            ]
        )
        session.flush()
        session.add(PageBody(page_id="1", storage="<p>Ten weeks</p>"))
        session.commit()
        yield session


def test_a_page_is_found_by_its_id_whatever_became_of_it(session: Session) -> None:
    """Hidden and removed pages are found too: whoever asks by id wants to know what became of it."""
    removed = find_page(session, "5")

    assert removed is not None
    assert removed.removed_reason == "trashed"
    assert find_page(session, "7") is None


def test_a_body_is_found_by_its_page(session: Session) -> None:
    """Bodies are kept apart from the rows of pages."""
    assert find_body(session, "1") == "<p>Ten weeks</p>"
    assert find_body(session, "2") is None


def test_pages_of_a_space_come_in_pieces(session: Session) -> None:
    """Pieces joined are the whole: each live page of the space once, no other."""
    first = pages_of_space(session, "HR", limit=2)
    second = pages_of_space(session, "HR", after_id=first[-1].id, limit=2)

    assert _ids(first) == ["1", "2"]
    assert _ids(second) == ["3"]


def test_changes_come_oldest_first_in_pieces(session: Session) -> None:
    """Pages with the same time are neither skipped nor repeated where a piece ends between them."""
    first = pages_changed_since(session, NOON, limit=2)
    last = first[-1]
    second = pages_changed_since(session, last.last_updated, after_id=last.id, limit=2)

    assert _ids(first) == ["1", "2"]
    assert _ids(second) == ["3"]
    assert _ids(pages_changed_since(session, NOON - HOUR)) == ["6", "1", "2", "3"]
    assert _ids(pages_changed_since(session, NOON - HOUR, space_key="IT")) == ["6"]
    assert _ids(pages_changed_since(session, NOON + 2 * HOUR)) == []


def test_a_title_is_found_exactly_in_any_case(session: Session) -> None:
    """Two spaces may have a page of the same title."""
    assert _ids(pages_titled(session, "parental Leave")) == ["1", "6"]
    assert _ids(pages_titled(session, "parental")) == []


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("leave PARENTAL", ["3", "1", "6"]),
        ("urlaub", ["2"]),
        ("100%", ["2"]),
        ("l_ave", []),
        ("%", ["2"]),
        ("nothing of the kind", []),
    ],
)
def test_titles_are_searched_by_every_word(session: Session, words: str, found: list[str]) -> None:
    """Order, case and compounds do not matter, and % and _ are characters like any other."""
    assert _ids(search_titles(session, words)) == found


def test_pages_are_counted_by_space(session: Session) -> None:
    """The statistics count live, hidden and removed pages apart."""
    assert statistics_by_space(session) == [
        SpacePages(space_key="HR", live=3, hidden=1, removed=1, last_updated=NOON + HOUR, synced_at=NOON + HOUR),
        SpacePages(space_key="IT", live=1, hidden=0, removed=0, last_updated=NOON - HOUR, synced_at=NOON),
    ]


QUESTIONS: dict[str, Callable[[Session], object]] = {
    "ix_confluence_pages_space_key_id": lambda session: pages_of_space(session, "HR"),
    "ix_confluence_pages_last_updated_id": lambda session: pages_changed_since(session, NOON),
    "ix_confluence_pages_title": lambda session: pages_titled(session, "Parental leave"),
    "ix_confluence_pages_live": lambda session: pages_changed_since(session, NOON, space_key="S1", limit=10),
}
MANY_PAGES = """
    INSERT INTO public.confluence_pages
        (id, title, space_key, content_hash, last_updated, version, url, status, metadata_digest)
    SELECT 'many' || i, 'Page ' || i, 'S' || i % 100, '', now() - i * interval '1 minute', 1, '', 'current', ''
    FROM generate_series(1, 5000) i"""


def test_every_question_is_one_statement_that_an_index_answers(engine: Engine, session: Session) -> None:
    """None of them reads the whole table of 5,000 pages."""
    session.execute(text(MANY_PAGES))
    session.execute(text("ANALYZE public.confluence_pages, public.page_bodies"))
    session.execute(text("SET LOCAL enable_bitmapscan = off"))  # fewer ways to use the same index
    asked: list[tuple[str, Any]] = []
    event.listen(engine, "before_cursor_execute", lambda *arguments: asked.append((arguments[2], arguments[3])))
    for index, ask in QUESTIONS.items():
        asked.clear()
        ask(session)
        assert len(asked) == 1
        statement, parameters = asked[0]
        plan = session.connection().exec_driver_sql(f"EXPLAIN {statement}", parameters).scalars().all()
        assert any(index in line for line in plan), (index, plan)


def _ids(pages: object) -> list[str]:
    assert isinstance(pages, list)
    assert all(isinstance(found, ConfluencePage) for found in pages)
    return [found.id for found in pages]

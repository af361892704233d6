"""The questions of consumers. Nothing here writes, and no SQL stands here: `store/read/live.py` has it."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from hr_sync.store.read.live import (
    LivePage,
    LiveSection,
    SpaceFreshness,
    SpaceStatistics,
    count_live_pages,
    find_live_body,
    find_live_page,
    find_live_section,
    freshness_by_space,
    live_attachments_of,
    live_comments_of,
    live_page_ids,
    live_pages,
    live_pages_by_id,
    live_pages_changed_since,
    live_pages_titled,
    live_sections_of,
    live_statistics,
    may_read_page,
    readable_attachment_ids,
    readable_comment_ids,
    readable_page_ids,
    readable_section_ids,
    search_live_titles,
    storable,
)
from hr_sync.store.read.live_items import LiveAttachment, LiveComment
from hr_sync.store.read.search import FoundSection, SearchAsker, search_sections
from hr_sync.store.transaction import OpenTransaction, Transactions

_PIECE = 500  # pages of which an iterator reads the rows at once


class MirrorReader:
    """Asks the mirror. A `MirrorStore` is one, and `MirrorStore.snapshot` makes one.

    Pages and sections are those of the views `live_pages` and `live_sections`: what every reader of the audience may
    read. `readable_by`, `sections_readable_by` and `may_read` answer for one asker, who may read more.

    Raises from every method: DatabaseUnavailable if server or connection fails (also a statement that takes too long,
    tried twice), ConfigurationError if the database user lacks a right, SchemaError if a view or function is missing.
    `limit` is a number of rows, at least 1. ValueError for a limit below it, and for a time without a zone.
    """

    def __init__(self, transactions: Transactions | OpenTransaction) -> None:
        self._transactions = transactions

    def page(self, page_id: str) -> LivePage | None:
        """Return one page by its id; None if it is not shown.

        >>> store.page("101").title
        'Parental leave'
        >>> store.page("none such") is None
        True
        """
        return self._transactions.run(lambda session: find_live_page(session, page_id))

    def body(self, page_id: str) -> str | None:
        """Return the body of one page in Confluence's storage format; None if it is not shown.

        >>> store.body("101")
        '<p>Ten weeks.</p>'
        """
        return self._transactions.run(lambda session: find_live_body(session, page_id))

    def pages(self, *, space_key: str | None = None, after: str = "", limit: int = 100) -> Sequence[LivePage]:
        """Return pages of a space, or of all, in the order of their ids. Continue with `after` = the last id.

        For a list that people leaf through; each piece takes tens of milliseconds for 50,000 pages. `iterate_pages` is
        for reading everything.

        >>> first = store.pages(limit=2)
        >>> [page.id for page in first], [page.id for page in store.pages(after=first[-1].id)]
        (['101', '102'], ['201'])
        """
        _check_limit(limit)
        return self._transactions.run(
            lambda session: live_pages(session, space_key=space_key, after=after, limit=limit)
        )

    def iterate_pages(self, *, space_key: str | None = None) -> Iterator[LivePage]:
        """Yield every page of a space, or of all, in the order of their ids.

        All ids are read at the beginning, the pages a few hundred at a time: each as it is then, and none that is not
        shown any more.

        >>> [page.title for page in store.iterate_pages(space_key="IT")]
        ['Laptops']
        """
        yield from self._by_id(self._ids(space_key=space_key))

    def changed_since(
        self, since: datetime, *, after: str = "", space_key: str | None = None, limit: int = 100
    ) -> Sequence[LivePage]:
        """Return pages that changed in Confluence at `since` or later, oldest change first.

        Continue with `since` and `after` = time and id of the last one. Confluence's clock counts. What was withdrawn
        is not told here, nor what changed without a version (labels, restrictions): the feed of changes has it.

        >>> from datetime import datetime, UTC
        >>> [page.title for page in store.changed_since(datetime(2026, 3, 2, tzinfo=UTC))]
        ['Remote work', 'Laptops']
        """
        _check_limit(limit)
        _check_zone(since)
        return self._transactions.run(
            lambda session: live_pages_changed_since(session, since, after=after, space_key=space_key, limit=limit)
        )

    def iterate_changed_since(self, since: datetime, *, space_key: str | None = None) -> Iterator[LivePage]:
        """Yield every page that changed in Confluence at `since` or later, oldest change first.

        It reads as `iterate_pages` does: a page that changes again meanwhile keeps its place, with its new content.
        """
        _check_zone(since)
        yield from self._by_id(self._ids(space_key=space_key, since=since))

    def titled(self, title: str, *, space_key: str | None = None) -> Sequence[LivePage]:
        """Return the pages with exactly this title, in any case. A title is unique within a space only.

        >>> [page.id for page in store.titled("parental LEAVE", space_key="HR")]
        ['101']
        """
        return self._transactions.run(lambda session: live_pages_titled(session, title, space_key=space_key))

    def search_titles(self, words: str, *, space_key: str | None = None, limit: int = 100) -> Sequence[LivePage]:
        """Return pages whose title contains every word, in any case and order, also inside a word; by title.

        >>> [page.title for page in store.search_titles("work remote")]
        ['Remote work']
        """
        _check_limit(limit)
        return self._transactions.run(
            lambda session: search_live_titles(session, words, space_key=space_key, limit=limit)
        )

    def count(self, *, space_key: str | None = None) -> int:
        """Count the pages of a space, or of all.

        >>> store.count(), store.count(space_key="HR")
        (3, 2)
        """
        return self._transactions.run(lambda session: count_live_pages(session, space_key=space_key))

    def statistics(self) -> Sequence[SpaceStatistics]:
        """Count the pages of each space that has some, by key.

        >>> [(space.space_key, space.pages) for space in store.statistics()]
        [('HR', 2), ('IT', 1)]
        """
        return self._transactions.run(live_statistics)

    def freshness(self) -> Sequence[SpaceFreshness]:
        """Return how old is what is shown of each space, by key, also of those of which nothing is shown.

        >>> {space.space_key: space.is_shown for space in store.freshness()}
        {'HR': True, 'IT': True}
        """
        return self._transactions.run(freshness_by_space)

    def sections(self, page_id: str) -> Sequence[LiveSection]:
        """Return the sections of one page in their order. Empty: it is not shown, or its text is not made (yet).

        >>> [section.text for section in store.sections("101")]
        ['Ten weeks.']
        """
        return self._sections([page_id])

    def attachments(self, page_id: str) -> Sequence[LiveAttachment]:
        """Return the files of one page by their names, without bytes. Empty: there are none, or it is not shown.

        >>> [file.name for file in store.attachments("101")]
        ['Form.pdf']
        """
        return self._transactions.run(lambda session: live_attachments_of(session, page_id))

    def comments(self, page_id: str) -> Sequence[LiveComment]:
        """Return the comments about one page, oldest first. Empty: there are none, or it is not shown.

        >>> [(comment.kind, comment.quoted_text) for comment in store.comments("101")]
        [('inline', 'Ten weeks')]
        """
        return self._transactions.run(lambda session: live_comments_of(session, page_id))

    def section(self, section_id: str) -> LiveSection | None:
        """Return one section by its id; None if it is not shown."""
        return self._transactions.run(lambda session: find_live_section(session, section_id))

    def iterate_sections(self, *, space_key: str | None = None) -> Iterator[LiveSection]:
        """Yield every section of a space, or of all, by page and in their order. It reads as `iterate_pages` does.

        >>> [section.title for section in store.iterate_sections()]
        ['Parental leave', 'Remote work', 'Laptops']
        """
        for piece in _pieces(self._ids(space_key=space_key)):
            yield from self._sections(piece)

    def readable_by(self, user: str | None, groups: Sequence[str] | None = None) -> frozenset[str]:
        """Return the ids of the live pages that somebody may read, whether the audience may or not.

        `user` is the account id on Cloud and the user key on Data Center; None: what every licensed user may read.
        `groups` are ids on Cloud and names on Data Center; None: those in which the mirror has the user, an empty
        list: none.

        >>> sorted(store.readable_by("ann", ["board"]))
        ['101', '102', '103', '201']
        """
        return self._transactions.run(lambda session: readable_page_ids(session, user, groups))

    def attachments_readable_by(self, user: str | None, groups: Sequence[str] | None = None) -> frozenset[str]:
        """Return the ids of the attachments that somebody may read. See `readable_by`."""
        return self._transactions.run(lambda session: readable_attachment_ids(session, user, groups))

    def comments_readable_by(self, user: str | None, groups: Sequence[str] | None = None) -> frozenset[str]:
        """Return the ids of the comments that somebody may read. See `readable_by`."""
        return self._transactions.run(lambda session: readable_comment_ids(session, user, groups))

    def sections_readable_by(self, user: str | None, groups: Sequence[str] | None = None) -> frozenset[str]:
        """Return the ids of the sections of live pages that somebody may read. The asker is as in `readable_by`."""
        return self._transactions.run(lambda session: readable_section_ids(session, user, groups))

    def may_read(self, user: str | None, groups: Sequence[str] | None, page_id: str) -> bool:
        """Return True if somebody may read a live page. The asker is as in `readable_by`.

        >>> store.may_read("ann", ["board"], "103"), store.may_read("bob", [], "103")
        (True, False)
        """
        return self._transactions.run(lambda session: may_read_page(session, user, groups, page_id))

    def search(self, words: str, *, limit: int = 10) -> Sequence[FoundSection]:
        """Return the sections that fit words best, as people type them, among those of the audience; best first.

        At most 1,000. Snippets are plain text: escape them before they become HTML.

        >>> [(found.title, found.snippet) for found in store.search("weeks")]
        [('Parental leave', 'Ten weeks.')]
        """
        _check_limit(limit)
        return self._transactions.run(lambda session: search_sections(session, storable(words), None, limit))

    def search_for(
        self, words: str, user: str | None, groups: Sequence[str] | None = None, *, limit: int = 10
    ) -> Sequence[FoundSection]:
        """Return the sections that fit words best among those that one asker may read, whether the audience may or not.

        Otherwise as `search`. The asker is as in `readable_by`.

        >>> [found.title for found in store.search_for("bands", "ann", ["board"])], store.search_for("bands", "bob", [])
        (['Salaries'], [])
        """
        _check_limit(limit)
        asker = SearchAsker(
            user=None if user is None else storable(user),
            groups=None if groups is None else [storable(group) for group in groups],
        )
        return self._transactions.run(lambda session: search_sections(session, storable(words), asker, limit))

    def _ids(self, *, space_key: str | None, since: datetime | None = None) -> Sequence[str]:
        return self._transactions.run(lambda session: live_page_ids(session, space_key=space_key, since=since))

    def _by_id(self, page_ids: Sequence[str]) -> Iterator[LivePage]:
        for piece in _pieces(page_ids):
            yield from self._pages(piece)

    def _pages(self, page_ids: Sequence[str]) -> Sequence[LivePage]:
        return self._transactions.run(lambda session: live_pages_by_id(session, page_ids))

    def _sections(self, page_ids: Sequence[str]) -> Sequence[LiveSection]:
        return self._transactions.run(lambda session: live_sections_of(session, page_ids))


def _pieces(page_ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(page_ids), _PIECE):
        yield page_ids[start : start + _PIECE]


def _check_limit(limit: int) -> None:
    if limit < 1:
        raise ValueError(f"limit is {limit}; it must be at least 1")


def _check_zone(moment: datetime) -> None:
    if moment.tzinfo is None:
        raise ValueError(f"a time needs a zone, like {moment.replace(tzinfo=UTC).isoformat()}")

"""Walks over the pages of a space on Data Center: by the scan where there is one (from 7.18), else by offset.

The scan gives pages alone, as Atlassian documents it: blog posts are listed by offset on every version.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

from hr_sync.confluence.access import SEARCH, WIDEST_EXPANDED, ExpandedAttributes, in_spaces, nodes_of, walk_attributes
from hr_sync.confluence.access_json import DATA_CENTER
from hr_sync.confluence.both_ends import read_ahead
from hr_sync.confluence.datacenter_json import HEAD_PARTS, PAGE_PARTS, names_next_cursor, read_heads
from hr_sync.confluence.http.client import HttpClient, Query
from hr_sync.confluence.http.response import Answer
from hr_sync.confluence.http.urls import PageUrls
from hr_sync.confluence.json_fields import TYPE_OF, is_current_in, read_bodies
from hr_sync.confluence.nodes import NODE_PARTS, WalkedNodes, walk_nodes
from hr_sync.confluence.pagination import TRIES_WHEN_WIDE, Walked, list_until_stable, with_smaller_pages
from hr_sync.domain.access import NodeFact
from hr_sync.domain.content import ContentKind, Head, ListedPages, Listing, RecentChanges, Space
from hr_sync.errors import UNANSWERED, AnswerNotTrusted, AnswerUnusable

Found = TypeVar("Found", ExpandedAttributes, WalkedNodes)

WIDTHS = (WIDEST_EXPANDED, 90)  #: answers of the second end elsewhere, also where a server gives at most 100
CONTENT = "rest/api/content"
_SPACES_AT_ONCE = 50  # in one query
_ANY_SPACE = Space(id="", key="", name="")
_INDEX_OVERLAP = timedelta(days=1)
_SCAN = "rest/api/content/scan"


@dataclass(kw_only=True, slots=True)
class HeadWalk:
    """The entries of one walk over a listing so far."""

    heads: dict[str, Head] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)
    began_at: datetime | None = None
    answers: int = 0
    has_next: bool = False  #: the last answer named a next one
    names_next_cursor: bool = False  #: the last answer named a cursor


class PageWalks:
    """Walks over the pages of spaces, with smaller answers after a failure."""

    def __init__(self, client: HttpClient, urls: PageUrls, check_account: Callable[[], None]) -> None:
        """`check_account` raises if the whole site does not answer."""
        self._client = client
        self._urls = urls
        self._check_account = check_account
        self._scans = False

    def listing(self, space: Space, kind: ContentKind) -> Listing:
        """Return every current page of a space.

        Raise AnswerNotTrusted for a page of another space: a server that ignores `spaceKey` would put the whole site
        into one space.
        """
        found = self.heads(space, kind)
        heads, kinds = _current(found.heads, space), frozenset({kind})
        return Listing(space=space, heads=heads, unreadable=found.unreadable, began_at=found.began_at, kinds=kinds)

    def listing_with_bodies(self, space: Space, kind: ContentKind) -> Iterator[ListedPages]:
        """Yield the answers of the scan, each page with its body. Raise AnswerUnusable if there is no scan."""
        if kind is not ContentKind.PAGE:
            raise AnswerUnusable("Data Center lists blog posts by offset alone.")
        for answer in read_ahead(self._scan_with_bodies(space)):
            some, unreadable = read_heads(answer.content, space, self._urls)
            heads = _current(some, space)
            pages = read_bodies(answer.content, heads)
            answer.content["results"].clear()  # the walk refers to its last answer; what is written shall be freed
            yield ListedPages(heads=heads, unreadable=unreadable, pages=pages, began_at=answer.date)

    def heads(self, space: Space, kind: ContentKind) -> HeadWalk:
        """Return every current page of a kind of a space.

        The scan's cursor holds the id, so edits during the walk neither skip nor repeat a page. By offset the walk is
        repeated until two walks agree.
        """
        if self._can_scan(kind):
            return with_smaller_pages(
                lambda width, tries: self._scan(space, width, tries), WIDEST_EXPANDED, check_site=self._check_account
            )
        return self.heads_by_offset(CONTENT, _pages_in(space, kind), space, kind)

    def heads_by_offset(
        self, path: str, query: Query, space: Space, kind: ContentKind, *, believes_an_end: bool = False
    ) -> HeadWalk:
        """Return the pages of a listing by offset. Without `believes_an_end` several answers need a second walk."""

        def walk(widest: int) -> Walked[HeadWalk]:
            found = with_smaller_pages(
                lambda width, tries: self._walk(path, {**query, "limit": width}, space, kind, tries, by_offset=True),
                widest,
                check_site=self._check_account,
            )
            return Walked(
                found=found,
                ids=frozenset(found.heads.keys() | found.unreadable.keys()),
                is_proven=not found.has_next and (believes_an_end or found.answers == 1),
            )

        return list_until_stable(walk, WIDTHS)

    def recent(self, space: Space, since: datetime, kind: ContentKind) -> RecentChanges:
        """Return the pages of a space that changed lately, and older ones, which the plan drops where it knows them."""
        found = self._recently(nodes_of(space.key, (TYPE_OF[kind],)), since, space, kind)
        heads = {page_id: head for page_id, head in found.heads.items() if is_current_in(head, space)}
        return RecentChanges(space=space, heads=heads, unreadable=found.unreadable, began_at=found.began_at)

    def recent_of_spaces(
        self, spaces: Sequence[Space], since: datetime, kind: ContentKind
    ) -> dict[str, RecentChanges] | None:
        """Return the same for several spaces, by space id, with as many of them in a query as an address holds.

        None if an entry cannot be read: it may be of any space.
        """
        found: dict[str, RecentChanges] = {}
        for start in range(0, len(spaces), _SPACES_AT_ONCE):
            some = spaces[start : start + _SPACES_AT_ONCE]
            condition = f"type = {TYPE_OF[kind]} and {in_spaces([space.key for space in some])}"
            walk = self._recently(condition, since, _ANY_SPACE, kind)
            if walk.unreadable:
                return None
            found |= RecentChanges.by_space(some, walk.heads.values(), walk.began_at)
        return found

    def attributes(self, space: Space, parts: str, kind: ContentKind) -> ExpandedAttributes:
        """Return the labels, own restrictions or both of every current page of a kind of a space."""

        def walk_at(path: str, width: int, tries: int | None, *, by_offset: bool) -> ExpandedAttributes:
            query = {**_pages_in(space, kind), "limit": width, "expand": parts}
            return walk_attributes(self._client, path, query, DATA_CENTER, tries, by_offset=by_offset)

        return self._expanded(walk_at, kind, lambda walked: frozenset(walked.restrictions))

    def node_facts(self, space: Space, kind: ContentKind) -> dict[str, NodeFact]:
        """Return the own restrictions and the parents of every current page of a kind of a space."""

        def walk_at(path: str, width: int, tries: int | None, *, by_offset: bool) -> WalkedNodes:
            query = {**_pages_in(space, kind), "limit": width, "expand": NODE_PARTS}
            return walk_nodes(self._client, path, query, DATA_CENTER, tries, by_offset=by_offset)

        return self._expanded(walk_at, kind, lambda walked: frozenset(walked.own)).facts

    def _expanded(
        self, walk_at: Callable[..., Found], kind: ContentKind, ids_of: Callable[[Found], frozenset[str]]
    ) -> Found:
        def walk(path: str, widest: int, *, by_offset: bool) -> Found:
            return with_smaller_pages(
                lambda width, tries: walk_at(path, width, tries, by_offset=by_offset),
                widest,
                check_site=self._check_account,
            )

        if self._can_scan(kind):
            return walk(_SCAN, WIDEST_EXPANDED, by_offset=False)

        def by_offset(widest: int) -> Walked[Found]:
            found = walk(CONTENT, widest, by_offset=True)
            return Walked(found=found, ids=ids_of(found), is_proven=found.answers == 1 and not found.has_next)

        return list_until_stable(by_offset, WIDTHS)

    def _scan_with_bodies(self, space: Space) -> Iterator[Answer]:
        if not self._can_scan(ContentKind.PAGE):
            raise AnswerUnusable("This Data Center lists pages by offset alone.")
        query = {**_pages_in(space, ContentKind.PAGE), "limit": WIDEST_EXPANDED, "expand": PAGE_PARTS}
        announces_more = False
        for answer in self._client.walk(_SCAN, query, max_attempts=TRIES_WHEN_WIDE):
            announces_more = names_next_cursor(answer.content)
            yield answer
        if announces_more:
            raise _cut_off(space)

    def _recently(self, condition: str, since: datetime, space: Space, kind: ContentKind) -> HeadWalk:
        """Return what fits a condition and was modified since.

        Dates of the search index have no seconds and an unknown time zone, and it lags: the query covers whole days and
        one day more, which leaves 12 hours of slack in any zone.
        """
        day = (since - _INDEX_OVERLAP).date().isoformat()
        query = {"cql": f'{condition} and lastmodified >= "{day}" order by created'}
        return self.heads_by_offset(SEARCH, query, space, kind, believes_an_end=True)

    def _can_scan(self, kind: ContentKind) -> bool:
        """Return True if there is a scan of this kind. True is cached; False may be a passing fault and is not.

        The request names no space, so that a 404 is about the scan. Servers before 7.18 take `scan` for a page's id.
        """
        if kind is not ContentKind.PAGE:
            return False
        if not self._scans:
            try:
                self._client.get(_SCAN, {"limit": 1}, max_attempts=TRIES_WHEN_WIDE)
            except UNANSWERED:
                return False
            self._scans = True
        return True

    def _scan(self, space: Space, width: int, tries: int | None) -> HeadWalk:
        query = {**_pages_in(space, ContentKind.PAGE), "limit": width}
        walk = self._walk(_SCAN, query, space, ContentKind.PAGE, tries)
        if walk.names_next_cursor:
            raise _cut_off(space)
        return walk

    def _walk(
        self, path: str, query: Query, space: Space, kind: ContentKind, tries: int | None, *, by_offset: bool = False
    ) -> HeadWalk:
        """Read heads from a listing to its end."""
        walk = HeadWalk()
        answers = self._client.walk(path, {**query, "expand": HEAD_PARTS}, max_attempts=tries, by_offset=by_offset)
        for answer in answers:
            heads, unreadable = read_heads(answer.content, space, self._urls, kind)
            walk.heads.update(heads)
            walk.unreadable.update(unreadable)
            walk.began_at = answer.date if walk.answers == 0 else walk.began_at
            walk.answers += 1
            walk.has_next = answer.has_next
            walk.names_next_cursor = names_next_cursor(answer.content)
        return walk


def _cut_off(space: Space) -> AnswerNotTrusted:
    return AnswerNotTrusted(f"The scan of space {space.key} ends although its answer announces more.")


def _pages_in(space: Space, kind: ContentKind) -> dict[str, object]:
    return {"spaceKey": space.key, "type": TYPE_OF[kind], "status": "current"}


def _current(heads: Mapping[str, Head], space: Space) -> dict[str, Head]:
    if any(head.space_id != space.id for head in heads.values()):
        raise AnswerNotTrusted(f"The listing of space {space.key} shows a page of another space.")
    return {page_id: head for page_id, head in heads.items() if is_current_in(head, space)}

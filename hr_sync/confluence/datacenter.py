"""Reads Confluence Data Center and Server: REST v1, its scan of pages where there is one (from 7.18).

Neither truth nor bodies come from the search index, which lags behind: it only says what changed lately.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import quote

from hr_sync.confluence.access import (
    WIDEST,
    ExpandedAttributes,
    ask_labelled,
    ask_labels,
    ask_restriction,
    walk_attributes,
)
from hr_sync.confluence.access_json import DATA_CENTER
from hr_sync.confluence.cql import SEARCH, pages_of
from hr_sync.confluence.datacenter_json import (
    HEAD_PARTS,
    LOOKUP_PARTS,
    PAGE_PARTS,
    has_more,
    read_account,
    read_heads,
    read_lookup,
    read_page,
    read_parent,
    read_space,
)
from hr_sync.confluence.http.client import HttpClient, Query
from hr_sync.confluence.json_fields import FieldError
from hr_sync.confluence.pagination import TRIES_WHEN_WIDE, Walked, list_until_stable, with_smaller_pages
from hr_sync.domain.access import OwnAttributes
from hr_sync.domain.access import Restriction
from hr_sync.domain.content import Fetched, Head, Listing, Page, RecentChanges, Space
from hr_sync.domain.deletion import LookupResult, LookupStatus
from hr_sync.errors import AccessDenied, AnswerNotTrusted, NotFound, ServerFailed

_OTHER_WIDTH = 90  #: makes answers of a listing by offset end elsewhere, also where a server gives at most 100
_MOST_KEYS = 100  #: in one address: Tomcat takes 8 KB of request line and headers
_INDEX_OVERLAP = timedelta(days=1)


class DataCenterSource:
    """What a sync asks of a Data Center. Each method finishes or raises an error of `hr_sync.errors`."""

    def __init__(self, client: HttpClient) -> None:
        self.client = client
        self._scans = False

    def check_account(self) -> None:
        """Raise CredentialsRefused unless Confluence knows the account."""
        read_account(self.client.get("rest/api/user/current"))

    def spaces(self, keys: Sequence[str] = ()) -> list[Space]:
        """Return the current spaces that the account sees: those with these keys, or all. Unseen keys are just absent."""
        chosen = [keys[start : start + _MOST_KEYS] for start in range(0, len(keys), _MOST_KEYS)] or [()]
        return [space for some in chosen for space in self._spaces(some)]

    def listing(self, space: Space) -> Listing:
        """List every current page of a space, without bodies.

        The scan's cursor stands on the id, so that edits during the walk neither skip nor repeat a page. Servers before
        7.18 count offsets; they are asked until two walks agree.
        """
        if self._can_scan():
            found = with_smaller_pages(lambda width, tries: self._scan(space, width, tries), WIDEST)
        else:
            found = list_until_stable(lambda widest: self._count(space, widest), (WIDEST, _OTHER_WIDTH))
        if any(head.space_id != space.id for head in found.heads.values()):
            # A server or a proxy that overlooks `spaceKey` would put the whole site into one space.
            raise AnswerNotTrusted(f"The listing of space {space.key} shows a page of another space.")
        return Listing(space=space, heads=found.heads, unreadable=found.unreadable)

    def recent(self, space: Space, since: datetime) -> RecentChanges:
        """Return at least the current pages of a space whose version was made at `since` or later.

        Asked of the search index, whose dates have no seconds and an unknown time zone, and which lags: a day more and
        whole days are asked for, which leaves 12 hours of slack in any zone. Older pages are among them, and the plan
        drops those that are known. Moves, restrictions and deletions may be missed.
        """
        day = (since - _INDEX_OVERLAP).date().isoformat()
        cql = f'{pages_of(space.key)} and lastmodified >= "{day}" order by created'

        def walk(width: int, tries: int | None) -> "_Walk":
            return self._walk(SEARCH, {"cql": cql, "limit": width}, space, tries)

        found = with_smaller_pages(walk, WIDEST)
        # The index still finds pages that have left the space or lie in the trash by now.
        heads = {
            head.id: head for head in found.heads.values() if head.space_id == space.id and head.status == "current"
        }
        return RecentChanges(space=space, heads=heads, unreadable=found.unreadable)

    def pages(self, ids: Sequence[str], space: Space) -> Fetched:
        """Fetch the bodies of pages of one space, each by a request of its own.

        v1 has no list by ids but the search index, which may not know a page yet, or know an older version. Requests
        for single pages are cheap, run side by side as far as the caller lets them, and a page that makes the server
        fail costs only itself.
        """
        pages: dict[str, Page] = {}
        unreadable: dict[str, str] = {}
        for page_id in ids:
            try:
                page = self._page(page_id, space)
            except (NotFound, AccessDenied):
                continue
            except ServerFailed as error:
                self.check_account()  # raises when it is not the page that is broken, but the server
                unreadable[page_id] = str(error)
            except FieldError as error:
                unreadable[page_id] = f"the answer gives no {error}"
            else:
                if page is not None:
                    pages[page_id] = page
        return Fetched(pages=pages, unreadable=unreadable, absent=frozenset(ids) - pages.keys() - unreadable.keys())

    def parent_of(self, node_id: str) -> str | None:
        """Return the parent of a page that no listing shows; None at the top.

        Raises NotFound or AccessDenied when it is not to be seen, which does not say that it stands at the top.
        """
        return read_parent(self.client.get(_path(node_id), {"expand": "ancestors", "status": "any"}), node_id)

    def see_space(self, space: Space) -> Space:
        """Return the space as it is now. Raises NotFound when the account does not see it.

        Raises AnswerNotTrusted for an answer about another space.
        """
        # v1 finds a space by its key alone, and a key may have been given to another space.
        seen = read_space(self.client.get(f"rest/api/space/{quote(space.key, safe='~')}"))
        if seen.id != space.id:
            raise AnswerNotTrusted("Confluence answered with a space that was not asked for.")
        return seen

    def labelled(self, space: Space, labels: Collection[str]) -> frozenset[str]:
        """Return the ids of the pages of a space that carry one of these labels, as the search index has them."""
        return ask_labelled(self.client, space, labels, WIDEST)

    def labels_of(self, page_id: str) -> frozenset[str]:
        """Return the labels of one page; none where the page is not to be seen."""
        return self._labels_of(page_id) or frozenset()

    def attributes(self, space: Space, ids: Collection[str]) -> OwnAttributes:
        """Return the labels and restrictions that the pages of a space carry themselves; `ids` are those it lists.

        One more walk over the pages expands both. Where labels may have been cut, the page itself is asked.
        """
        if self._can_scan():
            path = "rest/api/content/scan"
            found = with_smaller_pages(lambda width, tries: self._expanded(path, space, width, tries), WIDEST)
        else:
            found = list_until_stable(lambda widest: self._count_badges(space, widest), (WIDEST, _OTHER_WIDTH))
        labels = {
            page_id: self._labels_of(page_id) if labels is None else labels
            for page_id, labels in found.labels.items()
            if page_id in ids
        }
        return OwnAttributes(labels=labels, restrictions=found.restrictions)

    def restriction_of(self, node_id: str) -> Restriction:
        """Return the read restriction of one page itself. Raises NotFound or AccessDenied for an unseen one."""
        return ask_restriction(self.client, node_id, DATA_CENTER)

    def look(self, ids: Sequence[str]) -> dict[str, LookupResult]:
        """Ask about pages by id, one by one, in whatever state they are."""
        return {page_id: self._look(page_id) for page_id in ids}

    def _look(self, page_id: str) -> LookupResult:
        try:
            answer = self.client.get(_path(page_id), {"expand": LOOKUP_PARTS, "status": "any"})
        except (NotFound, AccessDenied):
            return LookupResult(page_id=page_id, status_of_lookup=LookupStatus.NOT_FOUND)
        except (AnswerNotTrusted, ServerFailed):
            return LookupResult(page_id=page_id, status_of_lookup=LookupStatus.UNKNOWN)
        return read_lookup(answer, page_id)

    def _page(self, page_id: str, space: Space) -> Page | None:
        answer = self.client.get(_path(page_id), {"expand": PAGE_PARTS, "status": "current"})
        return read_page(answer, page_id, space, self.client.base)

    def _spaces(self, keys: Sequence[str]) -> list[Space]:
        def walk(width: int) -> Walked[list[Space]]:
            query = {"limit": width, "status": "current"} | ({"spaceKey": keys} if keys else {})
            answers = list(self.client.walk("rest/api/space", query, identified_by="key"))
            spaces = {item["key"]: read_space(item) for answer in answers for item in answer["results"]}
            found = [space for space in spaces.values() if not keys or space.key in keys]
            return Walked(found=found, ids=frozenset(spaces), answers=len(answers))

        return list_until_stable(walk, (WIDEST, _OTHER_WIDTH))

    def _can_scan(self) -> bool:
        """Ask once whether there is a scan; a no is asked again, since it may have been a server's bad moment.

        Asked without a space, so that a 404 is about the scan. Servers before 7.18 take `scan` for a page's id.
        """
        if not self._scans:
            try:
                self.client.get("rest/api/content/scan", {"limit": 1}, max_attempts=TRIES_WHEN_WIDE)
            except (NotFound, AccessDenied, AnswerNotTrusted, ServerFailed):
                return False
            self._scans = True
        return True

    def _scan(self, space: Space, width: int, tries: int | None) -> "_Walk":
        walk = self._walk("rest/api/content/scan", _pages_of(space, width), space, tries)
        if walk.has_more:
            raise AnswerNotTrusted(f"The scan of space {space.key} ends where it says that there is more.")
        return walk

    def _count(self, space: Space, widest: int) -> "Walked[_Walk]":
        walk = with_smaller_pages(
            lambda width, tries: self._walk("rest/api/content", _pages_of(space, width), space, tries), widest
        )
        return Walked(found=walk, ids=frozenset(walk.heads.keys() | walk.unreadable.keys()), answers=walk.answers)

    def _labels_of(self, page_id: str) -> frozenset[str] | None:
        return ask_labels(self.client, f"{_path(page_id)}/label")

    def _expanded(self, path: str, space: Space, width: int, tries: int | None) -> ExpandedAttributes:
        return walk_attributes(self.client, path, _pages_of(space, width), DATA_CENTER, tries)

    def _count_badges(self, space: Space, widest: int) -> Walked[ExpandedAttributes]:
        walk = with_smaller_pages(lambda width, tries: self._expanded("rest/api/content", space, width, tries), widest)
        return Walked(found=walk, ids=frozenset(walk.restrictions), answers=walk.answers)

    def _walk(self, path: str, query: Query, space: Space, tries: int | None) -> "_Walk":
        """Read heads from a listing to its end."""
        walk = _Walk()
        for answer in self.client.walk(path, {**query, "expand": HEAD_PARTS}, max_attempts=tries):
            heads, unreadable = read_heads(answer, space, self.client.base)
            walk.heads.update(heads)
            walk.unreadable.update(unreadable)
            walk.answers += 1
            walk.has_more = has_more(answer)
        return walk


@dataclass(kw_only=True, slots=True)
class _Walk:
    """What one walk over a listing has found so far."""

    heads: dict[str, Head] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)
    answers: int = 0
    has_more: bool = False  #: the last answer names a cursor to go on from


def _path(page_id: str) -> str:
    return f"rest/api/content/{quote(page_id, safe='')}"


def _pages_of(space: Space, width: int) -> Query:
    return {"spaceKey": space.key, "type": "page", "status": "current", "limit": width}

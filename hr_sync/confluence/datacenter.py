"""Confluence Data Center and Server: REST v1, with its scan of pages where there is one (from 7.18).

Listings and bodies are not read from the search index, which lags: it only names pages that changed lately.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar
from urllib.parse import quote

from hr_sync.confluence.access import (
    SEARCH,
    WIDEST_EXPANDED,
    ExpandedAttributes,
    check_account,
    complete_labels,
    labels_at,
    pages_of,
    restriction_of,
    walk_attributes,
)
from hr_sync.confluence.access_json import ATTRIBUTE_PARTS, DATA_CENTER, LABEL_PARTS
from hr_sync.confluence.datacenter_json import (
    HEAD_PARTS,
    LOOKUP_PARTS,
    PAGE_PARTS,
    names_next_cursor,
    read_account,
    read_ancestors,
    read_heads,
    read_lookup,
    read_page,
    read_space,
)
from hr_sync.confluence.datacenter_viewers import read_licence_groups, read_viewers
from hr_sync.confluence.http.client import HttpClient, Query
from hr_sync.confluence.http.urls import PageUrls
from hr_sync.confluence.json_fields import FieldError, is_current_in
from hr_sync.confluence.lookups import look_up, read_each_space, spaces_by_keys
from hr_sync.confluence.nodes import NODE_PARTS, WalkedNodes, walk_nodes
from hr_sync.confluence.pagination import (
    TRIES_WHEN_WIDE,
    Walked,
    fetch_in_halves,
    list_until_stable,
    with_smaller_pages,
)
from hr_sync.confluence.people import identities_on_datacenter, members_on_datacenter
from hr_sync.domain.access import Identity, OwnAttributes, Principal, Restriction, ShownNodes, SiteRoles, SpaceViewers
from hr_sync.domain.content import ContentNode, Fetched, Head, Listing, RecentChanges, Space, SpaceList
from hr_sync.domain.deletion import LookupResult
from hr_sync.errors import UNANSWERED, AccessDenied, AnswerNotTrusted, NotFound

_WIDTHS = (WIDEST_EXPANDED, 90)  #: answers of the second end elsewhere, also where a server gives at most 100
_MOST_KEYS = 100  #: in one address: Tomcat accepts 8 KB of request line and headers
_FEW_PAGES = 10  #: whose labels are requested one by one, without a walk over the space
_INDEX_OVERLAP = timedelta(days=1)
_SCAN = "rest/api/content/scan"
_CONTENT = "rest/api/content"


Found = TypeVar("Found", ExpandedAttributes, WalkedNodes)


class DataCenterSource:
    """The `Source` for Confluence Data Center and Server."""

    def __init__(self, client: HttpClient) -> None:
        self.client = client
        self._urls = PageUrls(client.base)
        self._scans = False

    def check_account(self) -> None:
        """Implement `Source.check_account`."""
        check_account(self.client, read_account)

    def spaces(self, keys: Sequence[str] = ()) -> SpaceList:
        """Implement `Source.spaces`."""
        return spaces_by_keys(keys, _MOST_KEYS, self._spaces)

    def find_space(self, space: Space) -> Space:
        """Implement `Source.find_space`. v1 finds spaces by key alone, and a key may change hands."""
        try:
            found = read_space(self.client.get(f"rest/api/space/{quote(space.key, safe='~')}"))
        except FieldError as error:
            raise AnswerNotTrusted(f"Confluence describes a space without {error}.") from None
        if found.id != space.id:
            raise AnswerNotTrusted("Confluence answered with a space that was not requested.")
        return found

    def listing(self, space: Space) -> Listing:
        """Implement `Source.listing`.

        The scan's cursor holds the id, so edits during the walk neither skip nor repeat a page. Servers before 7.18 use
        offsets; the walk is repeated until two walks agree. Raise AnswerNotTrusted for a page of another space: a
        server that ignores `spaceKey` would put the whole site into one space.
        """
        if self._can_scan():
            found = with_smaller_pages(
                lambda width, tries: self._scan(space, width, tries), WIDEST_EXPANDED, check_site=self.check_account
            )
        else:
            query = _pages_in(space)
            found = list_until_stable(lambda widest: self._by_offset(_CONTENT, query, space, widest), _WIDTHS)
        if any(head.space_id != space.id for head in found.heads.values()):
            raise AnswerNotTrusted(f"The listing of space {space.key} shows a page of another space.")
        heads = {page_id: head for page_id, head in found.heads.items() if is_current_in(head, space)}
        return Listing(space=space, heads=heads, unreadable=found.unreadable, began_at=found.began_at)

    def recent(self, space: Space, since: datetime) -> RecentChanges:
        """Implement `Source.recent`.

        Uses the search index, whose dates have no seconds and an unknown time zone, and which lags: the query covers
        whole days and one day more, which leaves 12 hours of slack in any zone. The result holds older pages too; the
        plan drops those that are known.
        """
        day = (since - _INDEX_OVERLAP).date().isoformat()
        query = {"cql": f'{pages_of(space.key)} and lastmodified >= "{day}" order by created'}
        found = list_until_stable(
            lambda widest: self._by_offset(SEARCH, query, space, widest, believes_an_end=True), _WIDTHS
        )
        heads = {page_id: head for page_id, head in found.heads.items() if is_current_in(head, space)}
        return RecentChanges(space=space, heads=heads, unreadable=found.unreadable, began_at=found.began_at)

    def pages(self, ids: Sequence[str], space: Space) -> Fetched:
        """Implement `Source.pages`, each page by a request of its own.

        v1 has no list by ids but the search index, which may not know a page yet, or know an older version.
        """
        fetched = Fetched(pages={}, unreadable={}, absent=frozenset())
        for page_id in ids:
            one = fetch_in_halves([page_id], lambda some: self._page(some[0], space), self.check_account)
            fetched = Fetched.joined(fetched, one)
        return fetched

    def lookup(self, page_id: str) -> LookupResult:
        """Implement `Source.lookup`: `status=any` shows trashed pages too."""
        query = {"expand": LOOKUP_PARTS, "status": "any"}
        return look_up(page_id, lambda: read_lookup(self.client.get(_page(page_id), query), page_id))

    def lookup_many(self, ids: Sequence[str]) -> dict[str, LookupResult]:
        """Implement `Source.lookup_many`: v1 has no list by ids that shows every status, so nothing is known here."""
        del ids
        return {}

    def parent_of(self, node: ContentNode) -> ContentNode | None:
        """Implement `Source.parent_of`: only pages are parents of pages here."""
        if node.kind not in (None, "page"):
            raise AnswerNotTrusted(
                "The parent of a page has a kind of content that Data Center does not have.",
                remedy="Check confluence.flavor.",
            )
        ancestors = self.ancestors(node.id)
        return ancestors[0] if ancestors else None

    def ancestors(self, page_id: str) -> tuple[ContentNode, ...]:
        """Implement `Source.ancestors`."""
        answer = self.client.get(_page(page_id), {"expand": "ancestors", "status": "any"})
        return read_ancestors(answer, page_id)

    def labels(self, space: Space, ids: Collection[str]) -> dict[str, frozenset[str] | None]:
        """Implement `Source.labels`: one walk over the pages expands them. If it fails, each page is asked itself."""
        if len(ids) <= _FEW_PAGES:
            return {page_id: self.labels_of(page_id) for page_id in ids}
        try:
            known = self._expanded(space, LABEL_PARTS).labels
        except UNANSWERED:
            self.check_account()  # raises when it is not the walk, but the site or our account
            known = {}
        return complete_labels(known, ids, self.labels_of)

    def labels_of(self, page_id: str) -> frozenset[str] | None:
        """Implement `Source.labels_of`."""
        return labels_at(self.client, f"{_page(page_id)}/label")

    def attributes(self, space: Space, ids: Collection[str]) -> OwnAttributes:
        """Implement `Source.attributes`: one walk over the pages expands both."""
        found = self._expanded(space, ATTRIBUTE_PARTS)
        return OwnAttributes(labels=complete_labels(found.labels, ids, self.labels_of), restrictions=found.restrictions)

    def restriction_of(self, node_id: str) -> Restriction:
        """Implement `Source.restriction_of`."""
        return restriction_of(self.client, node_id, DATA_CENTER)

    def node_facts(self, space: Space) -> ShownNodes:
        """Implement `Source.node_facts`: one walk over the pages, as for the listing."""

        def walk_at(path: str, width: int, tries: int | None, *, by_offset: bool) -> WalkedNodes:
            query = {**_pages_in(space), "limit": width, "expand": NODE_PARTS}
            return walk_nodes(self.client, path, query, DATA_CENTER, tries, by_offset=by_offset)

        return self._walk_pages(walk_at, lambda walked: frozenset(walked.own)).facts

    def site_roles(self) -> SiteRoles:
        """Implement `Source.site_roles`: Data Center has none."""
        return SiteRoles()

    def viewers(self, space: Space, roles: SiteRoles | None = None) -> SpaceViewers:
        """Implement `Source.viewers`."""
        del roles
        return read_viewers(self.client, space, self.check_account)

    def members(self, group_id: str) -> frozenset[str]:
        """Implement `Source.members`."""
        return members_on_datacenter(self.client, group_id)

    def licence_groups(self) -> frozenset[str] | None:
        """Implement `Source.licence_groups`: the global permission to use Confluence, which administrators may read."""
        return read_licence_groups(self.client, self.check_account)

    def identities(self, user_ids: Iterable[str]) -> dict[str, Identity]:
        """Implement `Source.identities`."""
        return identities_on_datacenter(self.client, user_ids)

    def may_read(self, page_id: str, subject: Principal) -> bool | None:
        """Implement `Source.may_read`: Data Center has no such request."""
        del page_id, subject
        return None

    def _page(self, page_id: str, space: Space) -> Fetched:
        nothing = Fetched(pages={}, unreadable={}, absent=frozenset([page_id]))
        try:
            answer = self.client.get(_page(page_id), {"expand": PAGE_PARTS, "status": "current"})
            page = read_page(answer, page_id, space, self._urls)
        except (NotFound, AccessDenied):
            return nothing
        except FieldError as error:
            unreadable = {page_id: f"the answer gives no {error}"}
            return Fetched(pages={}, unreadable=unreadable, absent=frozenset())
        return nothing if page is None else Fetched(pages={page_id: page}, unreadable={}, absent=frozenset())

    def _spaces(self, keys: Sequence[str]) -> SpaceList:
        def walk(width: int) -> Walked[SpaceList]:
            query = {"limit": width, "status": "current"} | ({"spaceKey": keys} if keys else {})
            answers = list(
                self.client.walk("rest/api/space", query, identified_by="key", needs_ids=False, by_offset=True)
            )
            found = read_each_space([answer.content for answer in answers], read_space)
            current = SpaceList(
                spaces=[each for each in found.spaces if not each.archived], unreadable=found.unreadable
            )
            ids = frozenset((*(space.id for space in found.spaces), *found.unreadable))
            return Walked(found=current, ids=ids, is_proven=len(answers) == 1 and not answers[-1].has_next)

        return list_until_stable(walk, _WIDTHS)

    def _can_scan(self) -> bool:
        """Return True if there is a scan. True is cached; False may be a passing fault and is not.

        The request names no space, so that a 404 is about the scan. Servers before 7.18 take `scan` for a page's id.
        """
        if not self._scans:
            try:
                self.client.get(_SCAN, {"limit": 1}, max_attempts=TRIES_WHEN_WIDE)
            except UNANSWERED:
                return False
            self._scans = True
        return True

    def _scan(self, space: Space, width: int, tries: int | None) -> "_Walk":
        walk = self._walk(_SCAN, {**_pages_in(space), "limit": width}, space, tries)
        if walk.names_next_cursor:
            raise AnswerNotTrusted(f"The scan of space {space.key} ends although its answer announces more.")
        return walk

    def _by_offset(
        self, path: str, query: Query, space: Space, widest: int, *, believes_an_end: bool = False
    ) -> "Walked[_Walk]":
        walk = with_smaller_pages(
            lambda width, tries: self._walk(path, {**query, "limit": width}, space, tries, by_offset=True),
            widest,
            check_site=self.check_account,
        )
        return Walked(
            found=walk,
            ids=frozenset(walk.heads.keys() | walk.unreadable.keys()),
            is_proven=not walk.has_next and (believes_an_end or walk.answers == 1),
        )

    def _expanded(self, space: Space, parts: str) -> ExpandedAttributes:
        def walk_at(path: str, width: int, tries: int | None, *, by_offset: bool) -> ExpandedAttributes:
            query = {**_pages_in(space), "limit": width, "expand": parts}
            return walk_attributes(self.client, path, query, DATA_CENTER, tries, by_offset=by_offset)

        return self._walk_pages(walk_at, lambda walked: frozenset(walked.restrictions))

    def _walk_pages(self, walk_at: Callable[..., Found], ids_of: Callable[[Found], frozenset[str]]) -> Found:
        """Walk the pages of a space by the scan, or by offset until two walks agree."""

        def walk(path: str, widest: int, *, by_offset: bool) -> Found:
            return with_smaller_pages(
                lambda width, tries: walk_at(path, width, tries, by_offset=by_offset),
                widest,
                check_site=self.check_account,
            )

        if self._can_scan():
            return walk(_SCAN, WIDEST_EXPANDED, by_offset=False)

        def by_offset(widest: int) -> Walked[Found]:
            found = walk(_CONTENT, widest, by_offset=True)
            return Walked(found=found, ids=ids_of(found), is_proven=found.answers == 1 and not found.has_next)

        return list_until_stable(by_offset, _WIDTHS)

    def _walk(self, path: str, query: Query, space: Space, tries: int | None, *, by_offset: bool = False) -> "_Walk":
        """Read heads from a listing to its end."""
        walk = _Walk()
        answers = self.client.walk(path, {**query, "expand": HEAD_PARTS}, max_attempts=tries, by_offset=by_offset)
        for answer in answers:
            heads, unreadable = read_heads(answer.content, space, self._urls)
            walk.heads.update(heads)
            walk.unreadable.update(unreadable)
            walk.began_at = answer.date if walk.answers == 0 else walk.began_at
            walk.answers += 1
            walk.has_next = answer.has_next
            walk.names_next_cursor = names_next_cursor(answer.content)
        return walk


@dataclass(kw_only=True, slots=True)
class _Walk:
    """The entries of one walk over a listing so far."""

    heads: dict[str, Head] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)
    began_at: datetime | None = None
    answers: int = 0
    has_next: bool = False  #: the last answer named a next one
    names_next_cursor: bool = False  #: the last answer named a cursor


def _page(page_id: str) -> str:
    return f"{_CONTENT}/{quote(page_id, safe='')}"


def _pages_in(space: Space) -> dict[str, object]:
    return {"spaceKey": space.key, "type": "page", "status": "current"}

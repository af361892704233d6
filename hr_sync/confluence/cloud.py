"""Reads Confluence Cloud: REST v2 for spaces and pages, v1 for the current user, searches and restrictions alone."""

from collections.abc import Collection, Sequence
from datetime import datetime
from urllib.parse import quote

from hr_sync.confluence.access import WIDEST as EXPANDED_WIDEST
from hr_sync.confluence.access import ExpandedAttributes, ask_labelled, ask_labels, ask_restriction, walk_attributes
from hr_sync.confluence.access_json import CLOUD
from hr_sync.confluence.cloud_json import (
    read_account,
    read_heads,
    read_lookup,
    read_lookups,
    read_pages,
    read_parent,
    read_space,
)
from hr_sync.confluence.cql import SEARCH, pages_of
from hr_sync.confluence.http.client import HttpClient
from hr_sync.confluence.json_fields import read_labels
from hr_sync.confluence.pagination import TRIES_WHEN_WIDE, with_smaller_pages
from hr_sync.domain.access import OwnAttributes
from hr_sync.domain.access import Restriction
from hr_sync.domain.content import Fetched, Head, Listing, RecentChanges, Space
from hr_sync.domain.deletion import LookupResult, LookupStatus
from hr_sync.errors import AccessDenied, AnswerNotTrusted, NotFound, ServerFailed

WIDEST = 250  #: most entries that Cloud gives in one answer
_FEW = 50  #: heads at once where most often nothing changed
EVERY_STATUS = ("current", "archived", "trashed", "deleted")


class CloudSource:
    """What a sync asks of Confluence Cloud. Each method finishes or raises an error of `hr_sync.errors`."""

    def __init__(self, client: HttpClient) -> None:
        self.client = client

    def check_account(self) -> None:
        """Raise CredentialsRefused unless Confluence knows the account."""
        read_account(self.client.get("rest/api/user/current"))

    def spaces(self, keys: Sequence[str] = ()) -> list[Space]:
        """Return the current spaces that the account sees: those with these keys, or all. Unseen keys are just absent."""
        query: dict[str, object] = {"limit": WIDEST, "status": "current"}
        chosen = [keys[start : start + WIDEST] for start in range(0, len(keys), WIDEST)] or [[]]
        return [
            read_space(item)
            for some in chosen
            for answer in self.client.walk("api/v2/spaces", query | ({"keys": some} if some else {}))
            for item in answer["results"]
        ]

    def listing(self, space: Space) -> Listing:
        """List every current page of a space, without bodies.

        Sorted by id: Cloud's cursor then stands on the id, and edits during the walk neither skip nor repeat a page.
        A server that fails is asked for fewer at once, from the beginning.
        """
        return with_smaller_pages(lambda width, tries: self._listing(space, width, tries), WIDEST)

    def recent(self, space: Space, since: datetime) -> RecentChanges:
        """Return the current pages of a space whose version was made at `since` or later, newest first.

        Read from the pages themselves and not from the search index, whose clock and lag nobody promises. Moves,
        restrictions, labels and deletions make no version and are not seen here.
        """
        return with_smaller_pages(lambda width, tries: self._recent(space, since, width, tries), _FEW)

    def pages(self, ids: Sequence[str], space: Space) -> Fetched:
        """Fetch the bodies of pages of one space, at most 250 ids.

        A server that fails on many pages is asked for half as many, down to one: a single broken page must not keep
        its neighbours out. A page that fails alone is unreadable.
        """
        try:
            return self._pages(ids, space)
        except ServerFailed as error:
            if len(ids) == 1:
                self.check_account()  # raises when it is not the page that is broken, but the server
                return Fetched(pages={}, unreadable={ids[0]: str(error)}, absent=frozenset())
        middle = len(ids) // 2
        return Fetched.joined(self.pages(ids[:middle], space), self.pages(ids[middle:], space))

    def parent_of(self, node_id: str) -> str | None:
        """Return the parent of a folder or of a page that no listing shows; None at the top.

        Raises NotFound or AccessDenied when it is not to be seen, which does not say that it stands at the top.
        """
        try:
            return read_parent(self.client.get(f"api/v2/folders/{node_id}"), node_id)
        except (NotFound, AccessDenied):
            return read_parent(self.client.get(f"api/v2/pages/{node_id}"), node_id)

    def see_space(self, space: Space) -> Space:
        """Return the space as it is now. Raises NotFound when the account does not see it.

        Raises AnswerNotTrusted for an answer about another space.
        """
        seen = read_space(self.client.get(f"api/v2/spaces/{space.id}"))
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

        Labels are read from the pages, label by label. Restrictions stand nowhere but in v1, whose only list of pages
        is that of the search index; it comes second and vouches for the labels. A page that the index does not show,
        or shows with a label more, is asked itself: it may have gone meanwhile, and Atlassian's document leaves open
        whether the list of a space's labels holds all kinds of them.
        """
        walked = self._labels_by_page(space)
        indexed = with_smaller_pages(lambda width, tries: self._indexed(space, width, tries), EXPANDED_WIDEST)
        labels: dict[str, frozenset[str] | None] = {}
        for page_id in ids:
            by_walk = frozenset(walked.get(page_id, ()))
            vouched = page_id in indexed.labels and (indexed.labels[page_id] or frozenset()) <= by_walk
            labels[page_id] = by_walk if vouched else self._labels_of(page_id)
        return OwnAttributes(labels=labels, restrictions=indexed.restrictions)

    def restriction_of(self, node_id: str) -> Restriction:
        """Return the read restriction of one page or folder itself. Raises NotFound or AccessDenied for an unseen one."""
        return ask_restriction(self.client, node_id, CLOUD)

    def look(self, ids: Sequence[str]) -> dict[str, LookupResult]:
        """Ask about pages by id: all at once for those that exist in some state, then one by one for the others.

        The list answers for trashed and archived pages too, but may lag, so that only asking for the very page counts
        as not seeing it.
        """
        found: dict[str, LookupResult] = {}
        for start in range(0, len(ids), WIDEST):
            query = {"id": ids[start : start + WIDEST], "limit": WIDEST, "status": EVERY_STATUS}
            for answer in self.client.walk("api/v2/pages", query):
                found.update((evidence.page_id, evidence) for evidence in read_lookups(answer))
        return {page_id: found.get(page_id) or self._lookup_one(page_id) for page_id in ids}

    def _labels_of(self, page_id: str) -> frozenset[str] | None:
        return ask_labels(self.client, f"api/v2/pages/{page_id}/labels")

    def _indexed(self, space: Space, width: int, tries: int | None) -> ExpandedAttributes:
        query = {"cql": pages_of(space.key), "limit": width}
        return walk_attributes(self.client, SEARCH, query, CLOUD, tries)

    def _labels_by_page(self, space: Space) -> dict[str, set[str]]:
        """Walk over every label of a space, and over every page that carries it."""
        labels = [
            (item["id"], name)
            for answer in self.client.walk(f"api/v2/spaces/{space.id}/content/labels", {"limit": WIDEST, "sort": "id"})
            for item in answer["results"]
            for name in read_labels({"results": [item]})
        ]
        found: dict[str, set[str]] = {}
        query = {"space-id": space.id, "sort": "id", "limit": WIDEST}
        for label_id, name in labels:
            for answer in self.client.walk(f"api/v2/labels/{quote(label_id, safe='')}/pages", query):
                for item in answer["results"]:
                    found.setdefault(item["id"], set()).add(name)
        return found

    def _listing(self, space: Space, width: int, tries: int | None) -> Listing:
        heads: dict[str, Head] = {}
        unreadable: dict[str, str] = {}
        query = {"limit": width, "sort": "id", "status": "current"}
        for answer in self.client.walk(f"api/v2/spaces/{space.id}/pages", query, max_attempts=tries):
            some, bad = read_heads(answer, space, self.client.base)
            heads.update(some)
            unreadable.update(bad)
        return Listing(space=space, heads=heads, unreadable=unreadable)

    def _recent(self, space: Space, since: datetime, width: int, tries: int | None) -> RecentChanges:
        heads: dict[str, Head] = {}
        unreadable: dict[str, str] = {}
        query = {"limit": width, "sort": "-modified-date", "status": "current"}
        for answer in self.client.walk(f"api/v2/spaces/{space.id}/pages", query, max_attempts=tries):
            some, bad = read_heads(answer, space, self.client.base)
            heads.update((page_id, head) for page_id, head in some.items() if head.last_updated >= since)
            unreadable.update(bad)
            if any(head.last_updated < since for head in some.values()):
                break
        return RecentChanges(space=space, heads=heads, unreadable=unreadable)

    def _lookup_one(self, page_id: str) -> LookupResult:
        try:
            return read_lookup(self.client.get(f"api/v2/pages/{page_id}"), page_id)
        except (NotFound, AccessDenied):
            return LookupResult(page_id=page_id, status_of_lookup=LookupStatus.NOT_FOUND)
        except (AnswerNotTrusted, ServerFailed):
            return LookupResult(page_id=page_id, status_of_lookup=LookupStatus.UNKNOWN)

    def _pages(self, ids: Sequence[str], space: Space) -> Fetched:
        query = {"id": ids, "body-format": "storage", "limit": WIDEST, "status": "current"}
        walk = self.client.walk("api/v2/pages", query, max_attempts=TRIES_WHEN_WIDE if len(ids) > 1 else None)
        return read_pages(walk, frozenset(ids), space, self.client.base)

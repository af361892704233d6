"""Confluence Cloud: REST v2 for spaces and pages, v1 only for the current user, searches and restrictions."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from functools import partial
from typing import IO, Literal
from urllib.parse import quote

from hr_sync.confluence.access import check_account, labels_at, restriction_of
from hr_sync.confluence.access_json import CLOUD
from hr_sync.confluence.attachments import download_on_cloud, list_attachments
from hr_sync.confluence.attachments_json import read_single_v2
from hr_sync.confluence.both_ends import from_both_ends, in_order_of_ids
from hr_sync.confluence.cloud_chains import ancestors_on_cloud, parent_on_cloud
from hr_sync.confluence.cloud_id_lists import PagesByIds
from hr_sync.confluence.cloud_json import (
    COLLECTIONS,
    read_account,
    read_heads,
    read_lookup,
    read_pages,
    read_space,
)
from hr_sync.confluence.cloud_labels import SpaceLabels
from hr_sync.confluence.cloud_viewers import read_site_roles, read_viewers
from hr_sync.confluence.comments import SpaceComments, look_up_on_cloud
from hr_sync.confluence.http.client import HttpClient
from hr_sync.confluence.http.response import Answer
from hr_sync.confluence.http.urls import PageUrls
from hr_sync.confluence.json_fields import FieldError, is_current_in, read_bodies
from hr_sync.confluence.lookups import look_up, look_up_item, read_each_space, spaces_by_keys
from hr_sync.confluence.nodes import search_nodes
from hr_sync.confluence.pagination import TRIES_WHEN_WIDE, fetch_in_halves, with_smaller_pages
from hr_sync.confluence.people import (
    group_id_on_cloud,
    group_names_on_cloud,
    identities_on_cloud,
    known_identity,
    licence_groups_on_cloud,
    may_read_on_cloud,
    members_on_cloud,
)
from hr_sync.confluence.public_names import public_names_on_cloud
from hr_sync.confluence.rendered_body import rendered_on_cloud
from hr_sync.domain.access import Identity, NodeFact, OwnAttributes, Principal, Restriction, SiteRoles, SpaceViewers
from hr_sync.domain.attachment_texts import AttachmentFile
from hr_sync.domain.attachments import AttachmentListing, AttachmentLookup
from hr_sync.domain.content import (
    ContentNode,
    Fetched,
    Head,
    ListedPages,
    Listing,
    Page,
    RecentChanges,
    RenderedBody,
    Space,
    SpaceList,
)
from hr_sync.domain.deletion import LookupResult, LookupStatus
from hr_sync.domain.people import PublicName
from hr_sync.errors import (
    UNANSWERED,
    AnswerNotTrusted,
    AnswerUnusable,
)

WIDEST = 250  #: most entries that Cloud gives in one answer
EVERY_STATUS = ("current", "archived", "trashed", "deleted")
_FEW = 50  #: heads at once where most often nothing changed
_ALONE = 8  #: answers with bodies before another walk begins at the other end of the space
_FEW_PAGES = 10  #: whose labels are asked one by one, without a walk over the labels of the space
_PAGES_ALONE = ("page",)


class CloudSource:
    """The `Source` for Confluence Cloud."""

    flavor: Literal["cloud", "datacenter"] = "cloud"

    def __init__(self, client: HttpClient) -> None:
        self.client = client
        self._urls = PageUrls(client.base)
        self._by_ids = PagesByIds(client)
        self._labels = SpaceLabels(client, self.labels_of, self.check_account)
        self.comments = SpaceComments(client, self.check_account, partial(look_up_on_cloud, client))
        self._searchable: tuple[str, ...] = tuple(COLLECTIONS)

    def check_account(self) -> None:
        """Implement `Source.check_account`."""
        check_account(self.client, read_account)

    def account(self) -> Identity:
        """Implement `Source.account`."""
        return known_identity(check_account(self.client, read_account), "accountId")

    def spaces(self, keys: Sequence[str] = ()) -> SpaceList:
        """Implement `Source.spaces`."""
        return spaces_by_keys(keys, WIDEST, self._spaces)

    def archived_spaces(self) -> SpaceList:
        """Implement `Source.archived_spaces`."""
        found = self._spaces_of_status((), "archived")
        return SpaceList(spaces=[each for each in found.spaces if each.archived], unreadable=found.unreadable)

    def find_space(self, space: Space) -> Space:
        """Implement `Source.find_space`."""
        try:
            found = read_space(self.client.get(f"api/v2/spaces/{quote(space.id, safe='')}"))
        except FieldError as error:
            raise AnswerNotTrusted(f"Confluence describes a space without {error}.") from None
        if found.id != space.id:
            raise AnswerNotTrusted("Confluence answered with a space that was not requested.")
        return found

    def listing(self, space: Space) -> Listing:
        """Implement `Source.listing`.

        Sorted by id: Cloud's cursor then holds the id, and edits during the walk neither skip nor repeat a page.
        """
        return with_smaller_pages(
            lambda width, tries: self._listing(space, width, tries), WIDEST, check_site=self.check_account
        )

    def listing_with_bodies(self, space: Space) -> Iterator[ListedPages]:
        """Implement `Source.listing_with_bodies`, from the lowest id and, for a large space, from the highest too."""
        for answer in from_both_ends(self._with_bodies(space, "id"), self._with_bodies(space, "-id"), alone=_ALONE):
            some, unreadable = read_heads(answer.content, space, self._urls)
            heads = {page_id: head for page_id, head in some.items() if is_current_in(head, space)}
            pages = read_bodies(answer.content, heads)
            yield ListedPages(heads=heads, unreadable=unreadable, pages=pages, began_at=answer.date)

    def recent(self, space: Space, since: datetime) -> RecentChanges:
        """Implement `Source.recent`, newest first.

        Read from the pages and not from the search index, whose clock and lag are not documented.
        """
        return with_smaller_pages(
            lambda width, tries: self._recent(space, since, width, tries), _FEW, check_site=self.check_account
        )

    def pages(self, ids: Sequence[str], space: Space) -> Fetched:
        """Implement `Source.pages`."""
        return fetch_in_halves(ids, lambda some: self._pages(some, space), self.check_account)

    def rendered_body(self, page_id: str) -> RenderedBody:
        """Implement `Source.rendered_body`."""
        return rendered_on_cloud(self.client, page_id)

    def lookup(self, page_id: str) -> LookupResult:
        """Implement `Source.lookup`: `GET /pages/{id}` shows trashed and archived pages too."""
        return look_up(page_id, lambda: read_lookup(self.client.get(_page(page_id)), page_id))

    def lookup_many(self, ids: Sequence[str]) -> dict[str, LookupResult]:
        """Implement `Source.lookup_many`: the list of pages by ids, in any status. What cannot be read is absent."""
        found: dict[str, LookupResult] = {}
        for start in range(0, len(ids), WIDEST):
            some = ids[start : start + WIDEST]
            try:
                answers = self._by_ids.answers(some, {"limit": WIDEST}, EVERY_STATUS, TRIES_WHEN_WIDE)
            except UNANSWERED:
                continue
            lookups = (read_lookup(item, item["id"]) for answer in answers for item in answer["results"])
            found.update((each.page_id, each) for each in lookups if each.result is LookupStatus.FOUND)
        return found

    def attachments(self, space: Space) -> AttachmentListing:
        """Implement `Source.attachments`."""
        return list_attachments(self.client, space.key, self.check_account)

    def recent_attachments(self, space: Space, since: datetime) -> AttachmentListing:
        """Implement `Source.recent_attachments`."""
        return list_attachments(self.client, space.key, self.check_account, since=since)

    def lookup_attachment(self, attachment_id: str) -> AttachmentLookup:
        """Implement `Source.lookup_attachment`: `GET /attachments/{id}` shows trashed ones too."""
        path = f"api/v2/attachments/{quote(attachment_id, safe='')}"
        return look_up_item(lambda: read_single_v2(self.client.get(path), attachment_id))

    def download_attachment(self, file: AttachmentFile, into: IO[bytes], *, max_bytes: int) -> str:
        """Implement `Source.download_attachment`."""
        return download_on_cloud(self.client, file, into, max_bytes)

    def parent_of(self, node: ContentNode) -> ContentNode | None:
        """Implement `Source.parent_of`."""
        return parent_on_cloud(self.client, node)

    def ancestors(self, page_id: str) -> tuple[ContentNode, ...]:
        """Implement `Source.ancestors`."""
        return ancestors_on_cloud(self.client, page_id)

    def labels(self, space: Space, ids: Collection[str]) -> dict[str, frozenset[str] | None]:
        """Implement `Source.labels`."""
        if len(ids) <= _FEW_PAGES:
            return {page_id: self.labels_of(page_id) for page_id in ids}
        return self._labels.of_pages(space, ids)[0]

    def labels_of(self, page_id: str) -> frozenset[str] | None:
        """Implement `Source.labels_of`."""
        return labels_at(self.client, f"{_page(page_id)}/labels")

    def attributes(self, space: Space, ids: Collection[str]) -> OwnAttributes:
        """Implement `Source.attributes`. Only v1 shows restrictions, and its only list is that of the search index."""
        labels, restrictions = self._labels.of_pages(space, ids, with_restrictions=True)
        return OwnAttributes(labels=labels, restrictions=restrictions)

    def restriction_of(self, node_id: str) -> Restriction:
        """Implement `Source.restriction_of`."""
        return restriction_of(self.client, node_id, CLOUD)

    def node_facts(self, space: Space) -> dict[str, NodeFact]:
        """Implement `Source.node_facts`: the search index finds the nodes, also those that are no pages.

        A site that does not know one of their kinds is asked for pages alone.
        """
        try:
            return search_nodes(self.client, space, self._searchable, self.check_account).facts
        except AnswerUnusable:
            if self._searchable == _PAGES_ALONE:
                raise
        found = search_nodes(self.client, space, _PAGES_ALONE, self.check_account)
        self._searchable = _PAGES_ALONE
        return found.facts

    def site_roles(self) -> SiteRoles:
        """Implement `Source.site_roles`."""
        return read_site_roles(self.client)

    def viewers(self, space: Space, roles: SiteRoles | None = None) -> SpaceViewers:
        """Implement `Source.viewers`."""
        return read_viewers(self.client, space, self.site_roles() if roles is None else roles)

    def members(self, group_id: str) -> frozenset[str]:
        """Implement `Source.members`."""
        return members_on_cloud(self.client, group_id)

    def group_names(self, group_ids: Iterable[str]) -> dict[str, str]:
        """Implement `Source.group_names`."""
        return group_names_on_cloud(self.client, group_ids)

    def group_id(self, name: str) -> str | None:
        """Implement `Source.group_id`."""
        return group_id_on_cloud(self.client, name)

    def licence_groups(self) -> frozenset[str] | None:
        """Implement `Source.licence_groups`."""
        return licence_groups_on_cloud(self.client)

    def identities(self, user_ids: Iterable[str]) -> dict[str, Identity]:
        """Implement `Source.identities`."""
        return identities_on_cloud(self.client, user_ids)

    def public_names(self, user_ids: Iterable[str]) -> dict[str, PublicName]:
        """Implement `Source.public_names`."""
        return public_names_on_cloud(self.client, user_ids)

    def may_read(self, page_id: str, subject: Principal) -> bool | None:
        """Implement `Source.may_read`."""
        return may_read_on_cloud(self.client, page_id, subject)

    def _spaces(self, keys: Sequence[str]) -> SpaceList:
        found = self._spaces_of_status(keys, "current")
        return SpaceList(spaces=[each for each in found.spaces if not each.archived], unreadable=found.unreadable)

    def _spaces_of_status(self, keys: Sequence[str], status: str) -> SpaceList:
        query: dict[str, object] = {"limit": WIDEST, "status": status} | ({"keys": keys} if keys else {})
        answers = [answer.content for answer in self.client.walk("api/v2/spaces", query, needs_ids=False)]
        return read_each_space(answers, read_space)

    def _listing(self, space: Space, width: int, tries: int | None) -> Listing:
        heads: dict[str, Head] = {}
        unreadable: dict[str, str] = {}
        began_at: datetime | None = None
        query = {"limit": width, "sort": "id", "status": "current"}
        for number, answer in enumerate(self.client.walk(_pages_in(space), query, max_attempts=tries)):
            began_at = answer.date if number == 0 else began_at
            some, bad = read_heads(answer.content, space, self._urls)
            heads.update((page_id, head) for page_id, head in some.items() if is_current_in(head, space))
            unreadable.update(bad)
        return Listing(space=space, heads=heads, unreadable=unreadable, began_at=began_at)

    def _with_bodies(self, space: Space, sort: Literal["id", "-id"]) -> Iterator[Answer]:
        query = {"limit": WIDEST, "sort": sort, "status": "current", "body-format": "storage"}
        answers = self.client.walk(_pages_in(space), query, max_attempts=TRIES_WHEN_WIDE)
        return in_order_of_ids(answers, descending=sort == "-id")

    def _recent(self, space: Space, since: datetime, width: int, tries: int | None) -> RecentChanges:
        heads: dict[str, Head] = {}
        unreadable: dict[str, str] = {}
        began_at: datetime | None = None
        query = {"limit": width, "sort": "-modified-date", "status": "current"}
        for number, answer in enumerate(self.client.walk(_pages_in(space), query, max_attempts=tries)):
            began_at = answer.date if number == 0 else began_at
            some, bad = read_heads(answer.content, space, self._urls)
            newer = {page_id: head for page_id, head in some.items() if head.last_updated >= since}
            heads.update((page_id, head) for page_id, head in newer.items() if is_current_in(head, space))
            unreadable.update(bad)
            if some and not newer and not bad:  # one older page among newer ones does not prove the order
                break
        return RecentChanges(space=space, heads=heads, unreadable=unreadable, began_at=began_at)

    def _pages(self, ids: Sequence[str], space: Space) -> Fetched:
        pages: dict[str, Page] = {}
        unreadable: dict[str, str] = {}
        wanted = frozenset(ids)
        query = {"body-format": "storage", "limit": WIDEST}
        for answer in self._by_ids.answers(ids, query, ("current",), TRIES_WHEN_WIDE if len(ids) > 1 else None):
            some, bad = read_pages(answer, wanted, space, self._urls)
            pages.update(some)
            unreadable.update(bad)
        return Fetched(pages=pages, unreadable=unreadable, absent=wanted - pages.keys() - unreadable.keys())


def _page(page_id: str) -> str:
    return f"api/v2/pages/{quote(page_id, safe='')}"


def _pages_in(space: Space) -> str:
    return f"api/v2/spaces/{quote(space.id, safe='')}/pages"

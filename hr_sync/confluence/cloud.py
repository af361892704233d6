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
from hr_sync.confluence.cloud_chains import ancestors_on_cloud, parent_on_cloud
from hr_sync.confluence.cloud_id_lists import PagesByIds
from hr_sync.confluence.cloud_json import (
    COLLECTIONS,
    read_account,
    read_lookup,
    read_pages,
    read_space,
)
from hr_sync.confluence.cloud_labels import SpaceLabels
from hr_sync.confluence.cloud_viewers import read_site_roles, read_viewers
from hr_sync.confluence.cloud_walks import COLLECTION, WIDEST, CloudWalks
from hr_sync.confluence.comments import SpaceComments, look_up_on_cloud
from hr_sync.confluence.http.client import HttpClient
from hr_sync.confluence.http.urls import PageUrls
from hr_sync.confluence.json_fields import TYPE_OF, FieldError
from hr_sync.confluence.lookups import look_up, look_up_item, read_each_space, spaces_by_keys
from hr_sync.confluence.nodes import search_nodes
from hr_sync.confluence.pagination import TRIES_WHEN_WIDE, fetch_in_halves
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
    ContentKind,
    ContentNode,
    Fetched,
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

#: What the lists by ids accept; a blog post cannot be archived.
EVERY_STATUS = {
    ContentKind.PAGE: ("current", "archived", "trashed", "deleted"),
    ContentKind.BLOG_POST: ("current", "trashed", "deleted"),
}
_FEW_PAGES = 10  #: whose labels are asked one by one, without a walk over the labels of the space
_PAGES_ALONE = ("page",)


class CloudSource:
    """The `Source` for Confluence Cloud."""

    flavor: Literal["cloud", "datacenter"] = "cloud"

    def __init__(self, client: HttpClient) -> None:
        self.client = client
        self._urls = PageUrls(client.base)
        self._walks = CloudWalks(client, self._urls, self.check_account)
        self._by_ids = {kind: PagesByIds(client, COLLECTION[kind]) for kind in ContentKind}
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

    def listing(self, space: Space, kind: ContentKind = ContentKind.PAGE) -> Listing:
        """Implement `Source.listing`."""
        return self._walks.listing(space, kind)

    def listing_with_bodies(self, space: Space, kind: ContentKind = ContentKind.PAGE) -> Iterator[ListedPages]:
        """Implement `Source.listing_with_bodies`."""
        return self._walks.listing_with_bodies(space, kind)

    def recent(self, space: Space, since: datetime, kind: ContentKind = ContentKind.PAGE) -> RecentChanges:
        """Implement `Source.recent`."""
        return self._walks.recent(space, since, kind)

    def recent_of_spaces(
        self, spaces: Sequence[Space], since: datetime, kind: ContentKind = ContentKind.PAGE
    ) -> dict[str, RecentChanges] | None:
        """Implement `Source.recent_of_spaces`: the list of the site is as fresh as that of a space."""
        return self._walks.recent_of_spaces(spaces, since, kind)

    def pages(self, ids: Sequence[str], space: Space, kind: ContentKind = ContentKind.PAGE) -> Fetched:
        """Implement `Source.pages`."""
        return fetch_in_halves(ids, lambda some: self._pages(some, space, kind), self.check_account)

    def rendered_body(self, page_id: str, kind: ContentKind = ContentKind.PAGE) -> RenderedBody:
        """Implement `Source.rendered_body`."""
        return rendered_on_cloud(self.client, COLLECTION[kind], page_id)

    def lookup(self, page_id: str, kind: ContentKind = ContentKind.PAGE) -> LookupResult:
        """Implement `Source.lookup`: `GET /pages/{id}` shows trashed and archived pages too."""
        return look_up(page_id, kind, lambda: read_lookup(self.client.get(_page(page_id, kind)), page_id, kind))

    def lookup_many(self, ids: Sequence[str], kind: ContentKind = ContentKind.PAGE) -> dict[str, LookupResult]:
        """Implement `Source.lookup_many`: the list of pages by ids, in any status. What cannot be read is absent."""
        found: dict[str, LookupResult] = {}
        for start in range(0, len(ids), WIDEST):
            some = ids[start : start + WIDEST]
            try:
                answers = self._by_ids[kind].answers(some, {"limit": WIDEST}, EVERY_STATUS[kind], TRIES_WHEN_WIDE)
            except UNANSWERED:
                continue
            lookups = (read_lookup(item, item["id"], kind) for answer in answers for item in answer["results"])
            found.update((each.page_id, each) for each in lookups if each.result is LookupStatus.FOUND)
        return found

    def attachments(self, space: Space) -> AttachmentListing:
        """Implement `Source.attachments`."""
        return list_attachments(self.client, [space], self.check_account)

    def recent_attachments(self, spaces: Sequence[Space], since: datetime) -> AttachmentListing:
        """Implement `Source.recent_attachments`."""
        return list_attachments(self.client, spaces, self.check_account, since=since)

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

    def labels(
        self, space: Space, ids: Collection[str], kind: ContentKind = ContentKind.PAGE
    ) -> dict[str, frozenset[str] | None]:
        """Implement `Source.labels`."""
        if len(ids) <= _FEW_PAGES:
            return {page_id: self.labels_of(page_id, kind) for page_id in ids}
        return self._labels.of_pages(space, ids, kind)[0]

    def labels_of(self, page_id: str, kind: ContentKind = ContentKind.PAGE) -> frozenset[str] | None:
        """Implement `Source.labels_of`."""
        return labels_at(self.client, f"{_page(page_id, kind)}/labels")

    def attributes(self, space: Space, ids: Collection[str]) -> OwnAttributes:
        """Implement `Source.attributes`. Only v1 shows restrictions, and its only list is that of the search index."""
        labels, restrictions = self._labels.of_pages(space, ids, ContentKind.PAGE, with_restrictions=True)
        return OwnAttributes(labels=labels, restrictions=restrictions)

    def restriction_of(self, node_id: str) -> Restriction:
        """Implement `Source.restriction_of`."""
        return restriction_of(self.client, node_id, CLOUD)

    def node_facts(self, space: Space, kinds: Collection[ContentKind] = (ContentKind.PAGE,)) -> dict[str, NodeFact]:
        """Implement `Source.node_facts`: the search index finds the nodes, also those that are no pages.

        A site that does not know one of their kinds is asked for what is mirrored alone.
        """
        posts = [TYPE_OF[kind] for kind in kinds if kind is not ContentKind.PAGE]
        try:
            return search_nodes(self.client, space, [*self._searchable, *posts], self.check_account).facts
        except AnswerUnusable:
            if self._searchable == _PAGES_ALONE:
                raise
        found = search_nodes(self.client, space, [*_PAGES_ALONE, *posts], self.check_account)
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

    def _pages(self, ids: Sequence[str], space: Space, kind: ContentKind) -> Fetched:
        pages: dict[str, Page] = {}
        unreadable: dict[str, str] = {}
        wanted = frozenset(ids)
        query = {"body-format": "storage", "limit": WIDEST}
        tries = TRIES_WHEN_WIDE if len(ids) > 1 else None
        for answer in self._by_ids[kind].answers(ids, query, ("current",), tries):
            some, bad = read_pages(answer, wanted, space, self._urls, kind)
            pages.update(some)
            unreadable.update(bad)
        return Fetched(pages=pages, unreadable=unreadable, absent=wanted - pages.keys() - unreadable.keys())


def _page(page_id: str, kind: ContentKind) -> str:
    return f"api/v2/{COLLECTION[kind]}/{quote(page_id, safe='')}"

"""Confluence Data Center and Server: REST v1, with its scan of pages where there is one (from 7.18).

Listings and bodies are not read from the search index, which lags: it only names pages that changed lately.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from typing import IO, Literal
from urllib.parse import quote

from hr_sync.confluence.access import (
    check_account,
    complete_labels,
    labels_at,
    restriction_of,
)
from hr_sync.confluence.access_json import ATTRIBUTE_PARTS, DATA_CENTER, LABEL_PARTS
from hr_sync.confluence.attachments import download_on_datacenter, list_attachments
from hr_sync.confluence.attachments_json import LIST_PARTS, read_single_v1
from hr_sync.confluence.comments import SpaceComments
from hr_sync.confluence.comments_json import ALL_PARTS
from hr_sync.confluence.comments_json import read_single_v1 as read_comment
from hr_sync.confluence.datacenter_json import (
    LOOKUP_PARTS,
    PAGE_PARTS,
    read_account,
    read_ancestors,
    read_lookup,
    read_page,
    read_space,
)
from hr_sync.confluence.datacenter_viewers import read_licence_groups, read_viewers
from hr_sync.confluence.datacenter_walks import CONTENT, WIDTHS, PageWalks
from hr_sync.confluence.http.client import HttpClient
from hr_sync.confluence.http.urls import PageUrls
from hr_sync.confluence.json_fields import FieldError
from hr_sync.confluence.lookups import look_up, look_up_item, read_each_space, spaces_by_keys
from hr_sync.confluence.pagination import (
    Walked,
    fetch_in_halves,
    list_until_stable,
)
from hr_sync.confluence.people import (
    group_id_on_datacenter,
    identities_on_datacenter,
    known_identity,
    members_on_datacenter,
)
from hr_sync.confluence.public_names import public_names_on_datacenter
from hr_sync.confluence.rendered_body import rendered_on_datacenter
from hr_sync.domain.access import Identity, NodeFact, OwnAttributes, Principal, Restriction, SiteRoles, SpaceViewers
from hr_sync.domain.attachment_texts import AttachmentFile
from hr_sync.domain.attachments import AttachmentListing, AttachmentLookup
from hr_sync.domain.comments import CommentLookup
from hr_sync.domain.content import (
    ContentKind,
    ContentNode,
    Fetched,
    ListedPages,
    Listing,
    RecentChanges,
    RenderedBody,
    Space,
    SpaceList,
)
from hr_sync.domain.deletion import LookupResult
from hr_sync.domain.people import PublicName
from hr_sync.errors import UNANSWERED, AccessDenied, AnswerNotTrusted, NotFound

_MOST_KEYS = 100  #: in one address: Tomcat accepts 8 KB of request line and headers
_FEW_PAGES = 10  #: whose labels are requested one by one, without a walk over the space


class DataCenterSource:
    """The `Source` for Confluence Data Center and Server."""

    flavor: Literal["cloud", "datacenter"] = "datacenter"

    def __init__(self, client: HttpClient) -> None:
        self.client = client
        self._urls = PageUrls(client.base)
        self._walks = PageWalks(client, self._urls, self.check_account)
        self.comments = SpaceComments(client, self.check_account, self._lookup_comment, by_offset=True)

    def check_account(self) -> None:
        """Implement `Source.check_account`."""
        check_account(self.client, read_account)

    def account(self) -> Identity:
        """Implement `Source.account`."""
        return known_identity(check_account(self.client, read_account), "userKey")

    def spaces(self, keys: Sequence[str] = ()) -> SpaceList:
        """Implement `Source.spaces`."""
        return spaces_by_keys(keys, _MOST_KEYS, self._spaces)

    def archived_spaces(self) -> SpaceList:
        """Implement `Source.archived_spaces`."""
        found = self._spaces_of_status((), "archived")
        return SpaceList(spaces=[each for each in found.spaces if each.archived], unreadable=found.unreadable)

    def find_space(self, space: Space) -> Space:
        """Implement `Source.find_space`. v1 finds spaces by key alone, and a key may change hands."""
        try:
            found = read_space(self.client.get(f"rest/api/space/{quote(space.key, safe='~')}"))
        except FieldError as error:
            raise AnswerNotTrusted(f"Confluence describes a space without {error}.") from None
        if found.id != space.id:
            raise AnswerNotTrusted("Confluence answered with a space that was not requested.")
        return found

    def listing(self, space: Space, kind: ContentKind = ContentKind.PAGE) -> Listing:
        """Implement `Source.listing`."""
        return self._walks.listing(space, kind)

    def listing_with_bodies(self, space: Space, kind: ContentKind = ContentKind.PAGE) -> Iterator[ListedPages]:
        """Implement `Source.listing_with_bodies`: the scan has them, and by offset each body would come twice."""
        return self._walks.listing_with_bodies(space, kind)

    def recent(self, space: Space, since: datetime, kind: ContentKind = ContentKind.PAGE) -> RecentChanges:
        """Implement `Source.recent`."""
        return self._walks.recent(space, since, kind)

    def recent_of_spaces(
        self, spaces: Sequence[Space], since: datetime, kind: ContentKind = ContentKind.PAGE
    ) -> dict[str, RecentChanges] | None:
        """Implement `Source.recent_of_spaces`."""
        return self._walks.recent_of_spaces(spaces, since, kind)

    def pages(self, ids: Sequence[str], space: Space, kind: ContentKind = ContentKind.PAGE) -> Fetched:
        """Implement `Source.pages`, each page by a request of its own.

        v1 has no list by ids but the search index, which may not know a page yet, or know an older version.
        """
        fetched = Fetched(pages={}, unreadable={}, absent=frozenset())
        for page_id in ids:
            one = fetch_in_halves([page_id], lambda some: self._page(some[0], space, kind), self.check_account)
            fetched = Fetched.joined(fetched, one)
        return fetched

    def rendered_body(self, page_id: str, kind: ContentKind = ContentKind.PAGE) -> RenderedBody:
        """Implement `Source.rendered_body`: the same request for each kind."""
        del kind
        return rendered_on_datacenter(self.client, page_id)

    def lookup(self, page_id: str, kind: ContentKind = ContentKind.PAGE) -> LookupResult:
        """Implement `Source.lookup`: `status=any` shows trashed pages too."""
        query = {"expand": LOOKUP_PARTS, "status": "any"}
        return look_up(page_id, kind, lambda: read_lookup(self.client.get(_page(page_id), query), page_id, kind))

    def lookup_many(self, ids: Sequence[str], kind: ContentKind = ContentKind.PAGE) -> dict[str, LookupResult]:
        """Implement `Source.lookup_many`: v1 has no list by ids that shows every status, so nothing is known here."""
        del ids, kind
        return {}

    def attachments(self, space: Space) -> AttachmentListing:
        """Implement `Source.attachments`: `type=attachment` is no type that the list of content takes."""
        return list_attachments(self.client, [space], self.check_account, by_offset=True)

    def recent_attachments(self, spaces: Sequence[Space], since: datetime) -> AttachmentListing:
        """Implement `Source.recent_attachments`."""
        return list_attachments(self.client, spaces, self.check_account, since=since, by_offset=True)

    def lookup_attachment(self, attachment_id: str) -> AttachmentLookup:
        """Implement `Source.lookup_attachment`: an attachment is content with an id of its own."""
        query = {"expand": LIST_PARTS, "status": "any"}
        path = f"{CONTENT}/{quote(attachment_id, safe='')}"
        return look_up_item(lambda: read_single_v1(self.client.get(path, query), attachment_id))

    def _lookup_comment(self, comment_id: str) -> CommentLookup:
        """Look a comment up, which is content with an id of its own, in any state."""
        query = {"expand": ALL_PARTS, "status": "any"}
        path = f"{CONTENT}/{quote(comment_id, safe='')}"
        return look_up_item(lambda: read_comment(self.client.get(path, query), comment_id))

    def download_attachment(self, file: AttachmentFile, into: IO[bytes], *, max_bytes: int) -> str:
        """Implement `Source.download_attachment`."""
        return download_on_datacenter(self.client, file, into, max_bytes)

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

    def labels(
        self, space: Space, ids: Collection[str], kind: ContentKind = ContentKind.PAGE
    ) -> dict[str, frozenset[str] | None]:
        """Implement `Source.labels`: one walk over the pages expands them. If it fails, each page is asked itself."""
        if len(ids) <= _FEW_PAGES:
            return {page_id: self.labels_of(page_id) for page_id in ids}
        try:
            known = self._walks.attributes(space, LABEL_PARTS, kind).labels
        except UNANSWERED:
            self.check_account()  # raises when it is not the walk, but the site or our account
            known = {}
        return complete_labels(known, ids, self.labels_of)

    def labels_of(self, page_id: str, kind: ContentKind = ContentKind.PAGE) -> frozenset[str] | None:
        """Implement `Source.labels_of`: the same request for each kind."""
        del kind
        return labels_at(self.client, f"{_page(page_id)}/label")

    def attributes(self, space: Space, ids: Collection[str]) -> OwnAttributes:
        """Implement `Source.attributes`: one walk over the pages expands both."""
        found = self._walks.attributes(space, ATTRIBUTE_PARTS, ContentKind.PAGE)
        return OwnAttributes(labels=complete_labels(found.labels, ids, self.labels_of), restrictions=found.restrictions)

    def restriction_of(self, node_id: str) -> Restriction:
        """Implement `Source.restriction_of`."""
        return restriction_of(self.client, node_id, DATA_CENTER)

    def node_facts(self, space: Space, kinds: Collection[ContentKind] = (ContentKind.PAGE,)) -> dict[str, NodeFact]:
        """Implement `Source.node_facts`: one walk over the pages of each kind, as for the listing.

        A walk over blog posts that fails leaves them out, and costs the pages nothing.
        """
        facts = self._walks.node_facts(space, ContentKind.PAGE)
        if ContentKind.BLOG_POST in kinds:
            try:
                facts |= self._walks.node_facts(space, ContentKind.BLOG_POST)
            except UNANSWERED:
                self.check_account()  # raises when it is not the walk, but the site or our account
        return facts

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

    def group_names(self, group_ids: Iterable[str]) -> dict[str, str]:
        """Implement `Source.group_names`: a name is the id."""
        return {group_id: group_id for group_id in group_ids}

    def group_id(self, name: str) -> str | None:
        """Implement `Source.group_id`."""
        return group_id_on_datacenter(self.client, name)

    def licence_groups(self) -> frozenset[str] | None:
        """Implement `Source.licence_groups`: the global permission to use Confluence, which administrators may read."""
        return read_licence_groups(self.client, self.check_account)

    def identities(self, user_ids: Iterable[str]) -> dict[str, Identity]:
        """Implement `Source.identities`."""
        return identities_on_datacenter(self.client, user_ids)

    def public_names(self, user_ids: Iterable[str]) -> dict[str, PublicName]:
        """Implement `Source.public_names`."""
        return public_names_on_datacenter(self.client, user_ids)

    def may_read(self, page_id: str, subject: Principal) -> bool | None:
        """Implement `Source.may_read`: Data Center has no such request."""
        del page_id, subject
        return None

    def _page(self, page_id: str, space: Space, kind: ContentKind) -> Fetched:
        nothing = Fetched(pages={}, unreadable={}, absent=frozenset([page_id]))
        try:
            answer = self.client.get(_page(page_id), {"expand": PAGE_PARTS, "status": "current"})
            page = read_page(answer, page_id, space, self._urls, kind)
        except (NotFound, AccessDenied):
            return nothing
        except FieldError as error:
            unreadable = {page_id: f"the answer gives no {error}"}
            return Fetched(pages={}, unreadable=unreadable, absent=frozenset())
        return nothing if page is None else Fetched(pages={page_id: page}, unreadable={}, absent=frozenset())

    def _spaces(self, keys: Sequence[str]) -> SpaceList:
        found = self._spaces_of_status(keys, "current")
        return SpaceList(spaces=[each for each in found.spaces if not each.archived], unreadable=found.unreadable)

    def _spaces_of_status(self, keys: Sequence[str], status: str) -> SpaceList:
        def walk(width: int) -> Walked[SpaceList]:
            query = {"limit": width, "status": status} | ({"spaceKey": keys} if keys else {})
            answers = list(
                self.client.walk("rest/api/space", query, identified_by="key", needs_ids=False, by_offset=True)
            )
            found = read_each_space([answer.content for answer in answers], read_space)
            ids = frozenset((*(space.id for space in found.spaces), *found.unreadable))
            return Walked(found=found, ids=ids, is_proven=len(answers) == 1 and not answers[-1].has_next)

        return list_until_stable(walk, WIDTHS)


def _page(page_id: str) -> str:
    return f"{CONTENT}/{quote(page_id, safe='')}"

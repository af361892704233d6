"""The protocol by which a sync reads Confluence, the same for Cloud and Data Center, and the choice between the two.

Every method finishes or raises an error of `hr_sync.errors`: CredentialsRefused, AccessDenied, NotFound,
EndpointRemoved, AnswerNotTrusted, ServerFailed, ConfluenceUnavailable, Stopped. Each docstring describes the rest.
Texts in the results are sanitised.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from typing import IO, Literal, Protocol, TypeAlias

from hr_sync.confluence.archived import ArchivedPages
from hr_sync.confluence.cloud import CloudSource
from hr_sync.confluence.comments import SpaceComments
from hr_sync.confluence.datacenter import DataCenterSource
from hr_sync.confluence.http.client import HttpClient
from hr_sync.confluence.http.context_path import naming_context_path
from hr_sync.confluence.http.urls import is_cloud
from hr_sync.domain.access import Identity, NodeFact, OwnAttributes, Principal, Restriction, SiteRoles, SpaceViewers
from hr_sync.domain.attachment_texts import AttachmentFile
from hr_sync.domain.attachments import AttachmentListing, AttachmentLookup
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
from hr_sync.errors import AnswerNotTrusted, CredentialsRefused, EndpointRemoved, NotFound

Flavor: TypeAlias = Literal["auto", "cloud", "datacenter"]


class Source(Protocol):
    """One Confluence, read with one account. Safe to use from many threads.

    A page is a blog post too, where `kind` says so. What the requests of one kind answer about an id of the other is
    evidence of nothing.
    """

    client: HttpClient
    flavor: Literal["cloud", "datacenter"]
    archived: ArchivedPages | None  #: None: pages cannot be archived, as on Data Center
    comments: SpaceComments  #: the same requests in both flavours, but for the single read

    def check_account(self) -> None:
        """Raise CredentialsRefused unless Confluence knows the account."""

    def account(self) -> Identity:
        """Return the account that reads. Raise as `check_account` does, and AnswerNotTrusted for one without an id."""

    def archived_spaces(self) -> SpaceList:
        """Return the archived spaces that the account sees. They are never mirrored."""

    def spaces(self, keys: Sequence[str] = ()) -> SpaceList:
        """Return the current spaces that the account sees: those with these keys or aliases, or all of them.

        Keys compare without case. Unknown keys and archived spaces are absent. A space with an invalid description is
        in `unreadable`; it may be one of the absent ones. The keys of personal spaces begin with `~`.
        """

    def find_space(self, space: Space) -> Space:
        """Return the space as it is now, found by its id where the flavour allows it. Raise NotFound if not visible.

        Raise AnswerNotTrusted for an answer about another space. `archived` is True for an archived space.
        """

    def listing(self, space: Space, kind: ContentKind = ContentKind.PAGE) -> Listing:
        """List every current page of a kind of a space, without bodies. Complete or an exception.

        Smaller requests are used if a large one fails, is too large, too slow or not usable. A page that is not current
        is left out, and so is a page of another space on Cloud: the server ignored our filter. Data Center raises for a
        page of another space, since it would otherwise store a whole site as one space.
        """

    def listing_with_bodies(self, space: Space, kind: ContentKind = ContentKind.PAGE) -> Iterator[ListedPages]:
        """List every current page of a space with its body, some at a time. For a space that is new to the mirror.

        The next answer is requested while the last one is used, and no more: two of them are in memory.
        The parts make a listing once the iterator has ended without an error; they may overlap. Raise AnswerNotTrusted
        or ServerFailed for a request that `listing` would repeat with fewer pages, and where there is no such list:
        then use `listing`.
        """

    def recent(self, space: Space, since: datetime, kind: ContentKind = ContentKind.PAGE) -> RecentChanges:
        """Return at least the current pages of a space whose version was made at `since` or later.

        Moves, restrictions, labels and deletions make no version and may be missing. The walk ends when a whole answer
        is older than `since`.
        """

    def recent_of_spaces(
        self, spaces: Sequence[Space], since: datetime, kind: ContentKind = ContentKind.PAGE
    ) -> dict[str, RecentChanges] | None:
        """Return the same for several spaces by as few requests as possible, by space id.

        Return None where one answer about all of them proves nothing, or would take longer than asking about each.
        """

    def pages(self, ids: Sequence[str], space: Space, kind: ContentKind = ContentKind.PAGE) -> Fetched:
        """Fetch the bodies of pages of one space, at most 250 ids.

        A request that fails is repeated in halves, down to single pages; a page that fails alone is unreadable. Raise
        only errors about the account or the whole site.
        """

    def rendered_body(self, page_id: str, kind: ContentKind = ContentKind.PAGE) -> RenderedBody:
        """Return a current page with its macros carried out, as the account is shown it.

        Raise NotFound or AccessDenied if it is not visible, AnswerNotTrusted for another answer.
        """

    def lookup(self, page_id: str, kind: ContentKind = ContentKind.PAGE) -> LookupResult:
        """Look one page up by id, in any state: the single read that counts as evidence.

        NOT_FOUND only for a 404 or 403 of Confluence itself, answered to our account. Any other unusable answer is
        UNKNOWN. Raise only errors about the whole site (CredentialsRefused, ConfluenceUnavailable, Stopped).
        """

    def lookup_many(self, ids: Sequence[str], kind: ContentKind = ContentKind.PAGE) -> dict[str, LookupResult]:
        """Look pages up by as few requests as possible; ids that were not found are absent from the result.

        A list may lag: an entry is evidence that the page was in that state, a missing entry is no evidence. Use
        `lookup` for the absent ids, in parallel. Data Center has no such list and returns nothing.
        """

    def attachments(self, space: Space) -> AttachmentListing:
        """List the current attachments that the search index holds of a space, to its end or an exception.

        Also those of what is no page. The index may lag, and may lack one while others come and go: nothing is
        concluded from what is absent, or from one that was known to be gone, without `lookup_attachment`.
        """

    def recent_attachments(self, spaces: Sequence[Space], since: datetime) -> AttachmentListing:
        """Return at least those attachments in at most 50 spaces of which the index knows a version since then."""

    def lookup_attachment(self, attachment_id: str) -> AttachmentLookup:
        """Look one attachment up by id, in any state. Raise, and call UNKNOWN, what `lookup` does."""

    def download_attachment(self, file: AttachmentFile, into: IO[bytes], *, max_bytes: int) -> str:
        """Write the bytes of one version of an attachment into an open file. Return their SHA-256, 64 hex digits.

        Raise AnswerNotTrusted for what is not the file (another size, a login page, a redirect elsewhere) and for more
        than `max_bytes`, and ConfigurationError where the disk does not take it. CredentialsRefused may be about this
        request alone: `check_account` tells.
        """

    def parent_of(self, node: ContentNode) -> ContentNode | None:
        """Return the parent of a page, folder, whiteboard, database or embed; None at the top.

        Raise NotFound or AccessDenied if the node is not visible, AnswerNotTrusted if its kind is not known.
        """

    def ancestors(self, page_id: str) -> tuple[ContentNode, ...]:
        """Return the ancestors of a page, nearest first. Raise NotFound or AccessDenied if it is not visible.

        Not for blog posts, which have none.
        """

    def labels(
        self, space: Space, ids: Collection[str], kind: ContentKind = ContentKind.PAGE
    ) -> dict[str, frozenset[str] | None]:
        """Return the labels of these pages of a kind of a space with as few requests as possible; None: not known.

        The search index alone is not sufficient, and an empty list of a space's labels does not prove "no labels".
        """

    def labels_of(self, page_id: str, kind: ContentKind = ContentKind.PAGE) -> frozenset[str] | None:
        """Return the labels of one page, read from the page itself; None if they could not be read."""

    def attributes(self, space: Space, ids: Collection[str]) -> OwnAttributes:
        """Return the labels and the own read restrictions of these pages of a space."""

    def restriction_of(self, node_id: str) -> Restriction:
        """Return the own read restriction of one page or folder. Raise NotFound or AccessDenied if not visible."""

    def node_facts(self, space: Space, kinds: Collection[ContentKind] = (ContentKind.PAGE,)) -> dict[str, NodeFact]:
        """Return the own restrictions and the parents of the nodes of a space, by one request for 200 nodes.

        Blog posts are among them where `kinds` names them; each is a node without a parent.

        Nodes above pages are in the result with the parents that the pages show, and without a restriction. What is
        absent or not known, as what the search index of Cloud does not hold yet, is to be asked by `restriction_of` and
        `parent_of`. So is a parent that differs from the stored one: a server may leave a node out of a chain.
        """

    def site_roles(self) -> SiteRoles:
        """Return the roles of the site, for `viewers` of many spaces. Sites and flavours without roles have none."""

    def viewers(self, space: Space, roles: SiteRoles | None = None) -> SpaceViewers:
        """Return who may view a space. `roles` are those of the site, read anew if None.

        The layer is None, with the reason and the remedy, where Confluence refuses to say; it is never wider than
        Confluence's own. Raise errors that may pass, and errors about the account or the site.
        """

    def members(self, group_id: str) -> frozenset[str]:
        """Return the ids of the users in a group, by its id on Cloud and its name on Data Center.

        Groups within it count. Raise NotFound or AccessDenied if it is not visible, AnswerNotTrusted for a list that
        does not hold together.
        """

    def group_names(self, group_ids: Iterable[str]) -> dict[str, str]:
        """Return the names of groups, by id; what is not visible is absent. On Data Center a name is the id."""

    def group_id(self, name: str) -> str | None:
        """Return the id of the group with this name; None if no such group is visible."""

    def licence_groups(self) -> frozenset[str] | None:
        """Return the groups that grant use of Confluence, if every licensed user is in one of them; None: not known."""

    def identities(self, user_ids: Iterable[str]) -> dict[str, Identity]:
        """Return the accounts with these ids; those that do not exist are absent."""

    def public_names(self, user_ids: Iterable[str]) -> dict[str, PublicName]:
        """Return what Confluence says of the names of these accounts, for texts that everybody reads.

        An account that no answer is about is UNREAD, or absent where others before it were refused.
        """

    def may_read(self, page_id: str, subject: Principal) -> bool | None:
        """Return Confluence's own answer to whether somebody may read a page; None if it gives none.

        For audits: the account must be an administrator of Confluence, and Data Center has no such request.
        """


def open_source(client: HttpClient, flavor: Flavor = "auto") -> Source:
    """Return the source for the Confluence behind a client.

    With `auto` an address that can only be Cloud's decides; any other server is probed. Raise what the client raises
    for a server that cannot be reached or answers as neither flavour.
    """
    with naming_context_path(client):
        if flavor == "cloud" or (flavor == "auto" and (is_cloud(client.base) or _is_cloud(client))):
            return CloudSource(client)
    return DataCenterSource(client)


def _is_cloud(client: HttpClient) -> bool:
    """Return True if v2 answers as Cloud's does, False if v1 answers as Data Center's does.

    A 404 alone does not prove Data Center: a suspended site, a proxy and a wrong address return it too, and a login
    server may redirect unknown addresses.
    """
    try:
        client.get("api/v2/spaces", {"limit": 1})
    except (NotFound, AnswerNotTrusted, CredentialsRefused) as no_cloud:
        try:
            client.get("rest/api/space", {"limit": 1})
        except (NotFound, AnswerNotTrusted, CredentialsRefused, EndpointRemoved):
            raise no_cloud from None
        return False
    return True

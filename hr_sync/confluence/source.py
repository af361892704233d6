"""What a sync reads from a Confluence: one protocol for Cloud and Data Center, and which of the two serves an address.

Every method finishes or raises an error of `hr_sync.errors`: CredentialsRefused, AccessDenied, NotFound,
EndpointRemoved, AnswerNotTrusted, ServerFailed, ConfluenceUnavailable, Stopped. What else a method promises
stands in its docstring. Texts in the results are sanitised.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Literal, Protocol, TypeAlias

from hr_sync.confluence.cloud import CloudSource
from hr_sync.confluence.datacenter import DataCenterSource
from hr_sync.confluence.http.client import HttpClient
from hr_sync.confluence.http.context_path import naming_context_path
from hr_sync.confluence.http.urls import is_cloud
from hr_sync.domain.access import OwnAttributes, Restriction
from hr_sync.domain.content import ContentNode, Fetched, Listing, RecentChanges, Space, SpaceList
from hr_sync.domain.deletion import LookupResult
from hr_sync.errors import AnswerNotTrusted, CredentialsRefused, EndpointRemoved, NotFound

Flavor: TypeAlias = Literal["auto", "cloud", "datacenter"]


class Source(Protocol):
    """One Confluence, read with one account. Safe to use from many threads."""

    client: HttpClient

    def check_account(self) -> None:
        """Raise CredentialsRefused unless Confluence knows the account."""

    def spaces(self, keys: Sequence[str] = ()) -> SpaceList:
        """Return the current spaces that the account sees: those with these keys or aliases, or all of them.

        Keys compare without case. Unknown keys and archived spaces are absent. A space that is described badly is in
        `unreadable`; it costs only itself, and whether it is one that the list lacks is not known. The keys of personal
        spaces begin with `~`.
        """

    def find_space(self, space: Space) -> Space:
        """Return the space as it is now, found by its id where the flavour allows it. Raise NotFound if not visible.

        Raise AnswerNotTrusted for an answer about another space. `archived` tells whether the space is archived.
        """

    def listing(self, space: Space) -> Listing:
        """List every current page of a space, without bodies. Complete or an exception.

        Fewer pages are asked for at once if a wide request fails, is too large, too slow or not usable. A page that is
        not current is left out, and so is a page of another space on Cloud: the server ignored our filter. Data Center
        raises for a page of another space, since a whole site would otherwise be read as one space.
        """

    def recent(self, space: Space, since: datetime) -> RecentChanges:
        """Return at least the current pages of a space whose version was made at `since` or later.

        Moves, restrictions, labels and deletions make no version and may be missing. The walk ends when a whole answer
        is older than `since`.
        """

    def pages(self, ids: Sequence[str], space: Space) -> Fetched:
        """Fetch the bodies of pages of one space, at most 250 ids.

        What fails for many is asked for again in halves, down to one page, which is unreadable by itself. Raise only
        what is about the account or the whole site.
        """

    def lookup(self, page_id: str) -> LookupResult:
        """Look one page up by id, in whatever state it is: the single read that counts as evidence.

        NOT_FOUND only for a 404 or 403 of Confluence itself, answered to our account. Everything else that cannot be
        used is UNKNOWN. Raise only what is about the whole site (CredentialsRefused, ConfluenceUnavailable, Stopped).
        """

    def lookup_many(self, ids: Sequence[str]) -> dict[str, LookupResult]:
        """Look pages up by as few requests as possible; ids that were not found are absent from the result.

        A list may lag: what it shows is evidence that a page was there in that state, what it lacks is evidence of
        nothing. Use `lookup` for the ids that are absent, side by side. Data Center has no such list: nothing is found.
        """

    def parent_of(self, node: ContentNode) -> ContentNode | None:
        """Return what stands directly above a page, folder, whiteboard, database or embed; None at the top.

        Raise NotFound or AccessDenied if the node is not visible, AnswerNotTrusted if its kind is not known.
        """

    def ancestors(self, page_id: str) -> tuple[ContentNode, ...]:
        """Return everything above a page, nearest first. Raise NotFound or AccessDenied if it is not visible."""

    def labels(self, space: Space, ids: Collection[str]) -> dict[str, frozenset[str] | None]:
        """Return the labels of these pages of a space by as few requests as possible; None: not known.

        The search index alone is never believed, and an empty list of a space's labels is no proof of "no labels".
        """

    def labels_of(self, page_id: str) -> frozenset[str] | None:
        """Return the labels of one page, asked of the page itself; None if they could not be read."""

    def attributes(self, space: Space, ids: Collection[str]) -> OwnAttributes:
        """Return the labels and the read restrictions that these pages of a space carry themselves."""

    def restriction_of(self, node_id: str) -> Restriction:
        """Return the own read restriction of one page or folder. Raise NotFound or AccessDenied if not visible."""


def open_source(client: HttpClient, flavor: Flavor = "auto") -> Source:
    """Return the source for the Confluence behind a client.

    With `auto` an address that can only be Cloud's is believed; any other Confluence is asked. Raise then what the
    client raises, for a server that cannot be reached or answers as neither flavour.
    """
    with naming_context_path(client):
        if flavor == "cloud" or (flavor == "auto" and (is_cloud(client.base) or _is_cloud(client))):
            return CloudSource(client)
    return DataCenterSource(client)


def _is_cloud(client: HttpClient) -> bool:
    """Return True if v2 answers as Cloud's does, False if v1 answers as Data Center's does.

    A 404 alone is no sign of Data Center: a suspended site, a proxy and a wrong address give it too, and a login server
    may redirect the addresses that it does not know.
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

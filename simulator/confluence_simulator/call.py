"""The input of a handler: the request's parameters, the caller, and the world that the caller may view."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from confluence_simulator.listing import ListingCache
from confluence_simulator.messages import Answer, Request
from confluence_simulator.query import Query
from confluence_simulator.refusals import BadParameterError
from confluence_simulator.tenant import Tenant
from confluence_simulator.world import Attachment, Comment, Content, Page, Space, User, World
from confluence_simulator.world.access import can_view, can_view_space


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """What a fault may change for one request before it is answered."""

    anonymous: bool = False
    lag: timedelta = timedelta(0)
    limit_cap: int = 0
    permissions_cap: int = 0
    hidden_ids: frozenset[str] = frozenset()
    unreadable_ids: frozenset[str] = frozenset()
    """Content that lists show and a read by id does not."""
    single_reads_absent: bool = False
    """Every read by id answers 404, while lists work."""
    half_visible: bool = False
    """The anonymous caller sees about half of what the account sees."""
    broken_body_ids: frozenset[str] = frozenset()
    ancestors_break: bool = False
    unprivileged: bool = False
    """The account is no administrator for this request."""
    admin_key: bool = False
    """The request uses an Admin key: every space and every page is shown."""
    admin_key_ends: bool = False
    """The Admin key ends before the request is answered, for good."""
    tokens_end: bool = False
    """Every OAuth token issued so far ends before the request is answered, for good."""


ORDINARY = Conditions()


@dataclass(frozen=True, kw_only=True)
class Call:
    request: Request
    query: Query
    captured: dict[str, str]
    """Path parameters."""
    route: str
    """The path below the site's context, e.g. "/api/v2/pages"."""
    world: World
    tenant: Tenant
    origin: str
    """Scheme, host and port."""
    media_origin: str
    """Those of the media service."""
    user: User | None
    """None is an anonymous caller."""
    listings: ListingCache
    conditions: Conditions = ORDINARY
    through_gateway: bool = False
    oauth: bool = False
    """The request bears an OAuth token."""

    @property
    def site_url(self) -> str:
        return self.origin + self.tenant.context

    def sees(self, content: Content) -> bool:
        """Whether the caller may view this content."""
        if content.id in self.conditions.hidden_ids:
            return False
        if self.conditions.admin_key:
            return True
        if self.conditions.half_visible:
            return anonymous_sees(content) and can_view(self.world, content, self.world.bot)
        return can_view(self.world, content, self.user)

    def sees_space(self, space: Space) -> bool:
        """Whether the caller may view this space."""
        user = self.world.bot if self.conditions.half_visible else self.user
        return self.conditions.admin_key or can_view_space(space, user)

    @property
    def administers(self) -> bool:
        """Whether the caller has the rights of a Confluence administrator."""
        return self.user is not None and self.user.administrator and not self.conditions.unprivileged

    def is_named(self, space: Space, keys: Sequence[str]) -> bool:
        """Whether one of these keys means the space: in any case and by its alias, unless switches say otherwise."""
        names = [space.key]
        if space.alias and self.tenant.keys_find_aliases:
            names.append(space.alias)
        if self.tenant.keys_ignore_case:
            return not {name.casefold() for name in names}.isdisjoint(key.casefold() for key in keys)
        return not set(names).isdisjoint(keys)

    def find(self, content_id: str) -> Content | None:
        """Return the state that a single read shows, or None if there is nothing that this caller may view."""
        if self.conditions.single_reads_absent or content_id in self.conditions.unreadable_ids:
            return None
        lag = self.conditions.lag
        found = self.world.find_at(content_id, self.world.now - lag) if lag else self.world.find(content_id)
        return found if found is not None and self.sees(found) else None

    def find_page(self, page_id: str, kind: str = "page") -> Page | None:
        found = self.find(page_id)
        return found if isinstance(found, Page) and found.kind == kind else None

    def captured_id(self) -> str:
        """Return the id in the path; refuse anything but a number as Confluence does."""
        text = self.captured["id"]
        if not text.isascii() or not text.removeprefix("att").isdigit():
            raise BadParameterError("id", text, "Long")
        return text

    def list_moment(self) -> datetime | None:
        """As of when lists are answered; None is now."""
        lag = self.conditions.lag or self.tenant.list_lag
        return self.world.now - lag if lag else None

    def limit(self, default: int, most: int) -> int:
        """Return the limit that was asked for, lowered where a fault says so."""
        limit = self.query.integer("limit", default, low=1, high=most)
        cap = self.conditions.limit_cap
        return min(limit, cap) if cap else limit


def anonymous_sees(content: Content) -> bool:
    """Whether an anonymous visitor sees this content, about half of all, while the fault `becomes-anonymous` lasts.

    Comments and attachments are seen with their page.
    """
    page_id = content.container_id if isinstance(content, Attachment | Comment) else content.id
    return hashlib.sha256(page_id.encode()).digest()[0] % 2 == 0


Handler = Callable[[Call], Answer]

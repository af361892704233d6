"""The switches of one simulated site: flavour, credentials, delays, caps. Everything that a test may want otherwise."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, TypedDict

from confluence_simulator.query import ListParameters

Flavor = Literal["cloud", "datacenter"]

CLOUD_ID = "11111111-2222-4333-8444-555555555555"
CURSOR_SECRET = b"signs the cursors of a simulated site"


@dataclass(frozen=True, kw_only=True)
class Tenant:
    flavor: Flavor = "cloud"
    username: str = "hr-bot@example.com"
    api_token: str = "simulated-token"  # noqa: S105 - the password of a simulated account
    bearer_token: str = ""
    """Accepted as `Authorization: Bearer`; empty accepts `api_token` there too."""
    context_path: str = ""
    """Data Center only, e.g. "/confluence"; Cloud always has "/wiki"."""
    cloud_id: str = CLOUD_ID
    scoped_token: bool = False
    """A scoped token or service account works through the gateway alone; the site's own URL answers 401."""
    client_id: str = ""
    """Of OAuth 2.0 client credentials, which act for the account; empty: the site has none."""
    client_secret: str = "simulated-secret"  # noqa: S105 - the secret of a simulated account
    token_seconds: int = 3600
    """How long an OAuth token is accepted, by the machine's clock, and what `expires_in` says."""
    bad_credentials: Literal["refused", "anonymous", "login"] = "refused"
    """`anonymous` answers 200 with what the public may see; `login` redirects to a login page (Data Center)."""
    removed_v1: bool = True
    """Cloud's v1 content and space endpoints answer 410, as on sites that have reached the removal."""
    version: str = "10.2.19"
    """Data Center's version: `content/scan` is there from 7.18, the permissions of spaces from 9.1, those of the site
    from 9.2, OAuth 2.0 client credentials from 10.1."""
    unprivileged_status: Literal[403, 500] = 500
    """What Data Center answers for the permissions of a space to an account that is no administrator: 403 is
    documented, 500 is seen (CONFSERVER-99908)."""
    wrong_kind_status: Literal[400, 404] = 404
    """What Cloud's v2 answers where the id of a page is asked of `/folders/{id}` or of another kind; both were seen."""
    node_restriction_status: Literal[200, 400, 403, 404] = 200
    """What v1 answers for the restrictions of a folder, whiteboard, database or embed; 200 answers them like a page's.
    Nobody has documented it."""
    node_space_id: bool = True
    """`/folders/{id}` and the like carry `spaceId`; the API document of January 2025 does not name it."""
    keys_ignore_case: bool = True
    """A space is found by its key in any case, and the answer holds the true key."""
    keys_find_aliases: bool = True
    """A space is found by its alias wherever its key is asked for."""
    list_parameters: ListParameters = "both"
    """How a list parameter of v2 (`keys`, `id`, `space-id`, `status`) holds several values: `repeated` (a value with
    commas is one value, which matches nothing), `comma` (of a repeated parameter the first value counts) or `both`."""
    space_role_mode: Literal["PRE_ROLES", "ROLES_TRANSITION", "ROLES", ""] = "PRE_ROLES"
    """What `/space-role-mode` answers; an empty text leaves the member out. In the mode `ROLES` each permission to view
    a space stands as an assignment of the role Viewer, and `/permissions` names roles alone."""
    flatten_groups: bool = True
    """Data Center counts the members of nested groups among those of the outer group; Cloud always does."""
    emails_hidden: bool = False
    """The e-mail address of every account but the caller's own is empty."""
    user_timezone: str = "UTC"
    """CQL dates are read in this zone."""
    utc_offset: timedelta = timedelta(0)
    """Data Center writes dates with its server's offset."""
    search_lag: timedelta = timedelta(0)
    """The index answers with the world's state of this long ago."""
    list_lag: timedelta = timedelta(0)
    """Lists of Cloud's v2 answer with the world's state of this long ago; single reads are always up to date."""
    moves_touch_modified: bool = False
    """A move counts as a modification in the order by modified date and in CQL; the version and its date stay."""
    date_header: bool = True
    """Answers carry `Date` with the clock of the world; False leaves the header out, as some proxies do."""
    date_offset: timedelta = timedelta(0)
    """How far the `Date` header is ahead of (or, if negative, behind) the clock of the world."""
    latency_seconds: float = 0.0
    row_latency_seconds: float = 0.0
    """Added for each row of a list: wide requests are slow, narrow ones are not."""
    rate_per_second: float = 0.0
    """More requests than this answer 429 with Retry-After; 0 sets no limit."""
    webhook_signature: Literal["right", "wrong"] = "right"
    webhook_details: bool = False
    """Webhooks of newer Data Center versions carry ids alone."""
    cursor_secret: bytes = CURSOR_SECRET

    def at_least(self, *version: int) -> bool:
        """Return whether Data Center is of this version or newer."""
        return tuple(int(part) for part in self.version.split(".")[: len(version)]) >= version

    @property
    def context(self) -> str:
        return "/wiki" if self.flavor == "cloud" else self.context_path.rstrip("/")

    @property
    def gateway_prefix(self) -> str:
        return f"/ex/confluence/{self.cloud_id}"


class Switches(TypedDict, total=False):
    """The fields of Tenant, for callers that pass them on."""

    flavor: Flavor
    username: str
    api_token: str
    bearer_token: str
    context_path: str
    cloud_id: str
    scoped_token: bool
    client_id: str
    client_secret: str
    token_seconds: int
    bad_credentials: Literal["refused", "anonymous", "login"]
    removed_v1: bool
    version: str
    unprivileged_status: Literal[403, 500]
    wrong_kind_status: Literal[400, 404]
    node_restriction_status: Literal[200, 400, 403, 404]
    node_space_id: bool
    keys_ignore_case: bool
    keys_find_aliases: bool
    list_parameters: ListParameters
    space_role_mode: Literal["PRE_ROLES", "ROLES_TRANSITION", "ROLES", ""]
    flatten_groups: bool
    emails_hidden: bool
    user_timezone: str
    utc_offset: timedelta
    search_lag: timedelta
    list_lag: timedelta
    moves_touch_modified: bool
    date_header: bool
    date_offset: timedelta
    latency_seconds: float
    row_latency_seconds: float
    rate_per_second: float
    webhook_signature: Literal["right", "wrong"]
    webhook_details: bool
    cursor_secret: bytes

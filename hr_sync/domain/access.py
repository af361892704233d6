"""Who may read a page: an access set, which is an AND of layers, each of them an OR of principals. Pure.

Confluence lets somebody read a page who passes all of these, which are the layers:

1. the space: somebody may view it as a user, as a member of a group, or by an access class;
2. every restriction on the way up, the page's own among them. One that names nobody restricts nobody.

What is not known anywhere on that way makes the whole set unknown (None), and unknown is never open. A principal of a
kind that this version does not know stays in its layer: nobody is known to match it, but the layer is not empty, and an
empty restriction would let everybody pass. A layer of a space that names nobody lets nobody pass.

A page whose text shows other pages has their layers too: `with_included`.

Atlassian describes the permissions of content from elsewhere in the same form: an AND of access controls, each an OR of
principals (developer.atlassian.com/platform/teamwork-graph/permissions).
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from hr_sync.domain.scope import chain_of


@dataclass(frozen=True, kw_only=True, slots=True)
class Restriction:
    """One node's own read restriction, by ids that stay when people and groups are renamed, where there are such."""

    users: frozenset[str] = frozenset()  #: account ids on Cloud, user keys on Data Center
    groups: frozenset[str] = frozenset()  #: ids on Cloud, names on Data Center

    def __bool__(self) -> bool:
        """Return True if it excludes anybody."""
        return bool(self.users or self.groups)


@dataclass(frozen=True, kw_only=True, slots=True)
class OwnAttributes:
    """The own labels and restrictions of the pages of a space, by page id. None, like an absent id, is not known."""

    labels: Mapping[str, frozenset[str] | None]
    restrictions: Mapping[str, Restriction | None]  #: None may be a list that was cut; a request by id may return it


class PrincipalKind(StrEnum):
    """What a permission or restriction can name. The value is the first part of a principal's token."""

    USER = "u"  #: account id on Cloud, user key on Data Center
    GROUP = "g"  #: group id on Cloud, name on Data Center
    CLASS = "c"  #: access class: everybody of a kind
    UNKNOWN = "?"  #: a kind that this version does not know; nobody matches it


class AccessClass(StrEnum):
    """The access classes that hr_sync tells apart, in the words of Confluence's roles."""

    EVERYONE = "everyone"  #: every asker: a space that the operator declared open (access.open_spaces)
    ANONYMOUS = "anonymous-users"
    AUTHENTICATED = "authenticated-users"
    LICENSED = "all-licensed-users"


#: What every reader of the chatbot belongs to: whoever holds an account of the site. Somebody who may read without an
#: account may read with one.
EVERY_ASKER = frozenset(AccessClass)


#: The id of every user who was erased from the mirror. Nobody who asks has it.
ERASED_USER = ""


@dataclass(frozen=True, order=True, slots=True)
class Principal:
    """One user, group or access class."""

    kind: PrincipalKind
    id: str

    @property
    def token(self) -> str:
        """Return how a principal is stored: `u:<id>`, `g:<id>`, `c:<class>` or `?:<kind>:<id>`."""
        return f"{self.kind}:{self.id}"

    @classmethod
    def of(cls, token: str) -> "Principal":
        """Return the principal that has this token."""
        kind, _, name = token.partition(":")
        return cls(PrincipalKind(kind), name)


Layer: TypeAlias = frozenset[Principal]
"""The principals of whom an asker must be one. Empty: nobody passes."""

AccessSet: TypeAlias = frozenset[Layer]
"""The layers that an asker must pass, all of them. There is always at least one: the space's."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SpaceViewers:
    """Who may view a space."""

    layer: Layer | None  #: None: not known; empty: nobody
    source: str  #: where it was read: permissions, roles or open_spaces
    doubt: str | None = None  #: why the layer is not known, or what it may lack, with the remedy


@dataclass(frozen=True, kw_only=True, slots=True)
class SiteRoles:
    """The roles of a site that can be assigned in spaces. Sites without roles have none."""

    in_use: bool | None = False  #: None: could not be read
    known: frozenset[str] = frozenset()  #: ids of all roles
    viewing: frozenset[str] = frozenset()  #: ids of the roles whose holders may view the space
    doubt: str | None = None  #: why they could not be read


@dataclass(frozen=True, kw_only=True, slots=True)
class Identity:
    """One account of the site."""

    user_id: str  #: account id on Cloud, user key on Data Center
    display_name: str | None  #: None: not shown
    email: str | None  #: None: hidden, as it is from most apps
    email_source: str | None  #: where the address was read; None without one
    active: bool | None  #: None: not shown


@dataclass(frozen=True, kw_only=True, slots=True)
class NodeFact:
    """What Confluence shows of one node of a space: a page, folder, whiteboard, database or embed."""

    id: str
    kind: str | None  #: None: not given
    parent_id: str | None  #: None at the top of the space, if `parent_known`
    restriction: Restriction | None  #: its own; None: not known
    parent_known: bool = True


def layer_of(restriction: Restriction) -> Layer | None:
    """Return the layer of a read restriction; None if it restricts nobody."""
    if not restriction:
        return None
    users = {Principal(PrincipalKind.USER, each) for each in restriction.users}
    groups = {Principal(PrincipalKind.GROUP, each) for each in restriction.groups}
    return frozenset(users | groups)


def access_set_of(
    node_id: str,
    viewers: Layer | None,
    own: Mapping[str, Restriction | None],
    parents: Mapping[str, str | None],
    unresolved: Collection[str] = frozenset(),
    *,
    outdated: Collection[str] = frozenset(),
) -> AccessSet | None:
    """Return the access set of a page; None if the viewers, a restriction, or the way itself is not known.

    `viewers`: who may view the space of the page, None if that is not known. `own`: each node's own restriction, None
    where it is not known, as is one that is absent. `parents`: the parent of each node, None at the top. `unresolved`:
    nodes whose parent could not be read. `outdated`: pages whose text is newer than their own restriction: their own
    set is not known, while the pages below them, whose text is not newer, keep theirs.
    """
    chain = chain_of(node_id, parents, unresolved)
    if viewers is None or not chain.complete or node_id in outdated:
        return None
    layers = {viewers}
    for each in chain.nodes:
        restriction = own.get(each)
        if restriction is None:
            return None
        layer = layer_of(restriction)
        if layer is not None:
            layers.add(layer)
    return frozenset(layers)


def with_included(own: AccessSet | None, included: Iterable[AccessSet | None]) -> AccessSet | None:
    """Return the set of a page whose text shows other pages, from its own and theirs: a reader must pass all of them.

    None where one of them is not known.
    """
    layers: set[Layer] = set()
    for each in (own, *included):
        if each is None:
            return None
        layers |= each
    return frozenset(layers)


@dataclass(frozen=True, kw_only=True, slots=True)
class Asker:
    """Somebody who asks the chatbot, by the same ids as Confluence's: what is not known of them is left out."""

    user: str | None = None
    groups: frozenset[str] = frozenset()
    classes: frozenset[str] = EVERY_ASKER

    @property
    def tokens(self) -> frozenset[str]:
        """Return the tokens of all principals that the asker is."""
        users = {Principal(PrincipalKind.USER, self.user).token} if self.user else set()
        groups = {Principal(PrincipalKind.GROUP, each).token for each in self.groups}
        classes = {Principal(PrincipalKind.CLASS, each).token for each in self.classes}
        return frozenset(users | groups | classes)


@dataclass(frozen=True, kw_only=True, slots=True)
class Audience:
    """The asker that every reader of the chatbot is at least.

    `groups`: every reader is in each of them. `licence_groups`: the groups that grant use of Confluence; every reader
    is in at least one of them, but nobody says in which.
    """

    groups: frozenset[str] = frozenset()
    licence_groups: frozenset[str] = frozenset()

    @property
    def asker(self) -> Asker:
        """Return what is known of every reader."""
        alone = self.licence_groups if len(self.licence_groups) == 1 else frozenset()
        return Asker(groups=self.groups | alone)


def passes(access_set: AccessSet | None, asker: Asker) -> bool:
    """Return True if the asker may read what has this access set. Unknown is never open."""
    tokens = asker.tokens
    return access_set is not None and all(_names(layer, tokens) for layer in access_set)


def audience_passes(access_set: AccessSet | None, audience: Audience) -> bool:
    """Return True if every reader of the audience may read what has this access set.

    A layer that names all groups of the licence is passed by each licensed user, whichever of them they are in.
    """
    if access_set is None:
        return False
    tokens = audience.asker.tokens
    licence = {Principal(PrincipalKind.GROUP, each) for each in audience.licence_groups}
    return all(_names(layer, tokens) or (licence and licence <= layer) for layer in access_set)


def _names(layer: Iterable[Principal], tokens: Collection[str]) -> bool:
    return any(principal.kind is not PrincipalKind.UNKNOWN and principal.token in tokens for principal in layer)


class AccessMode(StrEnum):
    """What consumers are shown."""

    ENFORCE = "enforce"  #: pages that every reader of the audience may read, by facts that are recent
    ACCOUNT = "account"  #: every page that the account of hr_sync sees


@dataclass(frozen=True, kw_only=True, slots=True)
class AccessPolicy:
    """The settings that decide what consumers are shown."""

    mode: AccessMode = AccessMode.ENFORCE
    max_age_hours: int = 24  #: older facts of a space are not known
    hide_after_hours: int | None = None  #: a space that was not looked at completely for so long is hidden; None: never
    audience_groups: frozenset[str] = frozenset()  #: groups that every reader of the chatbot is in

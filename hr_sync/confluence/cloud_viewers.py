"""Who may view a space on Cloud: its permissions, and its roles on sites that have them.

New sites have roles alone since November 2025, others are in transition; a space may grant by both then.
"""

from collections.abc import Callable, Iterator
from typing import TypeVar
from urllib.parse import quote

from hr_sync.confluence.http.client import HttpClient
from hr_sync.confluence.http.response import Json
from hr_sync.confluence.json_fields import FieldError
from hr_sync.confluence.viewers_json import PERMISSIONS, ROLES, read_assignment, read_permission, read_role
from hr_sync.domain.access import Layer, Principal, PrincipalKind, SiteRoles, SpaceViewers
from hr_sync.domain.content import Space
from hr_sync.errors import AccessDenied, AnswerNotTrusted, EndpointRemoved, NotFound

Entry = TypeVar("Entry")

REFUSED = (AccessDenied, NotFound, EndpointRemoved)
_WIDEST = 250
_WITHOUT_ROLES = "PRE_ROLES"
_SCOPE = "Give the token the scopes that docs/configuration.md lists"


def read_site_roles(client: HttpClient) -> SiteRoles:
    """Return the roles of the site, by one request, or two where roles are in use.

    A site without the endpoint has none. A site that does not say its mode may have them.
    """
    try:
        mode = client.get("api/v2/space-role-mode").get("mode")
    except (NotFound, EndpointRemoved):
        return SiteRoles()
    except AccessDenied as error:
        return _unread_roles(error)
    if mode == _WITHOUT_ROLES:
        return SiteRoles()
    try:
        roles = dict(_entries(client, "api/v2/space-roles", read_role))
    except NotFound as error:
        return _unread_roles(error) if mode else SiteRoles()
    except (AccessDenied, EndpointRemoved, FieldError) as error:
        return _unread_roles(error)
    return SiteRoles(in_use=True, known=frozenset(roles), viewing=frozenset(each for each in roles if roles[each]))


def read_viewers(client: HttpClient, space: Space, roles: SiteRoles) -> SpaceViewers:
    """Return who may view a space, by one request, or two where roles are in use.

    The viewers are known only if everything was read: what lacks a principal would hide pages without a reason.
    """
    source = ROLES if roles.in_use else PERMISSIONS
    if roles.in_use is None:
        return SpaceViewers(layer=None, source=ROLES, doubt=roles.doubt)
    path = f"api/v2/spaces/{quote(space.id, safe='')}"
    try:
        permitted = {each for each in _entries(client, f"{path}/permissions", read_permission) if each is not None}
        assigned = list(_entries(client, f"{path}/role-assignments", read_assignment)) if roles.in_use else []
    except REFUSED as error:
        return SpaceViewers(layer=None, source=source, doubt=_doubt(space, str(error)))
    except FieldError as error:
        return SpaceViewers(layer=None, source=source, doubt=_doubt(space, f"An entry has no valid {error}."))
    holders = {holder for holder, role in assigned if role in roles.viewing}
    unjudged = {role for _, role in assigned} - roles.known
    layer: Layer = frozenset(permitted | holders | {_of_unknown_role(role) for role in unjudged})
    return SpaceViewers(layer=layer, source=source, doubt=_roles_doubt(space, unjudged) if unjudged else None)


def _entries(client: HttpClient, path: str, read: Callable[[Json], Entry]) -> Iterator[Entry]:
    """Yield what each entry of a list says. Raise AnswerNotTrusted for a list that makes no progress.

    The client itself watches over entries with ids; those of assignments have none.
    """
    seen: set[Entry] = set()
    for answer in client.walk(path, {"limit": _WIDEST}, needs_ids=False):
        items = answer.content["results"]
        if not all(isinstance(item, dict) for item in items):
            raise FieldError("object")
        found = [read(item) for item in items]
        has_ids = all(isinstance(item.get("id"), str) for item in items)
        if answer.has_next and found and not has_ids and seen.issuperset(found):
            raise AnswerNotTrusted(f"The listing {path} makes no progress: more answers, and nothing new in them.")
        seen.update(found)
        yield from found


def _unread_roles(error: Exception) -> SiteRoles:
    reason = f"an entry has no valid {error}." if isinstance(error, FieldError) else str(error)
    return SiteRoles(in_use=None, doubt=f"The roles of the site could not be read: {reason} {_SCOPE}.")


def _of_unknown_role(role: str) -> Principal:
    return Principal(PrincipalKind.UNKNOWN, f"role:{role}")


def _doubt(space: Space, reason: str) -> str:
    return f"The permissions of space {space.key} could not be read: {reason} {_SCOPE}, or {_open(space)}."


def _roles_doubt(space: Space, roles: set[str]) -> str:
    count = "One role" if len(roles) == 1 else f"{len(roles)} roles"
    return f"{count} of space {space.key} are not in the list of roles; who holds them is not shown its pages."


def _open(space: Space) -> str:
    return f"name {space.key} in access.open_spaces if every reader may view it"

"""Who may view a space on Data Center, and which groups may use Confluence: from 9.1, for administrators alone.

Both endpoints answer with the whole list at once. Without the right to read it the answer is 500 (CONFSERVER-99908).
"""

import re
from collections.abc import Callable
from urllib.parse import quote

from hr_sync.confluence.http.client import HttpClient
from hr_sync.confluence.http.response import Json
from hr_sync.confluence.json_fields import FieldError
from hr_sync.confluence.pagination import TRIES_WHEN_WIDE
from hr_sync.confluence.viewers_json import PERMISSIONS, USE, VIEW, grants, read_grant
from hr_sync.domain.access import (
    AccessClass,
    Layer,
    Principal,
    PrincipalKind,
    SpaceViewers,
)
from hr_sync.domain.content import Space
from hr_sync.errors import (
    UNANSWERED,
    AccessDenied,
    AnswerUnusable,
    CredentialsRefused,
    EndpointRemoved,
    NotFound,
    ServerFailed,
)

_FIRST_VERSION = (9, 1)
_NO_RIGHT = 500
_ANONYMOUS = Principal(PrincipalKind.CLASS, AccessClass.ANONYMOUS)
_VERSION = re.compile(r"(\d{1,4})\.(\d{1,4})")


class _RefusedError(Exception):
    """The list is not for us, for the reason in the message. No failure that passes."""


def read_viewers(client: HttpClient, space: Space, check_account: Callable[[], None]) -> SpaceViewers:
    """Return who may view a space, by two requests.

    Anonymous visitors have an endpoint of their own; if it does not answer, they are left out, which is never too wide.
    """
    path = f"rest/api/space/{quote(space.key, safe='~')}/permissions"
    try:
        found = [read_grant(item, VIEW) for item in _list(client, path, check_account)]
    except _RefusedError as refused:
        return SpaceViewers(layer=None, source=PERMISSIONS, doubt=_doubt(space, str(refused)))
    except FieldError as error:
        return SpaceViewers(layer=None, source=PERMISSIONS, doubt=_doubt(space, f"an entry has no valid {error}"))
    layer: Layer = frozenset(each for each in found if each is not None)
    try:
        rows = _list(client, f"{path}/anonymous", check_account)
        if any(grants(item, VIEW) for item in rows):
            layer |= {_ANONYMOUS}
    except (_RefusedError, FieldError) as error:
        reason = f"an entry has no valid {error}" if isinstance(error, FieldError) else str(error)
        doubt = (
            f"Whether anonymous visitors may view space {space.key} could not be read ({reason}); they count as not."
        )
        return SpaceViewers(layer=layer, source=PERMISSIONS, doubt=doubt)
    return SpaceViewers(layer=layer, source=PERMISSIONS)


def read_licence_groups(client: HttpClient, check_account: Callable[[], None]) -> frozenset[str] | None:
    """Return the groups that may use Confluence; None if that could not be read, or if there are none.

    None too if single users may use it: they need not be in any of the groups.
    """
    try:
        rows = _list(client, "rest/api/permissions", check_account)
        # Anonymous visitors, who are no subject, hold no licence.
        holders = {holder for item in rows if (holder := read_grant(item, USE)) is not None and item.get("subject")}
    except (_RefusedError, FieldError, AnswerUnusable):
        return None
    if any(holder.kind is not PrincipalKind.GROUP for holder in holders):
        return None
    return frozenset(holder.id for holder in holders) or None


def _list(client: HttpClient, path: str, check_account: Callable[[], None]) -> list[Json]:
    """Return the entries at `path`. Raise _RefusedError for a refusal that another try will not change."""
    try:
        return client.get_list(path, max_attempts=TRIES_WHEN_WIDE)
    except (NotFound, AnswerUnusable) as error:
        if (version := _older_version(client)) is not None:
            raise _RefusedError(f"this Data Center is {version}, and they are shown from 9.1 on") from error
        if isinstance(error, AnswerUnusable):
            raise
        raise _RefusedError("404") from error
    except (AccessDenied, EndpointRemoved) as error:
        raise _RefusedError("403" if isinstance(error, AccessDenied) else "410") from error
    except CredentialsRefused as error:  # apps with OAuth 2.0 are refused here alone
        check_account()
        raise _RefusedError("the credentials are not accepted there") from error
    except ServerFailed as error:
        if error.status != _NO_RIGHT:
            raise
        check_account()
        raise _RefusedError("500, as for an account without administration rights in the space") from error


def _older_version(client: HttpClient) -> str | None:
    """Return the version of a Data Center that has no such endpoints; None for another one or if it is not known."""
    try:
        version = client.get("rest/api/server-information").get("version")
    except UNANSWERED:
        return None
    match = _VERSION.match(version) if isinstance(version, str) else None
    if match is None or (int(match[1]), int(match[2])) >= _FIRST_VERSION:
        return None
    return match[0]


def _doubt(space: Space, reason: str) -> str:
    return (
        f"The permissions of space {space.key} could not be read: {reason}. Make the account an administrator of the "
        f"space (Data Center 9.1 and newer), or name {space.key} in access.open_spaces if every reader may view it."
    )

"""Public names of accounts, for the texts of pages that mention them.

A text is read by many, and the account of hr_sync may see more of a profile than they do. So the name that counts on
Cloud is `publicName`, which everybody is shown, and not `displayName`, which depends on who asks
(developer.atlassian.com/cloud/confluence/deprecation-notice-user-privacy-api-migration-guide). Data Center has no such
settings. A refusal is no answer: only a 404 about one account says that there is none.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from hr_sync.confluence.http.client import HttpClient
from hr_sync.confluence.http.response import Json
from hr_sync.confluence.json_fields import FieldError, storable_str
from hr_sync.domain.people import NameState, PublicName
from hr_sync.domain.sanitize import sanitize_line
from hr_sync.errors import UNANSWERED, NotFound

_AT_ONCE = 100  # accounts in one request
_MOST_REFUSALS = 3  # one after the other; then no further account is asked for alone

_FORMER_ON_CLOUD = "Former user"
_FORMER_ON_DATACENTER = "Unknown User"  # with the user name of the deleted account in parentheses


def public_names_on_cloud(client: HttpClient, user_ids: Iterable[str]) -> dict[str, PublicName]:
    """Return what Cloud says of the names of these accounts, a hundred by one request; absent: not asked.

    An account that the list leaves out is asked for alone, because lists leave out what cannot be shown as well.
    """
    wanted = sorted(set(user_ids))
    found: dict[str, PublicName] = {}
    for start in range(0, len(wanted), _AT_ONCE):
        some = wanted[start : start + _AT_ONCE]
        listed = _listed(client, some)
        found.update(listed)
        missing = [user_id for user_id in some if user_id not in listed]
        found.update(_each(missing, lambda user_id: _alone(client, {"accountId": user_id}, user_id, _on_cloud)))
    return found


def public_names_on_datacenter(client: HttpClient, user_ids: Iterable[str]) -> dict[str, PublicName]:
    """Return what Data Center says of the names of these user keys, each by a request of its own; absent: not asked."""
    return _each(sorted(set(user_ids)), lambda user_id: _alone(client, {"key": user_id}, user_id, _on_datacenter))


def _each(user_ids: Sequence[str], ask: Callable[[str], PublicName]) -> dict[str, PublicName]:
    """Ask for each account, and stop after a few refusals in a row: the next ones would be refused as well."""
    found: dict[str, PublicName] = {}
    refusals = 0
    for user_id in user_ids:
        found[user_id] = ask(user_id)
        refusals = refusals + 1 if found[user_id].state is NameState.UNREAD else 0
        if refusals == _MOST_REFUSALS:
            break
    return found


def _listed(client: HttpClient, user_ids: Sequence[str]) -> dict[str, PublicName]:
    """Return the accounts that a list by ids shows: v1's, or where that has no answer v2's."""
    asks: tuple[Callable[[], Json], ...] = (
        lambda: client.get("rest/api/user/bulk", {"accountId": user_ids, "limit": len(user_ids)}),
        lambda: client.post("api/v2/users-bulk", {"accountIds": list(user_ids)}),
    )
    for ask in asks:
        try:
            items = ask().get("results")
        except UNANSWERED:
            continue
        if isinstance(items, list):
            names = [_on_cloud(item) for item in items if isinstance(item, dict)]
            return {each.user_id: each for each in names if each is not None and each.user_id in user_ids}
    return {}


def _alone(
    client: HttpClient, query: Mapping[str, object], user_id: str, read: Callable[[Json], PublicName | None]
) -> PublicName:
    """Return the name of one account. An answer about another account is no answer."""
    try:
        found = read(client.get("rest/api/user", query))
    except NotFound:
        return PublicName(user_id=user_id, state=NameState.ABSENT)
    except UNANSWERED:
        found = None
    if found is None or found.user_id != user_id:
        return PublicName(user_id=user_id, state=NameState.UNREAD)
    return found


def _on_cloud(item: Json) -> PublicName | None:
    """Return the name in an answer; None if it names no account.

    The name of a deactivated account has "(Deactivated)" or "(Unlicensed)" behind it, and keeps it.
    """
    user_id, name = _text(item, "accountId"), _line(item, "publicName")
    is_closed = item.get("accountStatus") == "closed" or item.get("type") == "unknown"
    is_former = is_closed or (name or "").startswith(_FORMER_ON_CLOUD)
    return None if user_id is None else _named(user_id, name, is_former=is_former)


def _on_datacenter(item: Json) -> PublicName | None:
    user_id, name = _text(item, "userKey"), _line(item, "displayName")
    is_former = (name or "").startswith(_FORMER_ON_DATACENTER)
    return None if user_id is None else _named(user_id, name, is_former=is_former)


def _named(user_id: str, name: str | None, *, is_former: bool) -> PublicName:
    if is_former:
        return PublicName(user_id=user_id, state=NameState.FORMER)
    return PublicName(user_id=user_id, state=NameState.NAMED if name else NameState.NAMELESS, name=name)


def _text(item: Mapping[str, Any], key: str) -> str | None:
    try:
        return storable_str(item, key) or None
    except FieldError:
        return None


def _line(item: Mapping[str, Any], key: str) -> str | None:
    value = item.get(key)
    return (sanitize_line(value) or None) if isinstance(value, str) else None

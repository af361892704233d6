"""Groups, their members, and accounts, in v1 of both flavours.

A list is believed to end only where an answer is shorter than its limit: some servers give no `next`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from urllib.parse import quote

from hr_sync.confluence.http.client import HttpClient
from hr_sync.confluence.http.response import Json
from hr_sync.confluence.json_fields import FieldError, int_of, storable_str
from hr_sync.confluence.pagination import Walked, list_until_stable
from hr_sync.domain.access import Identity, Principal, PrincipalKind
from hr_sync.domain.sanitize import sanitize_line
from hr_sync.errors import UNANSWERED, AccessDenied, AnswerNotTrusted, AnswerUnusable, EndpointRemoved, NotFound

Id = TypeVar("Id")

EMAIL_SOURCE = "confluence"
_WIDEST = 200  # more is refused
_WIDTHS = (_WIDEST, 90)  # answers of the second end elsewhere
_ACCOUNTS_AT_ONCE = 100  # in one address
_ACTIVE = frozenset({"active", "current"})
_MOST_NESTED = 10_000  # groups within one group


def members_on_cloud(client: HttpClient, group_id: str) -> frozenset[str]:
    """Return the account ids of the members of a group; Cloud includes those of groups within it.

    Raise NotFound or AccessDenied if it is not visible, AnswerNotTrusted for an entry without an id.
    """
    path = f"rest/api/group/{quote(group_id, safe='')}/membersByGroupId"
    return frozenset(_walk(client, path, {}, lambda item: _id_of(item, "accountId"), _WIDEST).ids)


def members_on_datacenter(client: HttpClient, group: str) -> frozenset[str]:
    """Return the user keys of the members of a group and of the groups within it, at any depth.

    Where the server neither includes those nor names the groups, they are left out: nobody gets too much by that.
    Raise NotFound or AccessDenied if the group is not visible, AnswerNotTrusted for an entry without an id.
    """
    users: set[str] = set()
    waiting, seen = [group], {group}
    while waiting:
        path = f"rest/api/group/{quote(waiting.pop(), safe='')}"
        members = _walk(client, f"{path}/member", {}, _member, _WIDEST).ids
        users.update(each.id for each in members if each.kind is PrincipalKind.USER)
        inner = {each.id for each in (*members, *_inner_groups(client, path)) if each.kind is PrincipalKind.GROUP}
        waiting += inner - seen
        seen |= inner
        if len(seen) > _MOST_NESTED:
            raise AnswerNotTrusted("A group holds more groups than can be right.")
    return frozenset(users)


def _inner_groups(client: HttpClient, path: str) -> list[Principal]:
    """Return the groups that are direct members of a group; none on servers that do not list them."""
    try:
        return _walk(client, f"{path}/groupmember", {}, _member, _WIDEST).ids
    except (NotFound, AccessDenied, AnswerUnusable, EndpointRemoved):
        return []


def group_names_on_cloud(client: HttpClient, group_ids: Iterable[str]) -> dict[str, str]:
    """Return the names of groups by their ids, each by a request of its own; what is not visible is absent."""
    names = {}
    for group_id in sorted(set(group_ids)):
        try:
            answer = client.get("rest/api/group/by-id", {"id": group_id})
        except UNANSWERED:
            continue
        if answer.get("id") == group_id and (name := _text(answer, "name")):
            names[group_id] = name
    return names


def group_id_on_cloud(client: HttpClient, name: str) -> str | None:
    """Return the id of the group with this name; None if no such group is visible."""
    try:
        answer = client.get("rest/api/group/by-name", {"name": name})
        return _id_of(answer, "id") if answer.get("name") == name else None
    except (*UNANSWERED, FieldError):
        return None


def group_id_on_datacenter(client: HttpClient, name: str) -> str | None:
    """Return the name of a group, which is its id, if it is visible."""
    try:
        return _id_of(client.get(f"rest/api/group/{quote(name, safe='')}"), "name")
    except (*UNANSWERED, FieldError):
        return None


def licence_groups_on_cloud(client: HttpClient) -> frozenset[str] | None:
    """Return the ids of the groups that grant use of Confluence; None if that could not be read, or if there are none.

    A list that lacks one would show pages to people who are not in the others: hence a second walk that agrees.
    """

    def walk(width: int) -> Walked[frozenset[str]]:
        walked = _walk(client, "rest/api/group", {"accessType": "user"}, lambda item: _id_of(item, "id"), width)
        return Walked(found=frozenset(walked.ids), ids=frozenset(walked.ids), is_proven=walked.answers == 1)

    try:
        return list_until_stable(walk, _WIDTHS) or None
    except (AccessDenied, NotFound, EndpointRemoved):
        return None


def identities_on_cloud(client: HttpClient, user_ids: Iterable[str]) -> dict[str, Identity]:
    """Return the accounts with these ids, many by one request; those that do not exist are absent."""
    found: dict[str, Identity] = {}
    wanted = sorted(set(user_ids))
    for start in range(0, len(wanted), _ACCOUNTS_AT_ONCE):
        some = wanted[start : start + _ACCOUNTS_AT_ONCE]
        found.update(_accounts(client, some))
        for user_id in some:
            if user_id not in found:
                found.update(_one(client, {"accountId": user_id}, user_id, "accountId"))
    return found


def identities_on_datacenter(client: HttpClient, user_ids: Iterable[str]) -> dict[str, Identity]:
    """Return the accounts with these user keys, each by a request of its own; those that do not exist are absent."""
    found: dict[str, Identity] = {}
    for user_id in sorted(set(user_ids)):
        found.update(_one(client, {"key": user_id, "expand": "status"}, user_id, "userKey"))
    return found


def known_identity(answer: Json, field: str) -> Identity:
    """Return the account that an answer about one shows. Raise AnswerNotTrusted for one without an id."""
    identity = _identity(answer, field)
    if identity is None:
        raise AnswerNotTrusted("Confluence answered the request for the current user without an account id.")
    return identity


def may_read_on_cloud(client: HttpClient, page_id: str, subject: Principal) -> bool | None:
    """Return Confluence's own answer to whether somebody may read a page; None if it gives none.

    For others than oneself the account must be an administrator of Confluence.
    """
    match subject.kind:
        case PrincipalKind.USER | PrincipalKind.GROUP:
            kind = "user" if subject.kind is PrincipalKind.USER else "group"
            asked = {"type": kind, "identifier": subject.id}
        case PrincipalKind.CLASS if subject.id == "anonymous-users":
            asked = {"type": "user", "identifier": "anonymous"}
        case _:
            return None
    path = f"rest/api/content/{quote(page_id, safe='')}/permission/check"
    try:
        answer = client.post(path, {"subject": asked, "operation": "read"}).get("hasPermission")
    except UNANSWERED:
        return None
    return answer if isinstance(answer, bool) else None


@dataclass(kw_only=True, slots=True)
class _Walk(Generic[Id]):
    """What a walk over a list found."""

    ids: list[Id]
    answers: int


def _walk(
    client: HttpClient, path: str, query: Mapping[str, object], identify: Callable[[Json], Id], width: int
) -> _Walk[Id]:
    """Walk a list by its links, and on by offset where they end after an answer as long as its limit.

    Raise AnswerNotTrusted for an entry without an id, and for a list that makes no progress.
    """
    seen: dict[Id, None] = {}
    entries = answers = 0
    is_full = True
    while is_full:
        is_full = False
        known = len(seen)
        for items, limit, has_next in _answers(client, path, {**query, "limit": width, "start": entries}):
            before = len(seen)
            try:
                seen.update((identify(item), None) for item in items)
            except FieldError as error:
                raise AnswerNotTrusted(f"The list {path} holds an entry without a valid {error}.") from None
            entries, answers = entries + len(items), answers + 1
            is_full = not has_next and len(items) >= limit
            if has_next and items and len(seen) == before:
                raise AnswerNotTrusted(f"The list {path} makes no progress: more answers, and nothing new in them.")
        if is_full and len(seen) == known and entries:
            raise AnswerNotTrusted(f"The list {path} makes no progress: more answers, and nothing new in them.")
    return _Walk(ids=list(seen), answers=answers)


def _answers(client: HttpClient, path: str, query: Mapping[str, object]) -> Iterator[tuple[list[Json], int, bool]]:
    for answer in client.walk(path, query, needs_ids=False, by_offset=True):
        items = answer.content["results"]
        if not all(isinstance(item, dict) for item in items):
            raise AnswerNotTrusted(f"The list {path} holds an entry that is no object.")
        try:
            limit = int_of(answer.content, "limit")
        except FieldError:
            limit = int(str(query["limit"]))
        yield items, max(limit, 1), answer.has_next


def _member(item: Mapping[str, Any]) -> Principal:
    """Return a member of a group on Data Center: a user, or a group where the server does not flatten."""
    if item.get("type") == "group":
        return Principal(PrincipalKind.GROUP, _id_of(item, "name"))
    return Principal(PrincipalKind.USER, _id_of(item, "userKey"))


def _accounts(client: HttpClient, user_ids: Sequence[str]) -> dict[str, Identity]:
    """Return the accounts that the list by ids shows; none if the list cannot be read."""
    try:
        answer = client.get("rest/api/user/bulk", {"accountId": user_ids, "limit": len(user_ids)})
    except UNANSWERED:
        return {}
    items = answer.get("results")
    shown = (
        (_identity(item, "accountId") for item in items if isinstance(item, dict)) if isinstance(items, list) else ()
    )
    return {each.user_id: each for each in shown if each is not None and each.user_id in user_ids}


def _one(client: HttpClient, query: Mapping[str, object], user_id: str, field: str) -> dict[str, Identity]:
    """Return one account; none if there is no such account. Raise AnswerNotTrusted for another account."""
    try:
        answer = client.get("rest/api/user", query)
    except NotFound:
        return {}
    identity = _identity(answer, field)
    if identity is None or identity.user_id != user_id:
        raise AnswerNotTrusted("Confluence answered with an account that was not requested.")
    return {user_id: identity}


def _identity(item: Mapping[str, Any], field: str) -> Identity | None:
    """Return an account; None if it has no id. An empty name or address is not shown."""
    try:
        user_id = _id_of(item, field)
    except FieldError:
        return None
    name, email = _text(item, "displayName"), _text(item, "email")
    status = item.get("accountStatus", item.get("status"))
    return Identity(
        user_id=user_id,
        display_name=name,
        email=email,
        email_source=EMAIL_SOURCE if email else None,
        active=status.lower() in _ACTIVE if isinstance(status, str) and status else None,
    )


def _text(item: Mapping[str, Any], key: str) -> str | None:
    value = item.get(key)
    return (sanitize_line(value) or None) if isinstance(value, str) else None


def _id_of(item: Mapping[str, Any], key: str) -> str:
    value = storable_str(item, key)
    if not value:
        raise FieldError(key)
    return value

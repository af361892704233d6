"""Requests to REST v1 of both flavours: the account, the search index, labels and restrictions."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

from hr_sync.confluence.access_json import (
    RESTRICTION_PARTS,
    Naming,
    read_expanded_labels,
    read_own_restriction,
    read_restrictions,
)
from hr_sync.confluence.http.client import HttpClient, Query
from hr_sync.confluence.http.context_path import naming_context_path
from hr_sync.confluence.http.credentials import SETTINGS
from hr_sync.confluence.http.response import Json
from hr_sync.confluence.json_fields import read_labels
from hr_sync.domain.access import Restriction
from hr_sync.errors import UNANSWERED, AccessDenied, AnswerNotTrusted, CredentialsRefused, NotFound, ScopeMissing

SEARCH = "rest/api/content/search"  #: the index of content
WIDEST_EXPANDED = 200  #: most entries with an expansion in one answer of v1
_MEMBERS_AT_ONCE = 100


def check_account(client: HttpClient, read_account: Callable[[Json], None]) -> Json:
    """Return the answer about the current user. Raise CredentialsRefused unless Confluence knows the account."""
    try:
        with naming_context_path(client):
            answer = client.get("rest/api/user/current")
    except ScopeMissing as error:
        raise CredentialsRefused(f"Confluence does not name the account. {error}") from error
    except AccessDenied as error:
        raise CredentialsRefused(
            "Confluence refused the request for the current user (403): the token is wrong or has expired, or "
            f"the account may not use Confluence. Check {SETTINGS}."
        ) from error
    except NotFound as error:
        raise AnswerNotTrusted(
            "Confluence does not answer the request for the current user (404).",
            remedy="Check confluence.url and confluence.flavor.",
        ) from error
    read_account(answer)
    return answer


def pages_of(space_key: str) -> str:
    """Return the CQL query for the pages of a space. The key is a string in it and never a part of the query."""
    return nodes_of(space_key, ("page",))


def nodes_of(space_key: str, kinds: Sequence[str]) -> str:
    """Return the CQL query for the nodes of a space that are of one of these kinds."""
    return f"space = {_quoted(space_key)} and type " + (
        f"= {kinds[0]}" if len(kinds) == 1 else f"in ({', '.join(kinds)})"
    )


def content_of(space_keys: Sequence[str], kind: str) -> str:
    """Return the CQL query for the content of a kind in some spaces."""
    return nodes_of(space_keys[0], (kind,)) if len(space_keys) == 1 else f"type = {kind} and {in_spaces(space_keys)}"


def in_spaces(space_keys: Sequence[str]) -> str:
    """Return the CQL condition for these spaces. Each key is a string in it."""
    return f"space in ({', '.join(map(_quoted, space_keys))})"


def _quoted(space_key: str) -> str:
    escaped = space_key.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


@dataclass(kw_only=True, slots=True)
class ExpandedAttributes:
    """The result of a walk over pages, by page id. None is not known."""

    restrictions: dict[str, Restriction | None] = field(default_factory=dict)
    labels: dict[str, frozenset[str] | None] = field(default_factory=dict)
    answers: int = 0  #: that the walk was made of
    has_next: bool = False  #: the last answer named a next one


def walk_attributes(
    client: HttpClient, path: str, query: Query, naming: Naming, tries: int | None, *, by_offset: bool = False
) -> ExpandedAttributes:
    """Walk a listing of v1 whose query expands labels, restrictions or both. Raise what HttpClient raises."""
    found = ExpandedAttributes()
    for answer in client.walk(path, query, max_attempts=tries, by_offset=by_offset):
        found.restrictions.update(read_restrictions(answer.content, naming))
        found.labels.update(read_expanded_labels(answer.content))
        found.answers += 1
        found.has_next = answer.has_next
    return found


def labels_at(client: HttpClient, path: str) -> frozenset[str] | None:
    """Return the labels of one page, listed at `path`; None if they could not be read to the end."""
    try:
        answers = list(client.walk(path, {"limit": WIDEST_EXPANDED}))
        return frozenset().union(*(read_labels(answer.content) for answer in answers))
    except UNANSWERED:
        return None


def restriction_of(client: HttpClient, node_id: str, naming: Naming) -> Restriction:
    """Return the own read restriction of one page or folder, however many users and groups it names.

    Raise NotFound or AccessDenied if it is not visible, and AnswerNotTrusted if the list does not end.
    """
    path = f"rest/api/content/{quote(node_id, safe='')}/restriction/byOperation"
    part = read_own_restriction(client.get(path, {"expand": RESTRICTION_PARTS}), naming)
    if not part.cut:
        return part.restriction
    found, start = Restriction(), 0
    while True:  # from the beginning, since the first answer cannot be continued
        query = {"expand": RESTRICTION_PARTS, "start": start, "limit": _MEMBERS_AT_ONCE}
        part = read_own_restriction(client.get(f"{path}/read", query), naming)
        both = Restriction(users=found.users | part.restriction.users, groups=found.groups | part.restriction.groups)
        if not part.cut:
            return both
        if both == found:
            raise AnswerNotTrusted("A list of who may read a page makes no progress.")
        found, start = both, start + part.width


def complete_labels(
    known: dict[str, frozenset[str] | None],
    ids: Collection[str],
    labels_of: Callable[[str], frozenset[str] | None],
) -> dict[str, frozenset[str] | None]:
    """Return the labels of `ids`: those that are known, and for each other page the answer of a request of its own."""
    return {page_id: labels_of(page_id) if (labels := known.get(page_id)) is None else labels for page_id in ids}

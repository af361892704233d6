"""Asks for labels and restrictions: of many pages by a walk, and of one page by a question. Both flavours."""

from collections.abc import Collection
from dataclasses import dataclass, field
from urllib.parse import quote

from hr_sync.confluence.access_json import (
    ATTRIBUTE_PARTS,
    RESTRICTION_PARTS,
    Naming,
    read_asked_restriction,
    read_expanded_labels,
    read_restrictions,
)
from hr_sync.confluence.cql import SEARCH, pages_labelled
from hr_sync.confluence.http.client import HttpClient, Query
from hr_sync.confluence.json_fields import read_labels
from hr_sync.domain.access import Restriction
from hr_sync.domain.content import Space
from hr_sync.errors import AccessDenied, AnswerNotTrusted, NotFound

WIDEST = 200  #: most entries with an expansion in one answer of v1
_MEMBERS_AT_ONCE = 100


@dataclass(kw_only=True, slots=True)
class ExpandedAttributes:
    """What a walk over pages showed, by page id. None is not known."""

    restrictions: dict[str, Restriction | None] = field(default_factory=dict)
    labels: dict[str, frozenset[str] | None] = field(default_factory=dict)
    answers: int = 0  #: that the walk was made of


def walk_attributes(
    client: HttpClient, path: str, query: Query, naming: Naming, tries: int | None
) -> ExpandedAttributes:
    """Walk a listing of v1 to its end. Raises what the gateway raises."""
    found = ExpandedAttributes()
    for answer in client.walk(path, {**query, "expand": ATTRIBUTE_PARTS}, max_attempts=tries):
        found.restrictions.update(read_restrictions(answer, naming))
        found.labels.update(read_expanded_labels(answer))
        found.answers += 1
    return found


def ask_labelled(client: HttpClient, space: Space, labels: Collection[str], width: int) -> frozenset[str]:
    """Ask the search index for the ids of the pages of a space that carry one of these labels."""
    answers = client.walk(SEARCH, {"cql": pages_labelled(space.key, labels), "limit": width})
    return frozenset(item["id"] for answer in answers for item in answer["results"])


def ask_labels(client: HttpClient, path: str) -> frozenset[str] | None:
    """Walk over the labels of one page, at `path`; None when the page is not to be seen."""
    try:
        answers = list(client.walk(path, {"limit": WIDEST}))
    except (NotFound, AccessDenied):
        return None
    return frozenset(name for answer in answers for name in read_labels(answer))


def ask_restriction(client: HttpClient, node_id: str, naming: Naming) -> Restriction:
    """Ask one page or folder for its own read restriction, however many users and groups it names.

    Raises NotFound and AccessDenied when it is not to be seen, and AnswerNotTrusted when the list does not end.
    """
    path = f"rest/api/content/{quote(node_id, safe='')}/restriction/byOperation"
    part = read_asked_restriction(client.get(path, {"expand": RESTRICTION_PARTS}), naming)
    if not part.cut:
        return part.restriction
    found, start = Restriction(), 0
    while True:  # from the beginning, since the first answer cannot be gone on from
        query = {"expand": RESTRICTION_PARTS, "start": start, "limit": _MEMBERS_AT_ONCE}
        part = read_asked_restriction(client.get(f"{path}/read", query), naming)
        both = Restriction(users=found.users | part.restriction.users, groups=found.groups | part.restriction.groups)
        if not part.cut:
            return both
        if both == found:
            raise AnswerNotTrusted("A list of who may read a page makes no progress.")
        found, start = both, start + part.width

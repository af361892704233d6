"""Decoders of labels and restrictions in v1, alike on Cloud and Data Center but for the ids of users and groups. Pure.

Users and groups are two lists that servers cut at a limit. A list as long as its limit may be incomplete.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hr_sync.confluence.http.response import Json
from hr_sync.confluence.json_fields import FieldError, int_of, object_of, read_labels, storable_str
from hr_sync.domain.access import Restriction
from hr_sync.errors import AnswerNotTrusted

RESTRICTION_PARTS = "restrictions.user,restrictions.group"  #: what has to be expanded of a restriction
LABEL_PARTS = "metadata.labels"  #: of a page
RESTRICTIONS = "restrictions.read.restrictions.user,restrictions.read.restrictions.group"  #: of a page
ATTRIBUTE_PARTS = f"{RESTRICTIONS},{LABEL_PARTS}"
MOST_LABELS = 200  #: that are expanded over one answer, silently and in all (CONFCLOUD-71415)


@dataclass(frozen=True, kw_only=True, slots=True)
class Naming:
    """Which fields hold the ids of users and groups that stay when they are renamed."""

    user: str
    group: str


CLOUD = Naming(user="accountId", group="id")
DATA_CENTER = Naming(user="userKey", group="name")


@dataclass(frozen=True, kw_only=True, slots=True)
class RestrictionPart:
    """One restriction in an answer."""

    restriction: Restriction
    cut: bool  #: there may be more users or groups
    width: int  #: entries in this answer; the next answer continues after them


def read_restriction(item: Mapping[str, Any], naming: Naming) -> RestrictionPart:
    """Return one read restriction from the object below `read`. Raise FieldError if it is incomplete."""
    if item.get("operation") != "read":
        raise FieldError("operation")
    lists = object_of(item, "restrictions")
    users, more_users, user_width = _names(object_of(lists, "user"), naming.user)
    groups, more_groups, group_width = _names(object_of(lists, "group"), naming.group)
    return RestrictionPart(
        restriction=Restriction(users=users, groups=groups),
        cut=more_users or more_groups,
        width=min(user_width, group_width),
    )


def read_own_restriction(answer: Json, naming: Naming) -> RestrictionPart:
    """Return the read restriction in an answer about one page, which names one operation or every one.

    Raise AnswerNotTrusted if it is incomplete.
    """
    try:
        return read_restriction(answer if "operation" in answer else object_of(answer, "read"), naming)
    except FieldError as error:
        raise AnswerNotTrusted(f"Confluence describes a restriction without {error}.") from None


def read_restrictions(answer: Json, naming: Naming) -> dict[str, Restriction | None]:
    """Return the restrictions in one answer of a listing by page id; None where one is cut or incomplete."""
    return {item["id"]: _whole(item, naming) for item in answer["results"]}


def read_expanded_labels(answer: Json) -> dict[str, frozenset[str] | None]:
    """Return the labels in one answer of a listing by page id; None where they are not given or may be cut."""
    found: dict[str, frozenset[str] | None] = {}
    expanded = 0  # with those that are left out
    for item in answer["results"]:
        try:
            entries, cut, _ = _listed(object_of(object_of(item, "metadata"), "labels"))
            found[item["id"]] = None if cut else read_labels({"results": entries})
            expanded += len(entries)
        except (FieldError, AnswerNotTrusted):
            found[item["id"]] = None
    return dict.fromkeys(found) if expanded >= MOST_LABELS else found


def _whole(item: Mapping[str, Any], naming: Naming) -> Restriction | None:
    try:
        part = read_restriction(object_of(object_of(item, "restrictions"), "read"), naming)
    except FieldError:
        return None
    return None if part.cut else part.restriction


def _names(members: Mapping[str, Any], field: str) -> tuple[frozenset[str], bool, int]:
    entries, cut, width = _listed(members)
    return frozenset(storable_str(entry, field) for entry in entries), cut, width


def _listed(members: Mapping[str, Any]) -> tuple[list[Mapping[str, Any]], bool, int]:
    """Return a list within the answer, whether there may be more entries, and its limit."""
    entries, limit = members.get("results"), int_of(members, "limit")
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries) or not limit:
        raise FieldError("results")
    if int_of(members, "size") != len(entries):
        raise FieldError("size")
    return entries, len(entries) >= limit, limit

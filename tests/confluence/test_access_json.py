"""Restrictions and labels in v1's JSON: read whole, known to be cut, or not read at all."""

from copy import deepcopy
from typing import Any

import pytest

from hr_sync.confluence.access_json import (
    CLOUD,
    DATA_CENTER,
    read_expanded_labels,
    read_own_restriction,
    read_restrictions,
)
from hr_sync.domain.access import Restriction
from hr_sync.errors import AnswerNotTrusted

USERS: dict[str, Any] = {"results": [{"accountId": "a", "userKey": "k", "displayName": "A"}], "limit": 200, "size": 1}
GROUPS: dict[str, Any] = {"results": [{"id": "g", "name": "staff"}], "limit": 200, "size": 1}
READ: dict[str, Any] = {"operation": "read", "restrictions": {"user": USERS, "group": GROUPS}}
NOBODY: dict[str, Any] = {"results": [], "limit": 200, "size": 0}


def changed(path: str, value: Any) -> dict[str, Any]:
    """Return READ with something else at a path; None takes it away."""
    document = deepcopy(READ)
    *way, last = path.split(".")
    place: Any = document
    for name in way:
        place = place[int(name) if isinstance(place, list) else name]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return document


def test_users_and_groups_are_read_by_the_ids_that_stay() -> None:
    """Never by a display name."""
    cloud = read_own_restriction({"read": READ, "update": {}}, CLOUD)
    datacenter = read_own_restriction(READ, DATA_CENTER)

    assert (cloud.restriction, cloud.cut) == (Restriction(users=frozenset("a"), groups=frozenset("g")), False)
    assert datacenter.restriction == Restriction(users=frozenset("k"), groups=frozenset({"staff"}))


@pytest.mark.parametrize("path", ["restrictions.user", "restrictions.group"])
def test_a_list_as_long_as_its_limit_is_cut(path: str) -> None:
    """It may go on elsewhere."""
    answer = {"read": changed(f"{path}.limit", 1)}

    assert read_own_restriction(answer, CLOUD).cut
    assert read_restrictions({"results": [{"id": "1", "restrictions": answer}]}, CLOUD) == {"1": None}


@pytest.mark.parametrize(
    "read",
    [
        changed("operation", "update"),
        changed("operation", None),
        changed("restrictions", None),
        changed("restrictions", {"user": USERS}),
        changed("restrictions.user.results", None),
        changed("restrictions.user.results", "none"),
        changed("restrictions.user.results", ["a"]),
        changed("restrictions.user.results.0.accountId", None),
        changed("restrictions.user.results.0.accountId", "a\0"),
        changed("restrictions.user.size", 2),
        changed("restrictions.user.size", None),
        changed("restrictions.group.limit", 0),
        changed("restrictions.group.limit", None),
        changed("restrictions.group.results.0.id", None),
    ],
)
def test_half_a_description_is_no_open_page(read: dict[str, Any]) -> None:
    """Nobody in a list that cannot be read is not the same as nobody restricted."""
    with pytest.raises(AnswerNotTrusted):
        read_own_restriction({"read": read}, CLOUD)
    assert read_restrictions({"results": [{"id": "1", "restrictions": {"read": read}}, {"id": "2"}]}, CLOUD) == {
        "1": None,
        "2": None,
    }


def test_a_page_that_restricts_nothing_says_so() -> None:
    """Two empty lists."""
    read = {"operation": "read", "restrictions": {"user": NOBODY, "group": NOBODY}}

    assert read_restrictions({"results": [{"id": "1", "restrictions": {"read": read}}]}, CLOUD) == {"1": Restriction()}


def labelled(page_id: str, names: list[str], **changes: Any) -> dict[str, Any]:
    """Return a page with its labels expanded."""
    rows = [{"name": name, "prefix": "global"} for name in names]
    return {"id": page_id, "metadata": {"labels": {"results": rows, "limit": 200, "size": len(rows)} | changes}}


def test_labels_are_known_unless_some_may_be_cut() -> None:
    """By the limit of one page's list, or by that of a whole answer, which nothing in it tells."""
    few = [labelled("1", ["a", "b"]), labelled("2", []), labelled("3", ["a"], limit=1), {"id": "4"}]
    many = [labelled("1", [str(number) for number in range(150)]), labelled("2", [str(n) for n in range(50)])]

    mine = deepcopy(many)
    mine[0]["metadata"]["labels"]["results"][0]["prefix"] = "my"  # is left out, and fills the answer all the same

    assert read_expanded_labels({"results": mine}) == {"1": None, "2": None}
    assert read_expanded_labels({"results": few}) == {"1": frozenset("ab"), "2": frozenset(), "3": None, "4": None}
    assert read_expanded_labels({"results": many}) == {"1": None, "2": None}

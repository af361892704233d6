"""Who may read a page: whom its own restriction lets through, and that of everything above it. Pure.

Confluence tells of a page only its own restriction, and inherits all of those above. So:

Rule 1. A restriction names users and groups; each one of them is enough. One that names nobody lets everybody through.
Rule 2. Every restriction on the way up to the top has to let somebody through.
Rule 3. What is not known anywhere on that way makes the readers unknown (None), and unknown is never open.

Everybody here is whoever may view the space.
"""

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from hr_sync.domain.scope import ancestry


@dataclass(frozen=True, kw_only=True, slots=True)
class Restriction:
    """One page's own read restriction, by ids that stay when people and groups are renamed, where there are such."""

    users: frozenset[str] = frozenset()  #: account ids on Cloud, user keys on Data Center
    groups: frozenset[str] = frozenset()  #: ids on Cloud, names on Data Center

    def __bool__(self) -> bool:
        """True when it keeps anybody out."""
        return bool(self.users or self.groups)


EffectiveAcl: TypeAlias = frozenset[Restriction]
"""All restrictions that a reader must get through; empty means that the page is open to everybody."""


def effective_acl(
    page_id: str,
    own: Mapping[str, Restriction | None],
    parents: Mapping[str, str | None],
    lost: Collection[str] = frozenset(),
) -> EffectiveAcl | None:
    """Add up the restrictions from a page to the top; None when one of them, or the way itself, is not known.

    `own` holds each node's own restriction, None where it is unknown, as is one that is absent; `parents` gives the
    parent of each node, None at the top; `lost` are nodes whose parent could not be seen.
    """
    chain = list(ancestry(page_id, parents))
    if parents.get(chain[-1], chain[-1]) is not None:
        return None  # the way ends before the top: a parent is missing, or the chain is a circle
    found: set[Restriction] = set()
    for node_id in chain:
        restriction = own.get(node_id)
        if restriction is None or node_id in lost:
            return None
        if restriction:
            found.add(restriction)
    return frozenset(found)


def as_rows(readers: EffectiveAcl) -> list[dict[str, list[str]]]:
    """Return what is stored: one `{"users": [...], "groups": [...]}` for each restriction, everything sorted."""
    rows = [{"users": sorted(each.users), "groups": sorted(each.groups)} for each in readers]
    return sorted(rows, key=lambda row: (row["users"], row["groups"]))


def acl_digest(readers: EffectiveAcl) -> str:
    """SHA-256 hex over `as_rows`: the same readers give the same digest, in whatever order they came."""
    return hashlib.sha256(json.dumps(as_rows(readers), ensure_ascii=True).encode()).hexdigest()

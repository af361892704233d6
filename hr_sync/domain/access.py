"""A page's labels and its readers: both change without a version and are compared on a clock of their own. Pure.

Readers. Confluence returns only a page's own read restriction, and a page inherits every restriction above it:

1. A restriction names users and groups; each of them suffices. One that names nobody restricts nobody.
2. A reader must pass every restriction on the way up to the top of the space.
3. What is not known anywhere on that way makes the readers unknown (None), and unknown is never open.

The decision table, in which labels and readers are looked up one by one:

    labels shown           stored                      action
    ------------------     ------------------------    ---------
    known                  the same                    NOTHING
    known                  other ones, or not known    RELABEL
    not known              anything                    NOTHING    the last known ones stay

    readers shown          stored                      action
    ------------------     ------------------------    ---------
    known                  the same                    NOTHING
    known                  other ones, or not known    RESTRICT   also when the page gets more readers
    not known              not known                   NOTHING
    not known              known                       RESTRICT   to not known: it must never pass for open

A walk that did not finish gives no values, and nothing is compared with it.
"""

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from hr_sync.domain.changes import ChangeAction
from hr_sync.domain.scope import chain_of


@dataclass(frozen=True, kw_only=True, slots=True)
class Restriction:
    """One page's own read restriction, by ids that stay when people and groups are renamed, where there are such."""

    users: frozenset[str] = frozenset()  #: account ids on Cloud, user keys on Data Center
    groups: frozenset[str] = frozenset()  #: ids on Cloud, names on Data Center

    def __bool__(self) -> bool:
        """Return True if it excludes anybody."""
        return bool(self.users or self.groups)


EffectiveAcl: TypeAlias = frozenset[Restriction]
"""All restrictions that a reader must get through; empty means that the page is open to everybody."""


def effective_acl(
    page_id: str,
    own: Mapping[str, Restriction | None],
    parents: Mapping[str, str | None],
    unresolved: Collection[str] = frozenset(),
) -> EffectiveAcl | None:
    """Return the restrictions from a page up to the top; None if one of them, or the way itself, is not known.

    `own` holds each node's own restriction, None where it is unknown, as is one that is absent; `parents` gives the
    parent of each node, None at the top; `unresolved` are nodes whose parent could not be read.
    """
    chain = chain_of(page_id, parents, unresolved)
    if not chain.complete:
        return None
    found: set[Restriction] = set()
    for node_id in chain.nodes:
        restriction = own.get(node_id)
        if restriction is None:
            return None
        if restriction:
            found.add(restriction)
    return frozenset(found)


def as_rows(readers: EffectiveAcl) -> list[dict[str, list[str]]]:
    """Return what is stored: one `{"users": [...], "groups": [...]}` for each restriction, everything sorted."""
    rows = [{"users": sorted(each.users), "groups": sorted(each.groups)} for each in readers]
    return sorted(rows, key=lambda row: (row["users"], row["groups"]))


def acl_digest(readers: EffectiveAcl) -> str:
    """Return SHA-256 hex over `as_rows`: the same readers give the same digest, in any order."""
    return hashlib.sha256(json.dumps(as_rows(readers), ensure_ascii=True).encode()).hexdigest()


@dataclass(frozen=True, kw_only=True, slots=True)
class PageAttributes:
    """The labels and readers of one page in the source. None is not known."""

    labels: frozenset[str] | None
    readers: EffectiveAcl | None


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredAttributes:
    """The stored labels and readers of one live page. None is not known."""

    labels: frozenset[str] | None
    acl_digest: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class AttributeStep:
    """RELABEL or RESTRICT of one page, and why. Of `attributes` only the half that the action names is written."""

    action: ChangeAction
    page_id: str
    attributes: PageAttributes
    reason: str


NOT_SHOWN = PageAttributes(labels=None, readers=None)


@dataclass(frozen=True, kw_only=True, slots=True)
class OwnAttributes:
    """The own labels and restrictions of the pages of a space, by page id. None, like an absent id, is not known."""

    labels: Mapping[str, frozenset[str] | None]
    restrictions: Mapping[
        str, Restriction | None
    ]  #: None may be a list that was cut: a request for the page itself may return it


def decide_labels(shown: PageAttributes, stored: StoredAttributes) -> tuple[ChangeAction | None, str]:
    """Look the labels up in the decision table. Return the action and the reason, in words for an operator."""
    match shown.labels, stored.labels:
        case frozenset(), None:
            return ChangeAction.RELABEL, "labels are known now"
        case frozenset() as now, frozenset() as before if now != before:
            return ChangeAction.RELABEL, f"labels: {len(now - before)} more, {len(before - now)} fewer"
    return None, "unchanged"


def decide_readers(shown: PageAttributes, stored: StoredAttributes) -> tuple[ChangeAction | None, str]:
    """Look the readers up in the decision table. Return the action and the reason, in words for an operator."""
    match shown.readers, stored.acl_digest:
        case None, str():
            return ChangeAction.RESTRICT, "who may read it is not known any more"
        case frozenset(), None:
            return ChangeAction.RESTRICT, "who may read it is known now"
        case frozenset() as readers, str(digest) if acl_digest(readers) != digest:
            return ChangeAction.RESTRICT, "other people may read it"
    return None, "unchanged"


def plan_attributes(
    shown: Mapping[str, PageAttributes], stored: Mapping[str, StoredAttributes]
) -> tuple[AttributeStep, ...]:
    """Compare the live pages of a space with what the source shows, both by page id. Steps are sorted by page id."""
    return tuple(_steps(shown, stored))


def _steps(shown: Mapping[str, PageAttributes], stored: Mapping[str, StoredAttributes]) -> Iterator[AttributeStep]:
    for page_id in sorted(stored):
        attributes = shown.get(page_id, NOT_SHOWN)
        for decide in (decide_labels, decide_readers):
            action, reason = decide(attributes, stored[page_id])
            if action is not None:
                yield AttributeStep(action=action, page_id=page_id, attributes=attributes, reason=reason)

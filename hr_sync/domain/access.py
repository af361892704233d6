"""A page's badge: its labels and its readers. They change without a version, and are compared on a clock of their own.

The decision table, in which each half of a badge is looked up by itself:

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

A walk that did not finish shows nothing at all, and nothing is compared with it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from hr_sync.domain.acl import EffectiveAcl, Restriction, acl_digest
from hr_sync.domain.plan import Action


@dataclass(frozen=True, kw_only=True, slots=True)
class PageAttributes:
    """What the source shows of one page. None is not known."""

    labels: frozenset[str] | None
    readers: EffectiveAcl | None


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredAttributes:
    """What the mirror has of one live page. None is not known."""

    labels: frozenset[str] | None
    acl_digest: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class AttributeStep:
    """RELABEL or RESTRICT of one page, and why. `badge` holds what is written; the other half of it is left alone."""

    action: Action
    page_id: str
    attributes: PageAttributes
    reason: str


NOT_SHOWN = PageAttributes(labels=None, readers=None)


@dataclass(frozen=True, kw_only=True, slots=True)
class OwnAttributes:
    """What the pages of a space carry themselves, by page id. None, like an id that is absent, is not known."""

    labels: Mapping[str, frozenset[str] | None]
    restrictions: Mapping[str, Restriction | None]  #: None may be a list that was cut: the page itself can be asked


def decide_labels(shown: PageAttributes, stored: StoredAttributes) -> tuple[Action, str]:
    """Look the labels up in the decision table. Gives the action and the reason, in words for an operator."""
    match shown.labels, stored.labels:
        case frozenset(), None:
            return Action.RELABEL, "labels are known now"
        case frozenset() as now, frozenset() as before if now != before:
            return Action.RELABEL, f"labels: {len(now - before)} more, {len(before - now)} fewer"
    return Action.NOTHING, "unchanged"


def decide_readers(shown: PageAttributes, stored: StoredAttributes) -> tuple[Action, str]:
    """Look the readers up in the decision table. Gives the action and the reason, in words for an operator."""
    match shown.readers, stored.acl_digest:
        case None, str():
            return Action.RESTRICT, "who may read it is not known any more"
        case frozenset(), None:
            return Action.RESTRICT, "who may read it is known now"
        case frozenset() as readers, str(digest) if acl_digest(readers) != digest:
            return Action.RESTRICT, "other people may read it"
    return Action.NOTHING, "unchanged"


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
            if action is not Action.NOTHING:
                yield AttributeStep(action=action, page_id=page_id, attributes=attributes, reason=reason)

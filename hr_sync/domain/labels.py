"""A page's labels: they change without a version and are compared on a clock of their own. Pure.

The decision table:

    labels shown           stored                      action
    ------------------     ------------------------    --------
    known                  the same                    nothing
    known                  other ones, or not known    relabel
    not known              anything                    nothing    the last known ones stay

A walk that did not finish gives no values, and nothing is compared with it.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class LabelStep:
    """The new labels of one page, and why they are written."""

    page_id: str
    labels: frozenset[str]
    reason: str


def decide_labels(shown: frozenset[str] | None, stored: frozenset[str] | None) -> str | None:
    """Look labels up in the decision table. Return why they are written, for an operator; None if they are not.

    None among the arguments is not known.
    """
    if shown is None or shown == stored:
        return None
    if stored is None:
        return "labels are known now"
    return f"labels: {len(shown - stored)} more, {len(stored - shown)} fewer"


def plan_labels(
    shown: Mapping[str, frozenset[str] | None], stored: Mapping[str, frozenset[str] | None]
) -> tuple[LabelStep, ...]:
    """Compare the live pages of a space with what the source shows, both by page id. Steps are sorted by page id."""
    return tuple(
        LabelStep(page_id=page_id, labels=labels, reason=reason)
        for page_id in sorted(stored)
        if (labels := shown.get(page_id)) is not None and (reason := decide_labels(labels, stored[page_id])) is not None
    )

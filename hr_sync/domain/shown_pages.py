"""How many pages of a space consumers are shown, why not the others, and the setting or command that changes it. Pure.

Pages with restrictions of their own are normal. A space of which nothing is shown, or whose viewers are not known, is
worth a warning: consumers would be told that there is no such page.
"""

import json
import shlex
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum
from typing import NamedTuple

from hr_sync.domain.access import (
    AccessMode,
    AccessPolicy,
    AccessSet,
    Audience,
    Layer,
    Principal,
    PrincipalKind,
    SpaceViewers,
    audience_passes,
)
from hr_sync.domain.principal_words import GroupFact, NamedPrincipal, listed, named_layer, number, principals_in_words

_MOST_GROUPS = 3  # that are proposed together


class NotShown(StrEnum):
    """Why live pages are not shown to consumers. The first that fits counts."""

    NOT_PROVEN = "not_proven"  #: the space had no complete look for sync.hide_after_hours
    VIEWERS_UNKNOWN = "viewers_unknown"  #: who may view the space is not known
    TOO_OLD = "too_old"  #: what is known of access to the space is older than access.max_age_hours
    UNKNOWN = "unknown"  #: the restriction of the page, or of something above it, or its place is not known
    SPACE = "space_viewers"  #: the space itself is not open to the whole audience
    RESTRICTED = "restricted"  #: restrictions leave out some of those who may view the space


@dataclass(frozen=True, kw_only=True, slots=True)
class SpaceAccess:
    """What is stored of the access to one space."""

    space_key: str
    sets: Sequence[tuple[AccessSet | None, int]]  #: live pages by access set; None: not known
    viewers: Layer | None  #: who may view the space; None: not known
    doubt: str | None = None  #: why the viewers are not known
    access_age: timedelta | None = None  #: of the facts; None: they were never read
    look_age: timedelta | None = None  #: since the last complete look; None: there was none
    unread_nodes: int = 0  #: pages and folders whose own restriction or parent is not known
    groups: Mapping[str, GroupFact] = field(default_factory=dict)  #: by id, those that are known
    is_mirrored: bool = True  #: False: no page is known yet; `sets` has one that stands for them

    @property
    def pages(self) -> int:
        """Return how many pages are live."""
        return sum(count for _, count in self.sets)


@dataclass(frozen=True, kw_only=True, slots=True)
class ShownPages:
    """How many live pages of a space consumers are shown, and why not the others. The reasons add up to the rest."""

    space_key: str
    pages: int  #: live pages of the mirror
    shown: int  #: those that the audience may read
    not_proven: int = 0
    viewers_unknown: int = 0
    too_old: int = 0
    unknown: int = 0
    space_viewers: int = 0
    restricted: int = 0
    viewers: Sequence[NamedPrincipal] | None = None  #: where they leave out some of the audience
    doubt: str | None = None  #: why the viewers are not known
    unread_nodes: int = 0
    audience_groups: Sequence[str] = ()  #: the setting that shows more, if every reader is in these groups
    shown_then: int = 0  #: pages that are shown with it
    message: str | None = None  #: what is not shown, why, and the remedy; None: everything is shown
    is_warning: bool = False

    @property
    def reasons(self) -> dict[str, int]:
        """Return the pages that are not shown, by reason."""
        return {reason.value: count for reason in NotShown if (count := getattr(self, reason.value))}


def shown_pages(space: SpaceAccess, policy: AccessPolicy, licence_groups: Collection[str]) -> ShownPages:
    """Return what consumers are shown of a space under a policy."""
    audience = Audience(groups=policy.audience_groups, licence_groups=frozenset(licence_groups))
    found = _counted(space, policy, audience)
    if found.shown == found.pages:
        return found
    found = replace(found, is_warning=found.shown == 0 or found.viewers_unknown > 0)
    if found.shown == 0 and (found.space_viewers or found.restricted):
        found = _with_proposal(found, space, audience)
    found = replace(found, message=_message(found, space, policy))
    if space.is_mirrored:
        return found
    return replace(found, pages=0, shown_then=0, viewers_unknown=0, space_viewers=0)


def space_of_viewers(
    space_key: str, viewers: SpaceViewers, groups: Mapping[str, GroupFact], *, pages: int
) -> SpaceAccess:
    """Return a space of whose access nothing is known but its viewers; 0 pages are none that are mirrored."""
    access_set = None if viewers.layer is None else frozenset({viewers.layer})
    return SpaceAccess(
        space_key=space_key,
        sets=[(access_set, pages or 1)],
        viewers=viewers.layer,
        doubt=viewers.doubt,
        access_age=timedelta(),
        look_age=timedelta(),
        groups=groups,
        is_mirrored=pages > 0,
    )


def not_read_yet(shown: ShownPages) -> ShownPages:
    """Return the numbers of a space whose viewers the mirror does not have as they are by now, or by the settings."""
    return ShownPages(
        space_key=shown.space_key,
        pages=shown.pages,
        shown=0,
        viewers_unknown=shown.pages,
        message=(
            f"0 of {number(shown.pages, 'page')} of {shown.space_key} are shown until the next run has read who may "
            f"read them: `hr-sync run --access --space {shlex.quote(shown.space_key)}`."
        ),
    )


def audience_words(policy: AccessPolicy, groups: Mapping[str, GroupFact]) -> str:
    """Return whom every page that is shown is open to."""
    if not policy.audience_groups:
        return "every licensed user"
    named = [groups.get(each, GroupFact()).name or each for each in sorted(policy.audience_groups)]
    return f"everybody in group {named[0]}" if len(named) == 1 else f"everybody in the groups {listed(named)}"


def setting(groups: Iterable[str]) -> str:
    """Return the line of the settings file that names these groups."""
    return f"access.audience_groups = {json.dumps(sorted(groups), ensure_ascii=False)}"


def _counted(space: SpaceAccess, policy: AccessPolicy, audience: Audience) -> ShownPages:
    nothing = ShownPages(space_key=space.space_key, pages=space.pages, shown=0)
    if policy.hide_after_hours is not None and _is_older(space.look_age, policy.hide_after_hours):
        return replace(nothing, not_proven=space.pages)
    if policy.mode is AccessMode.ACCOUNT:
        return replace(nothing, shown=space.pages)
    if space.access_age is None or space.viewers is None:
        # What was derived before the viewers became unknown is forgotten with them, so every set is unknown.
        return replace(nothing, viewers_unknown=space.pages, doubt=space.doubt)
    if _is_older(space.access_age, policy.max_age_hours):
        return replace(nothing, too_old=space.pages)
    shown = sum(count for access_set, count in space.sets if audience_passes(access_set, audience))
    unknown = sum(count for access_set, count in space.sets if access_set is None)
    rest = space.pages - shown - unknown
    is_open = audience_passes(frozenset({space.viewers}), audience)
    return replace(
        nothing,
        shown=shown,
        unknown=unknown,
        unread_nodes=space.unread_nodes if unknown else 0,
        space_viewers=0 if is_open else rest,
        restricted=rest if is_open else 0,
        viewers=None if is_open else named_layer(space.viewers, space.groups),
    )


def _is_older(age: timedelta | None, hours: int) -> bool:
    return age is None or age >= timedelta(hours=hours)


def _with_proposal(found: ShownPages, space: SpaceAccess, audience: Audience) -> ShownPages:
    """Add the groups with which most pages of the space are shown, if every reader is in them.

    Only layers that all pages have count: a restriction of single pages is normal.
    """
    known = [(access_set, count) for access_set, count in space.sets if access_set is not None]
    if not known:
        return found
    everywhere = frozenset.intersection(*(access_set for access_set, _ in known))
    for _ in range(_MOST_GROUPS):
        layers = {layer for access_set, _ in known for layer in access_set}
        closed = {layer for layer in layers if not audience_passes(frozenset({layer}), audience)}
        left = [(access_set & closed, count) for access_set, count in known]
        groups = {each for layer in everywhere & closed for each in layer if each.kind is PrincipalKind.GROUP}
        if not groups:
            break
        values = {group: _value_of(group, left, everywhere & closed, space.groups) for group in groups}
        best = max(sorted(groups), key=values.__getitem__)
        audience = replace(audience, groups=audience.groups | {best.id})
        if values[best].shown:
            return replace(found, audience_groups=tuple(sorted(audience.groups)), shown_then=values[best].shown)
    return found


class _Value(NamedTuple):
    """How much a group helps."""

    shown: int  #: pages that are shown with it
    opened: int  #: layers of every page that name it
    members: int


def _value_of(
    group: Principal,
    left: Iterable[tuple[AccessSet, int]],
    closed: Iterable[Layer],
    groups: Mapping[str, GroupFact],
) -> _Value:
    """Return the value of a group; `left` are the pages by those of their layers that the audience does not pass."""
    return _Value(
        shown=sum(count for layers, count in left if all(group in layer for layer in layers)),
        opened=sum(group in layer for layer in closed),
        members=groups.get(group.id, GroupFact()).members or 0,
    )


def _message(found: ShownPages, space: SpaceAccess, policy: AccessPolicy) -> str:
    key = shlex.quote(found.space_key)
    head = f"{found.shown:,} of {number(found.pages, 'page')} of {found.space_key} are"
    if not space.is_mirrored:
        head = f"No page of {found.space_key} is"
    if found.not_proven:
        return (
            f"{head} shown: the space was {_ago(space.look_age, 'looked at completely')}, and "
            f"sync.hide_after_hours is {policy.hide_after_hours}. Look again: `hr-sync run --space {key}`."
        )
    if found.viewers_unknown:
        if space.access_age is None:
            return f"{head} shown: who may read them was never read. Read it: `hr-sync run --access --space {key}`."
        return f"{head} shown: who may view the space is not known. {found.doubt or ''}".rstrip()
    if found.too_old:
        return (
            f"{head} shown: who may read them was {_ago(space.access_age, 'read')}, and access.max_age_hours is "
            f"{policy.max_age_hours}. Read it again: `hr-sync run --access --space {key}`."
        )
    parts = [f"{head} open to {audience_words(policy, space.groups)}"]
    if found.space_viewers:
        parts.append(f"its viewers are {principals_in_words(found.viewers or ())}")
    if found.restricted:
        parts.append(f"restrictions do not let all of them read {number(found.restricted, 'page')}")
    if found.unknown:
        nodes = (
            "" if not found.unread_nodes else f" (Confluence did not show it for {number(found.unread_nodes, 'node')})"
        )
        parts.append(f"who may read {number(found.unknown, 'page')} is not known{nodes}")
    text = f"{parts[0]}: {'; '.join(parts[1:])}."
    if remedy := _remedy(found, space, policy):
        text = f"{text} {remedy}"
    return text


def _remedy(found: ShownPages, space: SpaceAccess, policy: AccessPolicy) -> str | None:
    key = shlex.quote(found.space_key)
    if found.audience_groups:
        added = sorted(set(found.audience_groups) - policy.audience_groups)
        names = [space.groups.get(each, GroupFact()).name or each for each in added]
        members = "it" if found.space_viewers and _is_only_one(found, added) else listed(names)
        return f"If every reader of the chatbot is in {members}: {setting(found.audience_groups)}, then " + (
            f"`hr-sync run --access --space {key}` shows {number(found.shown_then, 'page')}."
            if space.is_mirrored
            else "`hr-sync run`."
        )
    if found.unknown and not found.space_viewers:
        return f"Read it again: `hr-sync run --access --space {key}`."
    if found.is_warning:
        return (
            "No group that all of them name can be set as access.audience_groups: let a group that every reader is in "
            "view them in Confluence, or leave the space out with confluence.spaces or exclude_spaces."
        )
    return None


def _is_only_one(found: ShownPages, added: Sequence[str]) -> bool:
    return [each.id for each in found.viewers or () if each.kind == "group"] == list(added)


def _ago(age: timedelta | None, what: str) -> str:
    return f"never {what}" if age is None else f"last {what} {int(age.total_seconds() // 3600)} h ago"

"""Which spaces a run works on, and what it does with each."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from hr_sync.confluence.source import Source
from hr_sync.domain.content import Space
from hr_sync.domain.outcome import Mode
from hr_sync.domain.scope import SpaceScope, same_space_key
from hr_sync.errors import UNANSWERED, UsageError
from hr_sync.store.store import Store
from hr_sync.store.values import StoredSpace
from hr_sync.sync.context import JobKind, SpaceJob, SyncRequest


@dataclass(frozen=True, kw_only=True, slots=True)
class SpaceSelection:
    """The spaces of a run, sorted by key."""

    every: Sequence[Space]  #: of the configured scope, as far as visible to the account
    chosen: Sequence[Space]  #: those of them that the request is about
    unlisted: Sequence[Space]  #: stored, covered by the settings, and not visible; as far as the request is about them
    unconfigured: Sequence[Space]  #: stored, and not covered by the settings; likewise
    not_visible: Sequence[str]  #: keys that were asked for, in the settings or the request, and that are not visible
    unreadable: Sequence[str]  #: keys of spaces with an invalid description
    warnings: Sequence[str]  #: worth knowing, in words for an operator


def select_spaces(source: Source, store: Store | None, scope: SpaceScope, request: SyncRequest) -> SpaceSelection:
    """Return the spaces of a run; without a store nothing is stored yet.

    Raise UsageError for a requested space that is neither covered nor stored.
    """
    stored = [] if store is None else store.stored_spaces()
    listed = source.spaces() if scope.is_every_space else source.spaces(sorted(set(scope.spaces)))
    followed: Mapping[Space, Sequence[str]] = {}
    if not scope.is_every_space:
        followed = _follow_renamed(source, scope, listed.spaces, stored)
    excluded = {space.id for space in followed if scope.excludes(space.key, space.alias)}
    followed = {space: names for space, names in followed.items() if space.id not in excluded}
    spaces = [space for space in listed.spaces if scope.covers(space.key, space.alias)]
    spaces = sorted({space.id: space for space in (*spaces, *followed)}.values(), key=lambda space: space.key)
    wanted = _Wanted(request.space_keys)
    away = [space for space in stored if space.id not in {each.id for each in spaces}]
    away = [space for space in away if not any(same_space_key(space.key, each.key) for each in spaces)]
    wanted.refuse_unknown(spaces, away, scope)
    covered = {
        space.key
        for space in away
        if space.id not in excluded and scope.covers(space.key, former_names=space.former_keys)
    }
    configured = [] if scope.is_every_space else list(scope.spaces)
    asked = list(request.space_keys) or configured
    if request.cadence is not None:  # nobody has typed the keys
        asked = [key for key in configured if any(same_space_key(key, each) for each in asked)]
    return SpaceSelection(
        every=spaces,
        chosen=[space for space in spaces if wanted.has(space)],
        unlisted=[_space_of(each) for each in away if each.key in covered and wanted.has(each)],
        unconfigured=[_space_of(each) for each in away if each.key not in covered and wanted.has(each)],
        not_visible=_not_visible(asked, spaces, followed),
        unreadable=sorted(listed.unreadable),
        warnings=_warnings(scope, listed.spaces, stored, followed),
    )


def jobs_of(request: SyncRequest, selection: SpaceSelection, *, run_id: int) -> list[SpaceJob]:
    """Return what a run does with each space; only full runs look at spaces that are not listed any more."""
    kind = JobKind.FULL
    if request.failed_pages:
        kind = JobKind.FAILED
    elif request.mode is Mode.INCREMENTAL:
        kind = JobKind.INCREMENTAL
    elif request.mode is Mode.ACCESS:
        kind = JobKind.ACCESS
    mirrored = frozenset(space.id for space in selection.every)

    def job(kind: JobKind, space: Space) -> SpaceJob:
        return SpaceJob(kind=kind, space=space, run_id=run_id, request=request, mirrored_space_ids=mirrored)

    jobs = [job(kind, space) for space in selection.chosen]
    if request.mode is Mode.FULL:
        jobs += [job(JobKind.UNLISTED, space) for space in selection.unlisted]
        jobs += [job(JobKind.UNCONFIGURED, space) for space in selection.unconfigured]
    return jobs


@dataclass(frozen=True, slots=True)
class _Wanted:
    """The spaces that a request names; all if it names none."""

    keys: Sequence[str]

    def has(self, space: Space | StoredSpace) -> bool:
        alias = space.alias if isinstance(space, Space) else None
        names = [name for name in (space.key, alias) if name]
        return not self.keys or any(same_space_key(key, name) for key in self.keys for name in names)

    def refuse_unknown(self, spaces: Sequence[Space], away: Sequence[StoredSpace], scope: SpaceScope) -> None:
        """Raise UsageError for a key that is neither visible, nor stored, nor covered by the settings."""
        known: list[Space | StoredSpace] = [*spaces, *away]
        others = sorted(
            key
            for key in self.keys
            if not any(_Wanted([key]).has(space) for space in known) and (scope.is_every_space or not scope.covers(key))
        )
        if others:
            raise UsageError(
                f"Space {', '.join(others)} is not in the configured scope "
                f"({', '.join(space.key for space in spaces) or 'empty'}). "
                "Add it to confluence.spaces, or ask for one that is there."
            )


def _follow_renamed(
    source: Source, scope: SpaceScope, listed: Sequence[Space], stored: Sequence[StoredSpace]
) -> dict[Space, Sequence[str]]:
    """Find configured spaces that have another key now, as the mirror knows their ids. Return the keys they had too."""
    followed: dict[Space, Sequence[str]] = {}
    for known in stored:
        names = [known.key, *known.former_keys]
        is_meant = scope.covers(known.key, former_names=known.former_keys)
        if known.id is None or not is_meant or any(space.id == known.id for space in listed):
            continue
        try:
            space = source.find_space(Space(id=known.id, key=known.key, name=known.name))
        except UNANSWERED:
            continue
        if not space.archived and not any(same_space_key(space.key, name) for name in scope.spaces):
            followed[space] = names
    return followed


def _not_visible(
    asked: Sequence[str], spaces: Sequence[Space], followed: Mapping[Space, Sequence[str]]
) -> Sequence[str]:
    seen = [name for names in followed.values() for name in names]
    return sorted(
        key
        for key in set(asked)
        if not any(_Wanted([key]).has(space) for space in spaces)
        and not any(same_space_key(key, name) for name in seen)
    )


def _warnings(
    scope: SpaceScope, listed: Sequence[Space], stored: Sequence[StoredSpace], followed: Iterable[Space]
) -> list[str]:
    warnings = [
        f"Space {space.key} had another key when it was configured; the new key is used. Change confluence.spaces."
        for space in followed
    ]
    known = [*listed, *(_space_of(each) for each in stored)]
    if scope.is_every_space:
        warnings += [
            f"confluence.exclude_spaces names {key}, and no such space is visible. Check its key."
            for key in sorted(scope.exclude_spaces)
            if not any(_Wanted([key]).has(space) for space in known)
        ]
    return warnings


def _space_of(stored: StoredSpace) -> Space:
    return Space(id=stored.id or "", key=stored.key, name=stored.name)

"""Counts what is not mirrored of the spaces of a run. What fails here costs nothing else of the run."""

from collections.abc import Sequence

from hr_sync.confluence.content_counts import count_content, has_archived_pages
from hr_sync.domain.content import Space
from hr_sync.domain.not_mirrored import NotMirrored, kinds_not_mirrored
from hr_sync.domain.outcome import Mode
from hr_sync.domain.rounds import Round
from hr_sync.errors import ConfluenceError
from hr_sync.sync.context import SyncContext


def count_not_mirrored(
    context: SyncContext, spaces: Sequence[Space], mode: Mode, current: Round | None
) -> Sequence[NotMirrored]:
    """Count and store what is not mirrored of these spaces, which are all that are mirrored.

    By at most one request a kind and 100 spaces, with full runs alone: other runs look at what has changed. Return
    nothing where another worker has counted in the `current` round.
    """
    if not context.policy.counts_not_mirrored or mode is not Mode.FULL:
        return ()
    if current is not None and context.store.not_mirrored.were_counted_since(current.began_at):
        return ()
    kinds = kinds_not_mirrored(context.scope.pages, has_archived_pages=has_archived_pages(context.source))
    counts = []
    for kind in kinds:
        try:
            counts.append(count_content(context.source, spaces, kind))
        except ConfluenceError:
            counts.append(NotMirrored(kind=kind, count=None))
    context.store.not_mirrored.replace(counts)
    return counts

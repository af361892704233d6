"""Lists a space for a full pass. The pages of a space that is new are written while the listing goes on.

Their bodies come along with the listing, so that nothing is asked for twice. Until the listing is complete only rows of
pages are added that no row knows: a listing that breaks leaves what has arrived, and nothing is hidden or removed.
"""

from contextlib import closing
from dataclasses import dataclass, field, replace

from hr_sync.domain.content import Head, ListedPages, Listing
from hr_sync.errors import AnswerNotTrusted, ServerFailed
from hr_sync.store.values import MAX_PAGES
from hr_sync.sync.apply import write_new_pages
from hr_sync.sync.archived_pages import ArchivedList, list_archived
from hr_sync.sync.context import SpaceRun
from hr_sync.sync.kinds import list_kinds


@dataclass(frozen=True, kw_only=True, slots=True)
class ListedSpace:
    """A listing, and the pages that were written while it went on, or while an earlier one did that broke."""

    listing: Listing
    doubt: str | None = None  #: why it says nothing about blog posts, although they are mirrored
    archived: ArchivedList = field(default_factory=ArchivedList)
    written: frozenset[str] = frozenset()
    refused: frozenset[str] = frozenset()  #: by the database; their failures are recorded


@dataclass(slots=True)
class _Pages:
    """What was written so far."""

    written: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)


def list_space(run: SpaceRun) -> ListedSpace:
    """List a space, and write its pages meanwhile if it is new. Raise what `Source.listing` raises.

    Blog posts and archived pages are listed after the pages, without their bodies.
    """
    listed = _list_current(run)
    scope = run.context.scope.pages
    archived = list_archived(run.source, run.space, scope, run.state.scope_fingerprint)
    return replace(listed, archived=archived)


def _list_current(run: SpaceRun) -> ListedSpace:
    kinds = run.context.scope.pages.kinds
    if not _is_new(run):
        listed = list_kinds(run.source, run.space, kinds)
        return ListedSpace(listing=listed.listing, doubt=listed.doubt)
    pages = _Pages()
    try:
        listing = _list_and_write(run, pages)
    except (AnswerNotTrusted, ServerFailed) as failure:
        if isinstance(failure, ServerFailed) and failure.retry_after_seconds is not None:
            raise
        listing = run.source.listing(run.space)
    listed = list_kinds(run.source, run.space, kinds, pages=listing)
    return ListedSpace(
        listing=listed.listing,
        doubt=listed.doubt,
        written=frozenset(pages.written),
        refused=frozenset(pages.refused),
    )


def _is_new(run: SpaceRun) -> bool:
    """Return True if the mirror has no page of the space, and every page of it is in scope."""
    is_everything = run.context.scope.pages.is_everything
    return is_everything and run.state.watermark is None and not run.store.stored_pages()


def _list_and_write(run: SpaceRun, pages: _Pages) -> Listing:
    heads: dict[str, Head] = {}
    unreadable: dict[str, str] = {}
    began_at = None
    with closing(run.fetcher.in_turn(run.source.listing_with_bodies(run.space))) as answers:
        for number, answer in enumerate(answers):
            began_at = answer.began_at if number == 0 else began_at
            heads.update(answer.heads)
            unreadable.update(answer.unreadable)
            _write(run, answer, pages)
            run.context.on_progress(run.space.key, len(heads), None)
    run.context.on_progress(run.space.key, len(heads), len(heads))
    return Listing(space=run.space, heads=heads, unreadable=unreadable, began_at=began_at)


def _write(run: SpaceRun, answer: ListedPages, pages: _Pages) -> None:
    """Write the pages of an answer that are new, and let go of each chunk of bodies as soon as it is written."""
    done = run.store.stored_by_id(list(answer.pages)).keys() | pages.refused
    new = sorted(answer.pages.keys() - done)
    for start in range(0, len(new), MAX_PAGES):
        some = new[start : start + MAX_PAGES]
        result = write_new_pages(run, [answer.pages.pop(page_id) for page_id in some])
        pages.written |= set(some) - result.failed - result.superseded
        pages.refused |= result.failed

"""Lists a space for a full pass. The pages of a space that is new are written while the listing goes on.

Their bodies come along with the listing, so that nothing is asked for twice. Until the listing is complete only rows of
pages are added that no row knows: a listing that breaks leaves what has arrived, and nothing is hidden or removed.
"""

from contextlib import closing
from dataclasses import dataclass

from hr_sync.domain.content import Head, Listing
from hr_sync.errors import AnswerUnusable, ServerFailed
from hr_sync.sync.apply import write_new_pages
from hr_sync.sync.context import SpaceRun


@dataclass(frozen=True, kw_only=True, slots=True)
class ListedSpace:
    """A listing, and what was written while it went on."""

    listing: Listing
    written: int = 0  #: pages
    refused: frozenset[str] = frozenset()  #: pages that the database refused; their failures are recorded


def list_space(run: SpaceRun) -> ListedSpace:
    """List a space, and write its pages meanwhile if it is new. Raise what `Source.listing` raises."""
    if not _is_new(run):
        return ListedSpace(listing=run.source.listing(run.space))
    try:
        return _list_and_write(run)
    except (AnswerUnusable, ServerFailed) as failure:
        if isinstance(failure, ServerFailed) and failure.retry_after_seconds is not None:
            raise
    return ListedSpace(listing=run.source.listing(run.space))


def _is_new(run: SpaceRun) -> bool:
    """Return True if the mirror has no page of the space, and every page of it is in scope."""
    is_everything = run.context.scope.pages.is_everything
    return is_everything and run.state.watermark is None and not run.store.stored_pages()


def _list_and_write(run: SpaceRun) -> ListedSpace:
    heads: dict[str, Head] = {}
    unreadable: dict[str, str] = {}
    refused = frozenset[str]()
    began_at, is_first, before = None, True, run.counts.inserted
    with closing(run.fetcher.read_ahead(run.source.listing_with_bodies(run.space))) as answers:
        for answer in answers:
            began_at, is_first = (answer.began_at if is_first else began_at), False
            heads.update(answer.heads)
            unreadable.update(answer.unreadable)
            known = run.store.stored_by_id(list(answer.pages))
            new = [page for page_id, page in answer.pages.items() if page_id not in known]
            refused |= write_new_pages(run, new)
            run.context.on_progress(run.space.key, len(heads), len(heads))
    listing = Listing(space=run.space, heads=heads, unreadable=unreadable, began_at=began_at)
    return ListedSpace(listing=listing, written=run.counts.inserted - before, refused=refused)

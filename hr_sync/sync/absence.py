"""Looks up pages that a listing lacks, and decides about them by the rules of `hr_sync.domain.deletion`."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from hr_sync.confluence.source import Source
from hr_sync.domain.content import ContentKind, KindById, Space, StoredPage
from hr_sync.domain.deletion import DeletionDecision, HoldState, LookupStatus, decide_absent
from hr_sync.errors import AnswerNotTrusted, NotFound
from hr_sync.sync.fetch import BodyFetcher
from hr_sync.sync.kinds import look_up_each

Hide = Callable[[Sequence[DeletionDecision]], object]
"""Hides the pages of the decisions that say so; a dry run passes `hide_nothing`."""

_PAGES_PER_CHECK = (
    500  # looked up between two access checks; their result is written before the next chunk is looked up
)
Item = TypeVar("Item")

_KNOWN_PAGES = 3  # read in turn by an access check, since one page may fail by itself


def hide_nothing(_decisions: Sequence[DeletionDecision]) -> None:
    """Hide nothing: for a dry run."""


def verify_absent(
    source: Source,
    fetcher: BodyFetcher,
    space: Space,
    absent: Sequence[StoredPage],
    *,
    known_pages: KindById | None,
    mirrored_space_ids: frozenset[str],
    hold: HoldState,
    hide: Hide,
    listed: bool = False,
    keeps_archived: bool = False,
) -> list[DeletionDecision]:
    """Look each page up by itself, between two access checks, and decide. Hide pages with evidence, chunk by chunk.

    Pages and blog posts apart: the access checks read what the space has shown of the same kind.

    No list of many pages is used: it may lag as the listing does, and would agree with it about a page that was in the
    trash for a minute.

    `known_pages` are pages that the space has just shown, None where no page of the space is known to be visible.
    `listed`: the listing showed these pages, and their bodies could not be fetched. `keeps_archived`: archived pages
    are mirrored. Raise AnswerNotTrusted if an access check fails: the answers in between are no evidence.
    """
    decisions: list[DeletionDecision] = []
    asked = {page.id for page in absent}
    others = {page_id: kind for page_id, kind in (known_pages or {}).items() if page_id not in asked}
    for kind, pages in _chunks_by_kind(absent):
        known = None if known_pages is None else _some_of(others, kind)
        check_access(source, space, known)
        lookups = look_up_each(source, fetcher, {page.id: page.kind for page in pages})
        check_access(source, space, known)
        decided = [
            decide_absent(
                page,
                lookup,
                space_id=space.id,
                mirrored_space_ids=mirrored_space_ids,
                listed=listed,
                hold=hold,
                keeps_archived=keeps_archived,
            )
            for page, lookup in zip(pages, lookups, strict=True)
        ]
        hide(decided)
        decisions += decided
    return decisions


def _chunks_by_kind(absent: Sequence[StoredPage]) -> Iterator[tuple[ContentKind, Sequence[StoredPage]]]:
    for kind in ContentKind:
        for pages in in_chunks([page for page in absent if page.kind is kind]):
            yield kind, pages


def _some_of(pages: KindById, kind: ContentKind) -> KindById:
    return dict.fromkeys(spread([page_id for page_id, each in pages.items() if each is kind]), kind)


def check_access(source: Source, space: Space, known_pages: KindById | None) -> None:
    """Check that the account is known, and may view the space and a page that its listing has just returned.

    An expired token answers 404 to everything, which would pass for a space full of deleted pages. The known pages are
    read by id, as the pages in question are, and one that answers suffices. Raise AnswerNotTrusted, CredentialsRefused.
    """
    check_account_and_space(source, space, is_known=known_pages is not None)
    if known_pages and not any(source.lookup(*page).result is LookupStatus.FOUND for page in known_pages.items()):
        raise access_lost(space)


def check_account_and_space(source: Source, space: Space, *, is_known: bool = True) -> None:
    """Check that the account is known and, if the space is known to be visible, that it still may view it."""
    source.check_account()
    if not is_known:
        return
    try:
        source.find_space(space)
    except NotFound:
        raise access_lost(space) from None


def access_lost(space: Space) -> AnswerNotTrusted:
    """Return the error of an access check that failed."""
    return AnswerNotTrusted(
        f"Confluence no longer shows what it listed of space {space.key} a moment ago, so nothing is concluded from "
        "what it does not show.",
        remedy="Check that the token has not expired, and that the account may still view the space: `hr-sync check`.",
    )


def spread(page_ids: Sequence[str]) -> list[str]:
    """Return a few ids from the beginning, the middle and the end."""
    if len(page_ids) <= _KNOWN_PAGES:
        return list(page_ids)
    return [page_ids[0], page_ids[len(page_ids) // 2], page_ids[-1]]


def in_chunks(pages: Sequence[Item]) -> Iterator[Sequence[Item]]:
    """Yield what is looked up between two access checks."""
    for start in range(0, len(pages), _PAGES_PER_CHECK):
        yield pages[start : start + _PAGES_PER_CHECK]


def never_stored(pages: KindById, space: Space) -> list[StoredPage]:
    """Return placeholders for pages that were never stored. They count as removed, so none of them can be hidden."""
    return [
        StoredPage(
            id=page_id,
            space_key=space.key,
            space_id=space.id,
            version=0,
            metadata_digest="",
            removed=True,
            has_body=False,
            kind=kind,
        )
        for page_id, kind in sorted(pages.items())
    ]

"""Repeats reads: with fewer entries an answer after a failure, and until two walks agree. Contains no HTTP."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Generic, TypeVar

from hr_sync.domain.content import Fetched
from hr_sync.errors import UNANSWERED, AnswerNotTrusted, AnswerTooSlow, AnswerUnusable, ScopeMissing, ServerFailed

Found = TypeVar("Found")

NARROWEST = 5  #: entries in one answer; each halving below it would double the requests of the whole walk
TRIES_WHEN_WIDE = 2  #: of a request that may be made narrower
MAX_WALKS = 6


def with_smaller_pages(
    walk: Callable[[int, int | None], Found], widest: int, check_site: Callable[[], None] | None = None
) -> Found:
    """Walk with `widest` entries an answer; halve that and repeat while an answer cannot be used.

    `walk` gets the width and the attempts of a request (None: the default). `check_site` raises if the whole site does
    not answer in time.

    A server that fails, times out or gives too much for a wide request often answers a narrower one. The walk begins
    anew each time: a cursor is valid only for the width that it was made for. The widest is tried as often as any
    request, since most failures pass; then each width twice; so a server that is down costs seconds and not minutes. A
    listing cannot skip an entry that breaks every answer holding it: the walk raises the error of the narrowest width,
    and the lower limit avoids one request for each page of the space. After a `Retry-After` no smaller request is sent.
    """
    width, tries = widest, None
    while True:
        try:
            return walk(width, tries)
        except (AnswerUnusable, ServerFailed) as error:
            if width <= NARROWEST or (isinstance(error, ServerFailed) and error.retry_after_seconds is not None):
                raise
            if isinstance(error, AnswerTooSlow) and check_site is not None:
                check_site()
        width = max(width // 2, NARROWEST)
        tries = TRIES_WHEN_WIDE


def fetch_in_halves(
    ids: Sequence[str], fetch: Callable[[Sequence[str]], Fetched], check_account: Callable[[], None]
) -> Fetched:
    """Fetch pages together; if that fails, in halves, down to single pages. A page that fails alone is unreadable.

    One bad page never blocks the others. `check_account` raises if the cause is the site or our account: it is called
    for a single page, and before a request that timed out is halved.
    """
    if not ids:
        return Fetched(pages={}, unreadable={}, absent=frozenset())
    try:
        return fetch(ids)
    except ScopeMissing:  # about the token, whichever page is asked for
        raise
    except UNANSWERED as error:
        if len(ids) == 1:
            check_account()
            return Fetched(pages={}, unreadable={ids[0]: str(error)}, absent=frozenset())
        if isinstance(error, AnswerTooSlow):
            check_account()
    middle = len(ids) // 2
    return Fetched.joined(
        fetch_in_halves(ids[:middle], fetch, check_account), fetch_in_halves(ids[middle:], fetch, check_account)
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Walked(Generic[Found]):
    """The entries of one walk over a listing by offset."""

    found: Found
    ids: frozenset[str]  #: of all entries
    is_proven: bool  #: no second walk is needed, e.g. because one answer held everything


def list_until_stable(walk: Callable[[int], Walked[Found]], widths: tuple[int, int]) -> Found:
    """Walk until two walks in a row show the same ids, and return what the later one found.

    Pages of a listing by offset shift while something before them comes or goes, so that an entry is skipped, which a
    single walk cannot detect. Two walks that skip the same one would need the same edit at the same place, and not even
    that suffices when their answers end at other places: hence two widths in turn. The same applies to a walk that
    ended with empty answers although each had a `next`. Raise AnswerNotTrusted if no two agree.
    """
    before: Walked[Found] | None = None
    for width in islice(cycle(widths), MAX_WALKS):
        walked = walk(width)
        if walked.is_proven or (before is not None and walked.ids == before.ids):
            return walked.found
        before = walked
    raise AnswerNotTrusted(
        f"A listing by offset differed each time, {MAX_WALKS} times.",
        remedy="Run again when fewer people edit; Data Center 7.18 and newer can list without offsets.",
    )

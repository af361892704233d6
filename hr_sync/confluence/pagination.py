"""When a listing is walked again from its beginning: narrower, or to see whether pages have shifted. Knows no HTTP."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Generic, TypeVar

from hr_sync.errors import AnswerNotTrusted, ServerFailed

Found = TypeVar("Found")

NARROWEST = 5  #: entries in one answer; what fails on so few fails for another reason
TRIES_WHEN_WIDE = 2  #: of a request that may be made narrower
MOST_WALKS = 6


def with_smaller_pages(walk: Callable[[int, int | None], Found], widest: int) -> Found:
    """Walk with `widest` entries in an answer, and again with half of that as long as the server fails.

    `walk` gets the width, and how often to try a request (None: as often as any).

    A server that times out on a wide request (504) often answers a narrower one. The walk begins anew each time: a
    cursor is good for the width alone that it was given for. The widest is tried as often as any request, since most
    failures pass; then each width twice; so a server that is down costs seconds and not minutes.
    Raises ServerFailed when the narrowest fails too, or when the server names a time to come back.
    """
    width, tries = widest, None
    while True:
        try:
            return walk(width, tries)
        except ServerFailed as error:
            if width <= NARROWEST or error.retry_after_seconds is not None:
                raise
        width = max(width // 2, NARROWEST)
        tries = TRIES_WHEN_WIDE


@dataclass(frozen=True, kw_only=True, slots=True)
class Walked(Generic[Found]):
    """What one walk over a listing found."""

    found: Found
    ids: frozenset[str]  #: of all entries
    answers: int  #: that the walk was made of


def list_until_stable(walk: Callable[[int], Walked[Found]], widths: tuple[int, int]) -> Found:
    """Walk until two walks in a row show the same ids, and give what the later one found.

    Pages of a listing by offset shift while something before them comes or goes, so that an entry is skipped and no
    single walk can tell. Two walks that skip the same one would need the same edit at the same place, and not even
    that suffices when their answers end at other places: hence two widths in turn. A listing of one answer was taken at
    one moment and is believed. Raises AnswerNotTrusted when no two agree.
    """
    before: Walked[Found] | None = None
    for width in islice(cycle(widths), MOST_WALKS):
        walked = walk(width)
        if walked.answers == 1 or (before is not None and walked.ids == before.ids):
            return walked.found
        before = walked
    raise AnswerNotTrusted(
        f"A listing by offset showed something else each time, {MOST_WALKS} times.",
        remedy="Run again when fewer people edit; Data Center 7.18 and newer can list without offsets.",
    )

"""Reads a long listing from both ends at the same time: two walks in opposite orders, until they meet."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from hr_sync.confluence.http.response import Answer
from hr_sync.errors import AnswerUnusable


def from_both_ends(upwards: Iterator[Answer], downwards: Iterator[Answer], *, alone: int) -> Iterator[Answer]:
    """Yield the answers of two walks in turn, each while its next one is requested. Raise what a walk raises.

    The second walk begins when the first one goes on after `alone` answers: up to two requests are made in vain, which
    has to pay. The end is where one has ended or both have shown the same entry. They have shown everything then, but
    for entries that are equal in the order. A second walk that begins with entries of the first one is ignored: the
    server may not know the order.
    """
    walks, shown = (upwards, downwards), (set[str](), set[str]())
    with ThreadPoolExecutor(2, thread_name_prefix="listing") as pool:
        coming: deque[tuple[int, Future[Answer | None]]] = deque([(0, pool.submit(next, upwards, None))])
        while coming:
            number, future = coming.popleft()
            answer = future.result()
            if answer is None:
                return
            entries = {entry["id"] for entry in answer.content["results"]}
            have_met = not entries.isdisjoint(shown[1 - number])
            if have_met and number == 1 and not shown[1]:
                continue
            if not have_met:
                coming.append((number, pool.submit(next, walks[number], None)))
                alone -= number == 0
                if number == alone == 0 and answer.has_next:
                    coming.append((1, pool.submit(next, downwards, None)))
            shown[number].update(entries)
            yield answer
            if have_met:
                return


def read_ahead(answers: Iterator[Answer]) -> Iterator[Answer]:
    """Yield the answers of one walk, each while the next one is requested. Raise what the walk raises."""
    with ThreadPoolExecutor(1, thread_name_prefix="listing") as pool:
        coming = pool.submit(next, answers, None)
        while (answer := coming.result()) is not None:
            coming = pool.submit(next, answers, None)
            yield answer


def in_order_of_ids(answers: Iterator[Answer], *, descending: bool) -> Iterator[Answer]:
    """Yield the answers of a walk. Raise AnswerUnusable if its entries are not in the order of their ids.

    Two walks of which one is in another order may meet before they have shown everything.
    """
    last: int | None = None
    for answer in answers:
        for entry in answer.content["results"]:
            number = int(entry["id"]) if entry["id"].isascii() and entry["id"].isdigit() else None
            if number is None or (last is not None and (number >= last if descending else number <= last)):
                raise AnswerUnusable("Confluence does not list pages in the order of their ids.")
            last = number
        yield answer

"""Two walks in opposite orders show each entry, whatever their lengths, and the requests made in vain are few."""

from collections.abc import Iterator, Sequence
from contextlib import closing

import pytest
from confluence_simulator import Simulator

from hr_sync.confluence import cloud_walks, nodes
from hr_sync.confluence.both_ends import from_both_ends, in_order_of_ids, read_ahead
from hr_sync.confluence.cloud import CloudSource
from hr_sync.confluence.http.response import Answer
from hr_sync.errors import AnswerUnusable, ServerFailed
from tests.confluence.clients import open_client
from tests.support.wiring import world_of

WIDTH = 3


class Walk:
    """A walk over some entries, as `HttpClient.walk` does it; `asked` counts its requests."""

    def __init__(self, entries: Sequence[int], *, fails_at: int | None = None) -> None:
        self._entries = [str(each) for each in entries]
        self._fails_at = fails_at
        self.asked = 0

    def __iter__(self) -> Iterator[Answer]:
        for start in range(0, max(len(self._entries), 1), WIDTH):
            self.asked += 1
            if self.asked == self._fails_at:
                raise ServerFailed("down")
            some = [{"id": each} for each in self._entries[start : start + WIDTH]]
            yield Answer(content={"results": some}, date=None, has_next=start + WIDTH < len(self._entries))


def shown(answers: Iterator[Answer]) -> list[int]:
    return [int(entry["id"]) for answer in answers for entry in answer.content["results"]]


@pytest.mark.parametrize("alone", [1, 2, 8])
@pytest.mark.parametrize("size", [*range(14), 50, 51, 52])
def test_every_entry_is_shown_with_few_requests_in_vain(size: int, alone: int) -> None:
    upwards, downwards = Walk(range(size)), Walk(range(size)[::-1])
    seen = shown(from_both_ends(iter(upwards), iter(downwards), alone=alone))

    assert set(seen) == set(range(size))
    needed = max(-(-size // WIDTH), 1)
    assert needed <= upwards.asked + downwards.asked <= needed + 3
    assert (downwards.asked > 0) == (needed > alone)
    if size >= 50 and alone == 1:
        assert abs(upwards.asked - downwards.asked) <= 2, "each reads about half"


@pytest.mark.parametrize("size", [10, 50])
def test_a_second_walk_in_the_same_order_is_ignored(size: int) -> None:
    upwards, downwards = Walk(range(size)), Walk(range(size))

    assert shown(from_both_ends(iter(upwards), iter(downwards), alone=1)) == list(range(size))
    assert downwards.asked == 1


@pytest.mark.parametrize("end", [0, 1])
def test_what_a_walk_raises_is_raised(end: int) -> None:
    walks = [Walk(range(50)), Walk(range(50)[::-1])]
    walks[end] = Walk(range(50)[:: 1 - 2 * end], fails_at=3)

    with pytest.raises(ServerFailed):
        shown(from_both_ends(iter(walks[0]), iter(walks[1]), alone=1))


def test_entries_that_come_in_between_hold_nobody_up() -> None:
    """The walks have no entry in common where each ends before the other's end: then one has shown everything."""
    assert set(shown(from_both_ends(iter(Walk(range(30))), iter(Walk(range(60, 29, -1))), alone=1))) >= set(range(30))


def test_nothing_is_requested_once_the_answers_are_not_wanted() -> None:
    upwards, downwards = Walk(range(300)), Walk(range(300)[::-1])
    with closing(from_both_ends(iter(upwards), iter(downwards), alone=1)) as answers:  # type: ignore[type-var]
        for _ in range(4):
            next(answers)
    assert upwards.asked + downwards.asked <= 6


@pytest.mark.parametrize(
    ("entries", "descending"), [([1, 2, 4, 3], False), ([4, 3, 1, 2], True), ([1, 1], False), ([1, 2], True)]
)
def test_ids_in_another_order_are_refused(entries: list[int], descending: bool) -> None:
    with pytest.raises(AnswerUnusable, match="order of their ids"):
        shown(in_order_of_ids(iter(Walk(entries)), descending=descending))


def test_an_id_that_is_no_number_has_no_order() -> None:
    answer = Answer(content={"results": [{"id": "٣"}]}, date=None, has_next=False)
    with pytest.raises(AnswerUnusable, match="order of their ids"):
        list(in_order_of_ids(iter([answer]), descending=False))


def test_the_nodes_of_a_large_space_are_read_from_both_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nodes, "_ALONE", 1)
    world = world_of(1_300)
    with Simulator(world) as site, open_client(site.site_url) as client:
        source = CloudSource(client)
        space = source.spaces().spaces[0]
        facts = source.node_facts(space)
        queries = [dict(each.query)["cql"] for each in site.requests if each.route.endswith("/content/search")]

    assert facts.keys() >= {page.id for page in world.pages()}
    assert all(fact.parent_known and fact.restriction is not None for fact in facts.values())
    assert {query.rpartition(" order by ")[2] for query in queries} == {"created", "created desc"}
    assert len(queries) <= 7 + 3


def test_one_walk_is_read_one_answer_ahead() -> None:
    walk = Walk(range(10))
    with closing(read_ahead(iter(walk))) as answers:  # type: ignore[type-var]
        assert shown(iter([next(answers)])) == [0, 1, 2]
    assert walk.asked == 2, "closing waits for the request that is under way"
    assert shown(read_ahead(iter(Walk(range(10))))) == list(range(10))
    with pytest.raises(ServerFailed):
        shown(read_ahead(iter(Walk(range(10), fails_at=3))))


def test_the_walk_keeps_nothing_of_an_answer_that_was_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """It refers to its last answer until the next one arrives: bodies that are written meanwhile could not be freed."""
    walked: list[Answer] = []

    def noted(answers: Iterator[Answer], *, descending: bool) -> Iterator[Answer]:
        for answer in in_order_of_ids(answers, descending=descending):
            walked.append(answer)
            yield answer

    monkeypatch.setattr(cloud_walks, "in_order_of_ids", noted)
    monkeypatch.setattr(cloud_walks, "WIDEST", WIDTH)
    with Simulator(world_of(2 * WIDTH)) as site, open_client(site.site_url) as client:
        source = CloudSource(client)
        (space,) = source.spaces().spaces
        with closing(source.listing_with_bodies(space)) as answers:  # type: ignore[type-var]
            pages = next(answers).pages
            assert len(pages) == WIDTH
            assert walked[0].content["results"] == []

"""Which pages lie in a page tree, whatever their tree looks like."""

import random

from hr_sync.domain.scope import PageScope, ancestry, unknown_above

#       1
#      / \
#     2   5
#    / \    \
#   3   4    folder → 6
PARENTS = {"1": None, "2": "1", "3": "2", "4": "2", "5": "1", "folder": "5", "6": "folder"}


def inside(scope: PageScope) -> set[str]:
    """Name the pages that a scope covers."""
    return {page_id for page_id in PARENTS if scope.covers(page_id, PARENTS)}


def test_without_trees_everything_is_covered() -> None:
    """An empty scope is the whole space."""
    assert PageScope().everything
    assert inside(PageScope()) == PARENTS.keys()


def test_a_tree_is_its_top_and_all_below_it() -> None:
    """A folder in between does not cut the tree."""
    assert inside(PageScope(page_trees=frozenset({"2"}))) == {"2", "3", "4"}
    assert inside(PageScope(page_trees=frozenset({"5", "3"}))) == {"3", "5", "folder", "6"}


def test_exclusion_wins() -> None:
    """A page below an excluded one is out, though a chosen one stands above both."""
    scope = PageScope(page_trees=frozenset({"1"}), exclude_page_trees=frozenset({"2"}))

    assert inside(scope) == {"1", "5", "folder", "6"}


def test_a_cycle_ends() -> None:
    """Parents that go round in a circle are walked once."""
    assert list(ancestry("a", {"a": "b", "b": "c", "c": "a"})) == ["a", "b", "c"]


def test_an_unknown_parent_is_named_once() -> None:
    """What stands above the listed pages and is not among them has to be asked for."""
    assert unknown_above({"1": None, "2": "1", "3": "folder", "4": "folder"}) == {"folder"}


def test_the_fingerprint_follows_the_set() -> None:
    """The order of the ids does not matter, their side does."""
    one = PageScope(page_trees=frozenset({"1", "2"}))

    assert one.fingerprint == PageScope(page_trees=frozenset(["2", "1"])).fingerprint
    assert one.fingerprint != PageScope(exclude_page_trees=frozenset({"1", "2"})).fingerprint


def test_random_trees_agree_with_walking_down() -> None:
    """Walking up from a page covers exactly what walking down from the tops reaches."""
    chance = random.Random(20)  # noqa: S311 -- a reproducible tree, no secret
    for _ in range(200):
        size = chance.randint(1, 40)
        parents = {str(n): None if n == 0 else str(chance.randrange(n)) for n in range(size)}
        tops = frozenset(chance.sample(sorted(parents), chance.randint(1, min(3, size))))
        reached, frontier = set(tops), set(tops)
        while frontier:
            frontier = {child for child, parent in parents.items() if parent in frontier} - reached
            reached |= frontier

        scope = PageScope(page_trees=tops)
        assert {page_id for page_id in parents if scope.covers(page_id, parents)} == reached

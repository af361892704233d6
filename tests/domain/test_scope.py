"""Which spaces and pages are mirrored: the decision table of `hr_sync.domain.scope`, and the way up that it needs."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain as chained
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hr_sync.domain.scope import (
    MAX_LEVELS,
    Chain,
    PageScope,
    SpaceScope,
    ancestry,
    chain_of,
    same_space_key,
    unresolved_in,
)

TREES = PageScope(page_trees=frozenset({"in"}), exclude_page_trees=frozenset({"out"}))
ONLY_IN = PageScope(page_trees=frozenset({"in"}))
ONLY_OUT = PageScope(exclude_page_trees=frozenset({"out"}))
LABELS = PageScope(include_labels=frozenset({"policy", "public"}), exclude_labels=frozenset({"secret", "draft"}))
ONLY_WITH = PageScope(include_labels=frozenset({"policy"}))
ONLY_WITHOUT = PageScope(exclude_labels=frozenset({"secret"}))
BOTH = PageScope(
    page_trees=frozenset({"in"}),
    exclude_page_trees=frozenset({"out"}),
    include_labels=frozenset({"policy"}),
    exclude_labels=frozenset({"secret"}),
)


def way(*nodes: str) -> Chain:
    """Return a page and everything above it, known to the top."""
    return Chain(nodes=nodes, complete=True)


def part(*nodes: str) -> Chain:
    """Return a page and what is known above it, which is not all."""
    return Chain(nodes=nodes, complete=False)


@pytest.mark.parametrize(
    ("scope", "chain", "labels", "in_scope"),
    [
        # Nothing is configured: nothing needs to be known.
        (PageScope(), way("p"), set(), True),
        (PageScope(), part("p"), None, True),
        # Page trees.
        (ONLY_IN, way("p", "in"), None, True),
        (ONLY_IN, way("in"), None, True),
        (ONLY_IN, way("p", "folder", "in", "top"), None, True),
        (ONLY_IN, way("p", "top"), None, False),
        (ONLY_IN, part("p", "in"), None, True),
        (ONLY_IN, part("p"), None, None),
        (ONLY_OUT, way("p", "top"), None, True),
        (ONLY_OUT, way("out"), None, False),
        (ONLY_OUT, way("p", "whiteboard", "out"), None, False),
        (ONLY_OUT, part("p", "out"), None, False),
        (ONLY_OUT, part("p", "whiteboard"), None, None),
        (TREES, way("p", "in"), None, True),
        (TREES, way("p", "out", "in"), None, False),
        (TREES, way("p", "in", "out"), None, False),
        (TREES, way("p"), None, False),
        (TREES, part("p", "in"), None, None),
        (TREES, part("p", "in", "out"), None, False),
        (TREES, part("p"), None, None),
        # Labels.
        (ONLY_WITH, part("p"), {"policy", "secret"}, True),
        (ONLY_WITH, part("p"), {"other"}, False),
        (ONLY_WITH, part("p"), set(), False),
        (ONLY_WITH, way("p"), None, None),
        (ONLY_WITHOUT, part("p"), set(), True),
        (ONLY_WITHOUT, part("p"), {"policy"}, True),
        (ONLY_WITHOUT, part("p"), {"policy", "secret"}, False),
        (ONLY_WITHOUT, way("p"), None, None),
        (LABELS, part("p"), {"public"}, True),
        (LABELS, part("p"), {"policy", "draft"}, False),
        (LABELS, part("p"), {"secret"}, False),
        (LABELS, part("p"), {"other"}, False),
        # Page trees and labels: one known no is enough, one unknown leaves the rest unknown.
        (BOTH, way("p", "in"), {"policy"}, True),
        (BOTH, way("p", "out", "in"), {"policy"}, False),
        (BOTH, way("p", "in"), {"policy", "secret"}, False),
        (BOTH, way("p"), {"policy"}, False),
        (BOTH, way("p", "in"), {"other"}, False),
        (BOTH, way("p", "out"), None, False),
        (BOTH, way("p"), None, False),
        (BOTH, part("p"), {"secret"}, False),
        (BOTH, part("p"), {"other"}, False),
        (BOTH, part("p", "in"), {"policy"}, None),
        (BOTH, way("p", "in"), None, None),
        (BOTH, part("p"), None, None),
    ],
)
def test_each_line_of_the_table_gives_its_answer(
    scope: PageScope, chain: Chain, labels: set[str] | None, in_scope: bool | None
) -> None:
    """Yes, no, or not known."""
    decision = scope.decide(chain, None if labels is None else frozenset(labels))

    assert decision.in_scope is in_scope
    assert decision.rule


@pytest.mark.parametrize(
    ("scope", "chain", "labels", "rule"),
    [
        (PageScope(), way("p"), None, "every current page of its space is in scope"),
        (TREES, way("p", "in"), None, "it is in confluence.page_trees (in)"),
        (ONLY_OUT, way("p"), None, "it is in no excluded page tree"),
        (TREES, way("p", "out"), None, "it is in confluence.exclude_page_trees (out)"),
        (TREES, way("p"), None, "it is in none of confluence.page_trees"),
        (TREES, part("p"), None, "its place in the page trees could not be read"),
        (LABELS, way("p"), {"policy"}, "its labels put it in scope"),
        (LABELS, way("p"), {"secret", "draft"}, "it has a label of confluence.exclude_labels (draft)"),
        (LABELS, way("p"), set(), "it has none of confluence.include_labels"),
        (LABELS, way("p"), None, "its labels could not be read"),
        (BOTH, way("p", "in"), {"policy"}, "it is in confluence.page_trees (in)"),
        (BOTH, part("p"), {"secret"}, "it has a label of confluence.exclude_labels (secret)"),
        (BOTH, way("p", "in"), None, "its labels could not be read"),
    ],
)
def test_the_rule_that_decides_is_named(scope: PageScope, chain: Chain, labels: set[str] | None, rule: str) -> None:
    """With the setting and the id or label that matters."""
    assert scope.decide(chain, None if labels is None else frozenset(labels)).rule == rule


# Every fact that is not known may turn out either way. What the worker answers must hold in each of these worlds.

_NODES, _LABELS = ("a", "b", "c", "d"), ("k", "l", "m")


def subsets(names: Sequence[str]) -> Iterator[frozenset[str]]:
    """Yield every set of these names."""
    return (frozenset(some) for some in chained.from_iterable(combinations(names, n) for n in range(len(names) + 1)))


def is_mirrored(scope: PageScope, nodes: frozenset[str], labels: frozenset[str]) -> bool:
    """Return what the settings mean, for a page about which everything is known."""
    chosen = not scope.page_trees or any(node in nodes for node in scope.page_trees)
    wanted = not scope.include_labels or any(label in labels for label in scope.include_labels)
    excluded = any(node in nodes for node in scope.exclude_page_trees)
    return chosen and wanted and not excluded and not any(label in labels for label in scope.exclude_labels)


def answers(scope: PageScope, chain: Chain, labels: frozenset[str] | None) -> set[bool]:
    """Return the answers in all worlds that agree with what is known."""
    above = [frozenset[str]()] if chain.complete else list(subsets(_NODES))
    named = list(subsets(_LABELS)) if labels is None else [labels]
    return {is_mirrored(scope, frozenset(chain.nodes) | nodes, some) for nodes in above for some in named}


def sets_of(names: Sequence[str]) -> st.SearchStrategy[frozenset[str]]:
    """Draw a set of these names."""
    return st.frozensets(st.sampled_from(names))


scopes = st.builds(
    PageScope,
    page_trees=sets_of(_NODES),
    exclude_page_trees=sets_of(_NODES),
    include_labels=sets_of(_LABELS),
    exclude_labels=sets_of(_LABELS),
)
chains = st.builds(Chain, nodes=st.lists(st.sampled_from(_NODES), min_size=1, unique=True), complete=st.booleans())


@given(scope=scopes, chain=chains, labels=st.none() | sets_of(_LABELS))
def test_a_known_answer_holds_whatever_is_learned_later(
    scope: PageScope, chain: Chain, labels: frozenset[str] | None
) -> None:
    """It is `not known` wherever two worlds differ, and right wherever it is known."""
    in_scope = scope.decide(chain, labels).in_scope
    possible = answers(scope, chain, labels)

    assert in_scope is None or possible == {in_scope}
    overlap = scope.page_trees & scope.exclude_page_trees or scope.include_labels & scope.exclude_labels
    if len(possible) == 1 and not overlap:  # settings that contradict themselves may stay undecided
        assert in_scope in possible


@given(scope=scopes, chain=chains, more=st.lists(st.sampled_from(_NODES), unique=True), labels=sets_of(_LABELS))
def test_more_facts_never_turn_a_known_answer_into_another(
    scope: PageScope, chain: Chain, more: list[str], labels: frozenset[str]
) -> None:
    """The labels become known, then more of the way up, then all of it."""
    nodes = (*chain.nodes, *(node for node in more if node not in chain.nodes))
    first = Chain(nodes=chain.nodes, complete=False)
    steps = [
        scope.decide(first, None).in_scope,
        scope.decide(first, labels).in_scope,
        scope.decide(Chain(nodes=nodes, complete=False), labels).in_scope,
        scope.decide(Chain(nodes=nodes, complete=True), labels).in_scope,
    ]
    known = [answer for answer in steps if answer is not None]

    assert steps[-1] is is_mirrored(scope, frozenset(nodes), labels)
    assert len(set(known)) == 1
    assert None not in steps[steps.index(known[0]) :], "a known answer is forgotten"


# The way up

PARENTS: Mapping[str, str | None] = {"top": None, "middle": "top", "folder": "middle", "leaf": "folder"}


@pytest.mark.parametrize(
    ("parents", "unresolved", "nodes", "complete"),
    [
        (PARENTS, set(), ["leaf", "folder", "middle", "top"], True),
        ({"leaf": None}, set(), ["leaf"], True),
        (PARENTS, {"elsewhere"}, ["leaf", "folder", "middle", "top"], True),
        (PARENTS, {"folder"}, ["leaf", "folder", "middle", "top"], False),
        (PARENTS, {"top"}, ["leaf", "folder", "middle", "top"], False),
        (PARENTS, {"leaf"}, ["leaf", "folder", "middle", "top"], False),
        ({}, set(), ["leaf"], False),
        ({"leaf": "folder"}, set(), ["leaf", "folder"], False),
        ({"leaf": "leaf"}, set(), ["leaf"], False),
        ({"leaf": "folder", "folder": "leaf"}, set(), ["leaf", "folder"], False),
        ({"leaf": "a", "a": "b", "b": "a"}, set(), ["leaf", "a", "b"], False),
    ],
    ids=[
        "to the top",
        "the top itself",
        "another node is not resolved",
        "a node on the way is not resolved",
        "the top is not resolved",
        "the page is not resolved",
        "the page has no entry",
        "the parent has no entry",
        "its own parent",
        "a circle",
        "a circle above",
    ],
)
def test_a_chain_is_complete_only_if_it_reaches_the_top(
    parents: Mapping[str, str | None], unresolved: set[str], nodes: list[str], *, complete: bool
) -> None:
    """What is known of it is returned in any case."""
    chain = chain_of("leaf", parents, unresolved)

    assert (list(chain.nodes), chain.complete) == (nodes, complete)


@pytest.mark.parametrize(("levels", "complete"), [(MAX_LEVELS, True), (MAX_LEVELS + 1, False), (50_000, False)])
def test_a_chain_ends_after_the_most_levels(levels: int, *, complete: bool) -> None:
    """A page further down has no known place."""
    parents: dict[str, str | None] = {str(n): str(n - 1) for n in range(1, levels)}
    chain = chain_of(str(levels - 1), parents | {"0": None})

    assert (len(chain.nodes), chain.complete) == (min(levels, MAX_LEVELS), complete)


def test_a_page_below_an_unresolved_node_is_not_shown_for_being_at_the_top() -> None:
    """The parent of a whiteboard may be in an excluded page tree."""
    parents = {"whiteboard": None, "page": "whiteboard"}

    assert ONLY_OUT.decide(chain_of("page", parents, {"whiteboard"}), None).in_scope is None
    assert ONLY_OUT.decide(chain_of("page", {"page": "whiteboard"}), None).in_scope is None


@pytest.mark.parametrize(("unresolved", "answer"), [(set(), False), ({"b"}, True), ({"c"}, False), ({"a", "c"}, True)])
def test_a_chain_is_unresolved_if_one_of_its_nodes_is(unresolved: set[str], *, answer: bool) -> None:
    """Nodes that are not in it do not matter."""
    assert unresolved_in(["a", "b"], unresolved) is answer


@given(st.dictionaries(st.sampled_from("abcdef"), st.none() | st.sampled_from("abcdefg"), max_size=6))
def test_going_up_agrees_with_going_down(parents: dict[str, str | None]) -> None:
    """In an arbitrary graph, a page is in a tree if the tree's top reaches it downwards."""
    for top in "abcdefg":
        reached: set[str] = {top}
        while below := {child for child, parent in parents.items() if parent in reached} - reached:
            reached |= below
        for page_id in "abcdef":
            assert (top in ancestry(page_id, parents)) is (page_id in reached)


# The settings


def test_the_fingerprint_differs_for_every_set_of_pages() -> None:
    """Each setting counts for itself, and one id of two letters is not two ids."""
    values = (frozenset[str](), frozenset({"1"}), frozenset({"2"}), frozenset({"1", "2"}), frozenset({"1, 2"}))
    scopes = (
        [PageScope(), PageScope(blog_posts=True)]
        + [
            PageScope(**{name: value})  # type: ignore[arg-type]
            for name in ("page_trees", "exclude_page_trees", "include_labels", "exclude_labels")
            for value in values[1:]
        ]
    )

    assert len({scope.fingerprint for scope in scopes}) == len(scopes)


def test_the_fingerprint_is_that_of_sets() -> None:
    """It is stored, so it must be the same in every process: sorted, and computed as anybody can."""
    scope = PageScope(page_trees=frozenset({"2", "1", "10"}), include_labels=frozenset({"b", "a"}))

    assert scope.fingerprint == hashlib.sha256(b"([['1', '10', '2'], [], ['a', 'b'], []], False)").hexdigest()


@pytest.mark.parametrize(
    ("scope", "by_tree", "by_label"),
    [
        (PageScope(), False, False),
        (ONLY_IN, True, False),
        (ONLY_OUT, True, False),
        (ONLY_WITH, False, True),
        (ONLY_WITHOUT, False, True),
        (BOTH, True, True),
    ],
)
def test_a_scope_says_what_it_needs_to_know(scope: PageScope, *, by_tree: bool, by_label: bool) -> None:
    """Places and labels are read only where they matter."""
    assert (scope.by_tree, scope.by_label) == (by_tree, by_label)
    assert scope.is_everything is (not by_tree and not by_label)


@pytest.mark.parametrize(
    ("scope", "key", "alias", "covered"),
    [
        (SpaceScope(spaces=["HR"]), "HR", None, True),
        (SpaceScope(spaces=["hr"]), "HR", None, True),
        (SpaceScope(spaces=["HR"]), "hr", None, True),
        (SpaceScope(spaces=["HR"]), "IT", None, False),
        (SpaceScope(spaces=["HR"]), "HRX", None, False),
        (SpaceScope(spaces=["PEOPLE"]), "HR", "People", True),
        (SpaceScope(spaces=["PEOPLE"]), "HR", "Staff", False),
        (SpaceScope(spaces=["HR"]), "HR", "People", True),
        (SpaceScope(spaces=["HR"], exclude_spaces=["hr"]), "HR", None, False),
        (SpaceScope(spaces=["HR"], exclude_spaces=["people"]), "HR", "PEOPLE", False),
        (SpaceScope(spaces=["*"]), "HR", None, True),
        (SpaceScope(spaces=["*"], exclude_spaces=["board"]), "BOARD", None, False),
        (SpaceScope(spaces=["*"], exclude_spaces=["board"]), "HR", None, True),
        (SpaceScope(spaces=["*"], exclude_spaces=["Board"]), "X1", "BOARD", False),
        (SpaceScope(spaces=["*"]), "~ann", None, False),
        (SpaceScope(spaces=["*"], include_personal_spaces=True), "~ann", None, True),
        (SpaceScope(spaces=["*"], include_personal_spaces=True, exclude_spaces=["~Ann"]), "~ann", None, False),
        (SpaceScope(spaces=["~Ann"]), "~ann", None, True),
        (SpaceScope(spaces=["HR"], include_personal_spaces=True), "~ann", None, False),
        (SpaceScope(spaces=[]), "HR", None, False),
    ],
)
def test_a_space_is_covered_by_key_or_alias(scope: SpaceScope, key: str, alias: str | None, *, covered: bool) -> None:
    """Whatever its case; personal spaces only by name, or where the settings include them."""
    assert scope.covers(key, alias) is covered


def test_every_space_is_meant_by_a_star() -> None:
    """Named spaces are expected to be there; with a star none is."""
    assert SpaceScope(spaces=["*"]).is_every_space
    assert not SpaceScope(spaces=["HR", "IT"]).is_every_space


@pytest.mark.parametrize(("one", "other", "same"), [("HR", "hr", True), ("HR", "HR", True), ("HR", "HRX", False)])
def test_space_keys_are_the_same_in_any_case(one: str, other: str, *, same: bool) -> None:
    """Confluence does not tell them apart."""
    assert same_space_key(one, other) is same

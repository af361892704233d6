"""Readers add up along the way to the top, and the decision table of `model.badge`, line by line."""

import pytest

from hr_sync.domain.access import (
    NOT_SHOWN,
    PageAttributes,
    StoredAttributes,
    decide_labels,
    decide_readers,
    plan_attributes,
)
from hr_sync.domain.access import EffectiveAcl, Restriction, acl_digest, as_rows, effective_acl
from hr_sync.domain.plan import Action

OPEN = Restriction()
ANN = Restriction(users=frozenset({"ann"}))
BOTH = Restriction(users=frozenset({"ann", "bob"}), groups=frozenset({"hr"}))
TREE = {"top": None, "middle": "top", "leaf": "middle"}
EVERYBODY: EffectiveAcl = frozenset()


@pytest.mark.parametrize(
    ("own", "readers"),
    [
        ({"top": OPEN, "middle": OPEN, "leaf": OPEN}, EVERYBODY),
        ({"top": OPEN, "middle": OPEN, "leaf": ANN}, {ANN}),
        ({"top": ANN, "middle": OPEN, "leaf": OPEN}, {ANN}),
        ({"top": ANN, "middle": OPEN, "leaf": BOTH}, {ANN, BOTH}),
        ({"top": ANN, "middle": ANN, "leaf": ANN}, {ANN}),
        ({"top": OPEN, "middle": OPEN, "leaf": None}, None),
        ({"top": None, "middle": OPEN, "leaf": OPEN}, None),
        ({"top": None, "middle": OPEN, "leaf": ANN}, None),
        ({"middle": OPEN, "leaf": OPEN}, None),
        ({}, None),
    ],
)
def test_readers_are_those_whom_every_restriction_lets_through(
    own: dict[str, Restriction | None], readers: set[Restriction] | None
) -> None:
    """The page's own and each one above; one that is not known makes all of it unknown."""
    assert effective_acl("leaf", own, TREE) == readers


@pytest.mark.parametrize(
    ("parents", "lost"),
    [
        ({"leaf": "middle"}, set()),
        ({"leaf": "middle", "middle": "leaf"}, set()),
        ({"leaf": "leaf"}, set()),
        ({}, set()),
        (TREE, {"middle"}),
        (TREE, {"leaf"}),
    ],
    ids=["parent missing", "circle", "own parent", "page missing", "parent not seen above", "not seen above itself"],
)
def test_a_way_that_does_not_reach_the_top_is_not_open(parents: dict[str, str | None], lost: set[str]) -> None:
    """Nobody knows what is above there."""
    own = dict.fromkeys(("leaf", "middle", "top"), OPEN)

    assert effective_acl("leaf", own, parents, lost) is None


def test_the_digest_is_that_of_a_set() -> None:
    """No order matters; users and groups of one name differ, and so do one restriction of two and two of one."""
    bob = Restriction(users=frozenset({"bob"}))
    digests = [
        acl_digest(frozenset(readers))
        for readers in (
            (),
            (ANN,),
            (ANN, bob),
            (Restriction(users=frozenset({"ann", "bob"})),),
            (Restriction(groups=frozenset({"ann"})),),
        )
    ]

    assert len(set(digests)) == len(digests)
    assert acl_digest(frozenset([ANN, BOTH])) == acl_digest(frozenset([BOTH, ANN]))
    assert as_rows(frozenset([BOTH, ANN])) == [
        {"users": ["ann"], "groups": []},
        {"users": ["ann", "bob"], "groups": ["hr"]},
    ]


@pytest.mark.parametrize(
    ("shown", "stored", "action"),
    [
        ({"a"}, {"a"}, Action.NOTHING),
        (set(), set(), Action.NOTHING),
        ({"a"}, {"b"}, Action.RELABEL),
        (set(), {"a"}, Action.RELABEL),
        ({"a"}, None, Action.RELABEL),
        (set(), None, Action.RELABEL),
        (None, {"a"}, Action.NOTHING),
        (None, None, Action.NOTHING),
    ],
)
def test_decision_table_of_labels(shown: set[str] | None, stored: set[str] | None, action: Action) -> None:
    """Each line of the table gives its action."""
    before = StoredAttributes(labels=None if stored is None else frozenset(stored), acl_digest=None)
    now = PageAttributes(labels=None if shown is None else frozenset(shown), readers=None)

    assert decide_labels(now, before)[0] is action


@pytest.mark.parametrize(
    ("shown", "stored", "action"),
    [
        ({ANN}, {ANN}, Action.NOTHING),
        (set(), set(), Action.NOTHING),
        ({ANN}, {ANN, BOTH}, Action.RESTRICT),
        (set(), {ANN}, Action.RESTRICT),
        ({ANN}, set(), Action.RESTRICT),
        ({ANN}, None, Action.RESTRICT),
        (set(), None, Action.RESTRICT),
        (None, {ANN}, Action.RESTRICT),
        (None, set(), Action.RESTRICT),
        (None, None, Action.NOTHING),
    ],
)
def test_decision_table_of_readers(
    shown: set[Restriction] | None, stored: set[Restriction] | None, action: Action
) -> None:
    """Each line of the table gives its action."""
    before = StoredAttributes(labels=None, acl_digest=None if stored is None else acl_digest(frozenset(stored)))
    now = PageAttributes(labels=None, readers=None if shown is None else frozenset(shown))

    assert decide_readers(now, before)[0] is action


def test_a_live_page_that_is_not_shown_keeps_its_labels_and_loses_its_readers() -> None:
    """Steps come in page id order; what is shown and not live here makes none."""
    known = StoredAttributes(labels=frozenset({"a"}), acl_digest=acl_digest(EVERYBODY))
    same = PageAttributes(labels=frozenset({"a"}), readers=EVERYBODY)

    steps = plan_attributes({"2": same, "9": same}, {"3": known, "2": known, "1": known})

    assert [(step.page_id, step.action, step.attributes) for step in steps] == [
        ("1", Action.RESTRICT, NOT_SHOWN),
        ("3", Action.RESTRICT, NOT_SHOWN),
    ]

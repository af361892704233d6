"""Restrictions add up on the way to the top, and the decision tables of `hr_sync.domain.access`, line by line."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hr_sync.domain.access import (
    NOT_SHOWN,
    EffectiveAcl,
    PageAttributes,
    Restriction,
    StoredAttributes,
    acl_digest,
    as_rows,
    decide_labels,
    decide_readers,
    effective_acl,
    plan_attributes,
)
from hr_sync.domain.changes import ChangeAction

OPEN = Restriction()
ANN = Restriction(users=frozenset({"ann"}))
BOB = Restriction(users=frozenset({"bob"}))
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
        ({"top": OPEN, "middle": None, "leaf": OPEN}, None),
        ({"top": None, "middle": OPEN, "leaf": OPEN}, None),
        ({"top": None, "middle": OPEN, "leaf": ANN}, None),
        ({"middle": OPEN, "leaf": OPEN}, None),
        ({}, None),
        ({"top": OPEN, "middle": OPEN, "leaf": OPEN, "elsewhere": None}, EVERYBODY),
    ],
)
def test_a_reader_must_pass_every_restriction_on_the_way_up(
    own: dict[str, Restriction | None], readers: set[Restriction] | None
) -> None:
    """The page's own and each one above; one that is not known makes the readers unknown."""
    assert effective_acl("leaf", own, TREE) == readers


@pytest.mark.parametrize(
    ("parents", "unresolved"),
    [
        ({"leaf": "middle"}, set()),
        ({"leaf": "middle", "middle": "leaf"}, set()),
        ({"leaf": "leaf"}, set()),
        ({}, set()),
        (TREE, {"top"}),
        (TREE, {"middle"}),
        (TREE, {"leaf"}),
    ],
    ids=[
        "the parent has no entry",
        "a circle",
        "its own parent",
        "the page has no entry",
        "the top is not resolved",
        "the parent is not resolved",
        "the page is not resolved",
    ],
)
def test_a_way_that_does_not_reach_the_top_is_not_open(parents: dict[str, str | None], unresolved: set[str]) -> None:
    """Nobody knows which restrictions are above."""
    own = dict.fromkeys(("leaf", "middle", "top"), OPEN)

    assert effective_acl("leaf", own, parents, unresolved) is None


restrictions = st.builds(
    Restriction, users=st.frozensets(st.sampled_from("abc")), groups=st.frozensets(st.sampled_from("gh"))
)


@given(own=st.lists(restrictions | st.none(), min_size=1, max_size=6), user=st.sampled_from("abcd"), cut=st.booleans())
def test_a_user_passes_if_every_restriction_names_the_user_or_nobody(
    own: list[Restriction | None], user: str, *, cut: bool
) -> None:
    """Compared with a walk from the top downwards that stops at the first restriction which keeps the user out."""
    parents = {str(n): str(n - 1) if n else None for n in range(len(own))}
    readers = effective_acl(
        str(len(own) - 1), {str(n): each for n, each in enumerate(own)}, parents, {"0"} if cut else set()
    )

    if cut or None in own:
        assert readers is None
        return
    may_read = True
    for each in own:
        if each is not None and (each.users or each.groups) and user not in each.users:
            may_read = False
    assert readers is not None
    assert all(user in each.users for each in readers) is may_read


def test_a_restriction_that_names_nobody_restricts_nobody() -> None:
    """Groups alone do restrict."""
    assert not OPEN
    assert ANN
    assert Restriction(groups=frozenset({"hr"}))


def test_the_digest_is_that_of_a_set() -> None:
    """Users and groups of one name differ, and so do one restriction of two users and two of one user."""
    digests = [
        acl_digest(frozenset(readers))
        for readers in (
            (),
            (ANN,),
            (ANN, BOB),
            (Restriction(users=frozenset({"ann", "bob"})),),
            (Restriction(groups=frozenset({"ann"})),),
        )
    ]

    assert len(set(digests)) == len(digests)


def test_what_is_stored_is_sorted_and_can_be_hashed_by_hand() -> None:
    """The same readers give the same digest in every process."""
    readers = frozenset([BOTH, Restriction(users=frozenset({"é"}), groups=frozenset({"z", "a"})), ANN])
    by_hand = (
        '[{"users": ["ann"], "groups": []}, {"users": ["ann", "bob"], "groups": ["hr"]}, '
        '{"users": ["\\u00e9"], "groups": ["a", "z"]}]'
    )

    assert as_rows(readers) == [
        {"users": ["ann"], "groups": []},
        {"users": ["ann", "bob"], "groups": ["hr"]},
        {"users": ["é"], "groups": ["a", "z"]},
    ]
    assert acl_digest(readers) == hashlib.sha256(by_hand.encode()).hexdigest()


@pytest.mark.parametrize(
    ("shown", "stored", "action"),
    [
        ({"a"}, {"a"}, None),
        (set(), set(), None),
        ({"a"}, {"b"}, ChangeAction.RELABEL),
        ({"a", "b"}, {"a"}, ChangeAction.RELABEL),
        (set(), {"a"}, ChangeAction.RELABEL),
        ({"a"}, set(), ChangeAction.RELABEL),
        ({"a"}, None, ChangeAction.RELABEL),
        (set(), None, ChangeAction.RELABEL),
        (None, {"a"}, None),
        (None, set(), None),
        (None, None, None),
    ],
)
def test_each_line_of_the_table_of_labels_gives_its_action(
    shown: set[str] | None, stored: set[str] | None, action: ChangeAction | None
) -> None:
    """Labels that could not be read leave the last known ones."""
    before = StoredAttributes(labels=None if stored is None else frozenset(stored), acl_digest=None)
    now = PageAttributes(labels=None if shown is None else frozenset(shown), readers=None)

    assert decide_labels(now, before)[0] is action


@pytest.mark.parametrize(
    ("shown", "stored", "action"),
    [
        ({ANN}, {ANN}, None),
        (set(), set(), None),
        ({ANN, BOTH}, {BOTH, ANN}, None),
        ({ANN}, {ANN, BOTH}, ChangeAction.RESTRICT),
        (set(), {ANN}, ChangeAction.RESTRICT),
        ({ANN}, set(), ChangeAction.RESTRICT),
        ({ANN}, {BOB}, ChangeAction.RESTRICT),
        ({ANN}, None, ChangeAction.RESTRICT),
        (set(), None, ChangeAction.RESTRICT),
        (None, {ANN}, ChangeAction.RESTRICT),
        (None, set(), ChangeAction.RESTRICT),
        (None, None, None),
    ],
)
def test_each_line_of_the_table_of_readers_gives_its_action(
    shown: set[Restriction] | None, stored: set[Restriction] | None, action: ChangeAction | None
) -> None:
    """Readers that could not be read become unknown: the page must never pass for open."""
    before = StoredAttributes(labels=None, acl_digest=None if stored is None else acl_digest(frozenset(stored)))
    now = PageAttributes(labels=None, readers=None if shown is None else frozenset(shown))

    assert decide_readers(now, before)[0] is action


def test_the_reason_of_a_relabel_counts_and_names_no_label() -> None:
    """Labels may be confidential."""
    now = PageAttributes(labels=frozenset({"a", "b", "c", "e"}), readers=None)

    assert decide_labels(now, StoredAttributes(labels=frozenset({"c", "d"}), acl_digest=None))[1] == (
        "labels: 3 more, 1 fewer"
    )


def test_a_live_page_that_is_not_shown_keeps_its_labels_and_its_readers_become_unknown() -> None:
    """Steps come in page id order; what is shown and not live here makes none."""
    known = StoredAttributes(labels=frozenset({"a"}), acl_digest=acl_digest(EVERYBODY))
    same = PageAttributes(labels=frozenset({"a"}), readers=EVERYBODY)

    steps = plan_attributes({"2": same, "9": same}, {"3": known, "2": known, "1": known})

    assert [(step.page_id, step.action, step.attributes) for step in steps] == [
        ("1", ChangeAction.RESTRICT, NOT_SHOWN),
        ("3", ChangeAction.RESTRICT, NOT_SHOWN),
    ]


def test_a_page_with_other_labels_and_other_readers_makes_two_steps() -> None:
    """Each names the half that it writes."""
    before = StoredAttributes(labels=frozenset({"a"}), acl_digest=acl_digest(EVERYBODY))
    now = PageAttributes(labels=frozenset({"b"}), readers=frozenset({ANN}))

    steps = plan_attributes({"1": now}, {"1": before})

    assert [(step.action, step.attributes) for step in steps] == [
        (ChangeAction.RELABEL, now),
        (ChangeAction.RESTRICT, now),
    ]

"""Layers add up on the way to the top, an asker must pass all of them, and what is not known lets nobody pass."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hr_sync.domain.access import (
    AccessClass,
    AccessSet,
    Asker,
    Audience,
    Layer,
    Principal,
    PrincipalKind,
    Restriction,
    access_set_of,
    audience_passes,
    layer_of,
    passes,
)

OPEN = Restriction()
ANN = Restriction(users=frozenset({"ann"}))
BOB = Restriction(users=frozenset({"bob"}))
BOTH = Restriction(users=frozenset({"ann", "bob"}), groups=frozenset({"hr"}))
TREE = {"top": None, "middle": "top", "leaf": "middle"}


def layer(*tokens: str) -> Layer:
    """Return the layer of these tokens."""
    return frozenset(Principal.of(token) for token in tokens)


LICENSED = layer("c:all-licensed-users")
OF_ANN, OF_BOTH = layer("u:ann"), layer("u:ann", "u:bob", "g:hr")


@pytest.mark.parametrize(
    ("own", "layers"),
    [
        ({"top": OPEN, "middle": OPEN, "leaf": OPEN}, []),
        ({"top": OPEN, "middle": OPEN, "leaf": ANN}, [OF_ANN]),
        ({"top": ANN, "middle": OPEN, "leaf": OPEN}, [OF_ANN]),
        ({"top": ANN, "middle": OPEN, "leaf": BOTH}, [OF_ANN, OF_BOTH]),
        ({"top": ANN, "middle": ANN, "leaf": ANN}, [OF_ANN]),
        ({"top": OPEN, "middle": OPEN, "leaf": None}, None),
        ({"top": OPEN, "middle": None, "leaf": OPEN}, None),
        ({"top": None, "middle": OPEN, "leaf": OPEN}, None),
        ({"top": None, "middle": OPEN, "leaf": ANN}, None),
        ({"middle": OPEN, "leaf": OPEN}, None),
        ({}, None),
        ({"top": OPEN, "middle": OPEN, "leaf": OPEN, "elsewhere": None}, []),
    ],
)
def test_a_reader_must_pass_the_space_and_every_restriction_on_the_way_up(
    own: dict[str, Restriction | None], layers: list[Layer] | None
) -> None:
    """The page's own and each one above; one that is not known makes the set unknown."""
    assert access_set_of("leaf", LICENSED, own, TREE) == (None if layers is None else frozenset([LICENSED, *layers]))


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

    assert access_set_of("leaf", LICENSED, own, parents, unresolved) is None


def test_viewers_that_are_not_known_make_the_set_unknown() -> None:
    """None is not known; nobody is known, and lets nobody pass."""
    own = dict.fromkeys(TREE, OPEN)

    assert access_set_of("leaf", None, own, TREE) is None
    assert access_set_of("leaf", layer(), own, TREE) == frozenset({layer()})


def test_text_that_is_newer_than_the_restriction_is_read_by_nobody() -> None:
    """The page alone: what is below it has no newer text."""
    own = dict.fromkeys(TREE, OPEN)

    assert access_set_of("middle", LICENSED, own, TREE, outdated={"middle"}) is None
    assert access_set_of("leaf", LICENSED, own, TREE, outdated={"middle"}) == frozenset({LICENSED})


restrictions = st.builds(
    Restriction, users=st.frozensets(st.sampled_from("abc")), groups=st.frozensets(st.sampled_from("gh"))
)


@given(own=st.lists(restrictions | st.none(), min_size=1, max_size=6), user=st.sampled_from("abcd"), cut=st.booleans())
def test_a_user_passes_if_every_restriction_names_the_user_or_nobody(
    own: list[Restriction | None], user: str, *, cut: bool
) -> None:
    """Compared with a walk from the top downwards that stops at the first restriction which keeps the user out."""
    parents = {str(n): str(n - 1) if n else None for n in range(len(own))}
    facts = {str(n): each for n, each in enumerate(own)}
    found = access_set_of(str(len(own) - 1), LICENSED, facts, parents, {"0"} if cut else set())

    may_read = not cut
    for each in own:
        if each is None or ((each.users or each.groups) and user not in each.users):
            may_read = False
    assert passes(found, Asker(user=user)) is may_read
    assert (found is None) is (cut or None in own)


def test_a_restriction_that_names_nobody_restricts_nobody() -> None:
    """Groups alone do restrict."""
    assert not OPEN
    assert layer_of(OPEN) is None
    assert layer_of(ANN) == OF_ANN
    assert layer_of(Restriction(groups=frozenset({"hr"}))) == layer("g:hr")


@pytest.mark.parametrize(
    ("tokens", "asker", "passed"),
    [
        (["u:ann"], Asker(user="ann"), True),
        (["u:ann"], Asker(user="bob"), False),
        (["u:ann"], Asker(groups=frozenset({"ann"})), False),
        (["u:bob", "g:hr"], Asker(user="ann", groups=frozenset({"hr"})), True),
        (["c:all-licensed-users"], Asker(), True),
        (["c:anonymous-users"], Asker(user="ann"), True),
        (["c:everyone"], Asker(), True),
        (["c:all-product-admins"], Asker(user="ann"), False),
        (["?:role:1"], Asker(user="role:1", classes=frozenset({"role:1"})), False),
        (["?:role:1", "u:ann"], Asker(user="ann"), True),
        ([], Asker(user="ann"), False),
    ],
)
def test_an_asker_passes_a_layer_that_names_one_of_its_principals(
    tokens: list[str], asker: Asker, *, passed: bool
) -> None:
    """Users and groups of one name differ; a kind that is not known matches nobody, and is not an empty layer."""
    assert passes(frozenset({layer(*tokens)}), asker) is passed
    assert not passes(frozenset({layer(*tokens), layer("u:somebody-else")}), asker)


def test_nobody_passes_what_is_not_known() -> None:
    """Neither an asker nor the audience."""
    assert not passes(None, Asker(user="ann"))
    assert not audience_passes(None, Audience())


@pytest.mark.parametrize(
    ("layers", "audience", "passed"),
    [
        ([["c:all-licensed-users"]], Audience(), True),
        ([["c:all-licensed-users"], ["u:ann"]], Audience(), False),
        ([["g:hr-all"]], Audience(), False),
        ([["g:hr-all"]], Audience(groups=frozenset({"hr-all"})), True),
        ([["g:hr-all"]], Audience(licence_groups=frozenset({"hr-all"})), True),
        ([["g:one"]], Audience(licence_groups=frozenset({"one", "two"})), False),
        ([["g:one", "g:two"]], Audience(licence_groups=frozenset({"one", "two"})), True),
        ([["g:one", "g:two"], ["g:one"]], Audience(licence_groups=frozenset({"one", "two"})), False),
        (
            [["g:one", "g:two"], ["g:x"]],
            Audience(groups=frozenset("x"), licence_groups=frozenset({"one", "two"})),
            True,
        ),
        ([["u:ann"]], Audience(), False),
        ([[]], Audience(), False),
    ],
)
def test_the_audience_passes_what_each_of_its_readers_passes(
    layers: list[list[str]], audience: Audience, *, passed: bool
) -> None:
    """Somebody is in one of several licence groups, so a layer must name all of them."""
    access_set: AccessSet = frozenset(layer(*each) for each in layers)

    assert audience_passes(access_set, audience) is passed


@pytest.mark.parametrize("kind", PrincipalKind)
def test_a_token_gives_its_principal_back(kind: PrincipalKind) -> None:
    """Also where an id holds the separator."""
    principal = Principal(kind, "a:b:c")

    assert Principal.of(principal.token) == principal
    assert Principal(PrincipalKind.CLASS, AccessClass.LICENSED).token == "c:all-licensed-users"

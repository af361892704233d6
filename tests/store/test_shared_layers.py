"""The principals of a layer are stored once, for all sets that have it, and stay while one of them does."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256

import psycopg
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from hr_sync.domain.access import Principal, PrincipalKind, Restriction, SpaceViewers
from hr_sync.domain.changes import ChangeAction
from hr_sync.store.store import Store
from hr_sync.store.write.access_sets import derive_sets
from hr_sync.store.write.retention import prune_access_sets
from tests.store.spaces import IT, ask, leased, tell, write
from tests.store.test_access_facts import ANN, ANN_TOO, EVERYBODY, TREE, changed, known, node, sets, write_facts
from tests.store.test_functions import MANAGERS
from tests.store.test_writing_pages import waiting_for_a_lock
from tests.support.wiring import plain_url

__all__ = ["known"]  # a fixture

OF_IT = SpaceViewers(layer=frozenset({Principal(PrincipalKind.GROUP, "it")}), source="permissions")
OF_IT_AND_ANN = "g:it & u:ann"
RESTRICTED = list(changed(node("2", "1", ANN)))


@pytest.fixture
def two_spaces(known: Store) -> Store:
    """Store with the tree, and page 9 of another space with other viewers: only restrictions can be layers of both."""
    with leased(known, IT) as space:
        space.write_pages([write("9", IT)])
    write_facts(known, [node("9")], IT, OF_IT)
    return known


@contextmanager
def restricting_the_other_space(store: Store) -> Iterator[Session]:
    """Restrict page 9 to Ann in a transaction that is open while the block runs."""
    with store._transactions.session() as session:
        restriction = """UPDATE public.content_nodes SET restriction = '{"users": ["ann"], "groups": []}'"""
        session.execute(text(f"{restriction} WHERE id = '9'"))
        derive_sets(session, 1, ["9"])
        yield session


def named(engine: Engine) -> list[str]:
    """Return the principal of each stored row."""
    return [row["principal"] for row in ask(engine, "SELECT principal FROM access_principals ORDER BY principal")]


def test_sets_share_the_principals_of_their_layers(two_spaces: Store, engine: Engine) -> None:
    """Of one space and of several; a set has a row for each of its layers."""
    write_facts(two_spaces, list(changed(node("2", "1", ANN), node("4", "f", MANAGERS))))
    write_facts(two_spaces, [node("9", None, ANN)], IT, OF_IT)

    stored = sets(engine)
    assert (stored["2"], stored["4"], stored["9"]) == (ANN_TOO, f"{EVERYBODY} & g:managers & u:ann", OF_IT_AND_ANN)
    assert named(engine) == [EVERYBODY, "g:it", "g:managers", "u:ann"]
    rows = ask(engine, "SELECT layers, count(*) AS n FROM access_sets JOIN access_layers ON set_id = id GROUP BY id")
    assert sorted(row["n"] for row in rows) == [1, 1, 2, 2, 3]
    assert all(row["layers"] == row["n"] for row in rows)


@pytest.mark.parametrize("ends", ["commit", "rollback"])
def test_two_transactions_make_the_same_layer(two_spaces: Store, engine: Engine, ends: str) -> None:
    """The later one waits. The rows are there when it has committed, whatever became of the other one."""
    with (
        restricting_the_other_space(two_spaces) as session,
        waiting_for_a_lock(engine, lambda: write_facts(two_spaces, RESTRICTED)),
    ):
        getattr(session, ends)()

    stored = sets(engine)
    assert (stored["2"], stored["9"]) == (ANN_TOO, OF_IT_AND_ANN if ends == "commit" else "g:it")
    assert named(engine) == [EVERYBODY, "g:it", "u:ann"]


def test_layers_are_made_in_one_order(known: Store, engine: Engine) -> None:
    """Who waits for the first one has made none that comes after it, so that two cannot wait for each other."""
    users = {page_id: f"user {page_id}" for page_id in ("1", "2", "3", "4", "5")}
    facts = [replace(TREE[page_id], restriction=Restriction(users=frozenset({users[page_id]}))) for page_id in users]
    rows = sorted((sha256(f'["u:{user}"]'.encode()).hexdigest(), f"u:{user}") for user in users.values())
    make = "INSERT INTO public.access_principals VALUES (%s, %s)"
    with psycopg.connect(plain_url(engine)) as other, psycopg.connect(plain_url(engine)) as third:
        other.execute(make, rows[0])
        with waiting_for_a_lock(engine, lambda: write_facts(known, [*facts, TREE["f"]])):
            third.execute("SET lock_timeout = '100ms'")
            for row in rows[1:]:
                third.execute(make, row)
            third.rollback()
            other.rollback()

    assert named(engine) == sorted([EVERYBODY, *(principal for _, principal in rows)])


def test_layers_are_made_before_pages_are_locked(known: Store, engine: Engine) -> None:
    """Who waits for a layer keeps no page that the transaction needs which is making it."""
    row = (sha256(b'["u:ann"]').hexdigest(), "u:ann")
    with psycopg.connect(plain_url(engine)) as other:
        other.execute("INSERT INTO public.access_principals VALUES (%s, %s)", row)
        with waiting_for_a_lock(engine, lambda: write_facts(known, RESTRICTED)):
            locked = other.execute("SELECT id FROM public.confluence_pages FOR UPDATE NOWAIT").fetchall()
            other.rollback()

    assert len(locked) == len(sets(engine)) > 1
    assert sets(engine)["2"] == ANN_TOO


def test_a_layer_that_is_deleted_meanwhile_is_made_again(two_spaces: Store, engine: Engine) -> None:
    """Whoever makes a set waits for who deletes the last one with the layer."""
    write_facts(two_spaces, RESTRICTED)
    write_facts(two_spaces, list(TREE.values()))
    with two_spaces._transactions.session() as session:
        assert prune_access_sets(session) == 1
        with waiting_for_a_lock(engine, lambda: write_facts(two_spaces, RESTRICTED)):
            session.commit()

    assert sets(engine)["2"] == ANN_TOO


def test_a_layer_that_another_set_gets_meanwhile_stays(two_spaces: Store, engine: Engine) -> None:
    """Whoever deletes the last set with it waits for who makes another one, and then sees it."""
    write_facts(two_spaces, RESTRICTED)
    write_facts(two_spaces, list(TREE.values()))
    deleted: list[int] = []
    with (
        restricting_the_other_space(two_spaces) as session,
        waiting_for_a_lock(engine, lambda: deleted.append(two_spaces._transactions.run(prune_access_sets))),
    ):
        session.commit()

    assert deleted == [1 + 1], "the one of the tree, and the former one of page 9"
    assert sets(engine)["9"] == OF_IT_AND_ANN
    assert named(engine) == [EVERYBODY, "g:it", "u:ann"]


@pytest.mark.parametrize(
    "lost", ["access_layers WHERE layer = (%s)", "access_sets WHERE layers = 2"], ids=["layer", "set"]
)
def test_what_is_within_a_set_that_has_lost_a_layer_is_not_known(known: Store, engine: Engine, lost: str) -> None:
    """A page that moves to an open place keeps the layers that it has; those that are lost are no open ones."""
    write_facts(known, list(changed(node("1", None, ANN))))
    tell(engine, "DELETE FROM " + lost.replace("%s", "SELECT layer FROM access_principals WHERE principal = 'u:ann'"))
    with leased(known) as space:
        space.write_pages([write("2", seen="HR", body=None, action=ChangeAction.MOVE, parent_id="5")])

    ids = {row["id"]: row["access_set_id"] for row in ask(engine, "SELECT id, access_set_id FROM confluence_pages")}
    assert [ids[page_id] for page_id in "234"] == [None] * 3

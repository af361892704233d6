"""Erasing a person takes the name out of every table, and nobody else's rights with it."""

from collections.abc import Sequence

import pytest
from sqlalchemy import Engine

from hr_sync.cancellation import Cancellation
from hr_sync.derive.texts import derive_texts
from hr_sync.domain.access import (
    AccessPolicy,
    AccessSet,
    Asker,
    NodeFact,
    Principal,
    PrincipalKind,
    Restriction,
    SpaceViewers,
    passes,
)
from hr_sync.store.store import Store
from hr_sync.store.write.erasure import ErasedUser
from tests.store.spaces import HR, IT, ask, feed, leased, tell, write
from tests.store.test_access_facts import LICENSED, OPEN, TREE, known, node, sets, write_facts
from tests.store.test_functions import readable

__all__ = ["known"]  # a fixture

JANE = "712020:4f61a1cd-jane"
ANN_AND_JANE = Restriction(users=frozenset({"ann", JANE}), groups=frozenset({"board"}))
JANE_ALONE = Restriction(users=frozenset({JANE}))
BY_NAME = SpaceViewers(layer=frozenset({LICENSED, Principal(PrincipalKind.USER, JANE)}), source="permissions")
ASKERS: Sequence[tuple[str | None, list[str]]] = (
    (JANE, []),
    ("ann", []),
    ("bob", ["board"]),
    ("bob", []),
    (None, []),
    ("", []),
)


@pytest.fixture
def with_jane(known: Store, engine: Engine) -> Store:
    """Store in which 2 and below is Jane's, Ann's and the board's, 4 besides Jane's alone, and the space names Jane."""
    facts = TREE | {"2": node("2", "1", ANN_AND_JANE), "4": node("4", "f", JANE_ALONE)}
    write_facts(known, list(facts.values()), viewers=BY_NAME)
    known.apply_access_policy(AccessPolicy())
    tell(
        engine,
        f"INSERT INTO identities (user_id, display_name, email) VALUES ('{JANE}', 'Jane Doe', 'jane@example.org')",
        "INSERT INTO groups (id, members_known, checked_at) VALUES ('board', true, now()), ('all', true, now())",
        f"INSERT INTO group_members VALUES ('board', '{JANE}'), ('all', '{JANE}'), ('all', 'ann')",
    )
    return known


def answers(engine: Engine) -> dict[str, list[str]]:
    """Return what each asker may read, by the functions in the database."""
    return {f"{user} in {groups}": readable(engine, user, groups) for user, groups in ASKERS}


def test_the_name_is_in_no_table_and_everybody_else_reads_the_same(with_jane: Store, engine: Engine) -> None:
    """A restriction to Jane alone stays one: without any name it would restrict nobody."""
    before, told = answers(engine), len(feed(engine))
    assert before[f"{JANE} in []"] == ["1", "2", "3", "4", "5"]
    assert [trace.table for trace in with_jane.find_traces(JANE).found] == [
        "access_principals", "content_nodes", "group_members", "identities", "space_permissions",
    ]  # fmt: skip
    run_id = 7

    erased = with_jane.erase_user(run_id, JANE)

    assert erased == ErasedUser(accounts=1, memberships=2, restrictions=2, permissions=1, access_sets=3)
    for words in (JANE, "Jane Doe", "jane@example.org"):
        assert with_jane.find_traces(words).found == []
    after = answers(engine)
    assert after.pop(f"{JANE} in []") == ["1", "5"], "as any licensed user"
    del before[f"{JANE} in []"]
    assert after == before
    assert feed(engine)[told:] == [(page_id, "restrict", ["restrictions"]) for page_id in "12345"]
    assert {row["run_id"] for row in ask(engine, "SELECT run_id FROM content_changes WHERE seq > 10")} >= {run_id}
    assert not with_jane.erase_user(8, JANE)
    assert len(feed(engine)) == told + 5


def test_the_sets_are_those_that_follow_from_the_facts(with_jane: Store, engine: Engine) -> None:
    """The next pass over the same facts changes nothing; the one that finds Jane again brings her back."""
    with_jane.erase_user(1, JANE)
    rewritten, told = sets(engine), len(feed(engine))
    with leased(with_jane) as space:
        facts = list(space.stored_nodes().values())
        layer = space.stored_viewers()
        assert space.write_access(SpaceViewers(layer=layer, source="p"), facts, began_at=with_jane.now()) == frozenset()
    assert sets(engine) == rewritten
    assert len(feed(engine)) == told

    nobody = frozenset({Principal(PrincipalKind.USER, "")})
    with leased(with_jane) as space:
        stored = space.stored_access_sets()
    assert stored["4"] is not None
    assert nobody in stored["4"]
    assert not any(passes(stored["4"], Asker(user=user, groups=frozenset(groups))) for user, groups in ASKERS)

    facts_again = TREE | {"2": node("2", "1", ANN_AND_JANE), "4": node("4", "f", JANE_ALONE)}
    write_facts(with_jane, list(facts_again.values()), viewers=BY_NAME)
    assert readable(engine, JANE, []) == ["1", "2", "3", "4", "5"]


def test_sets_that_become_alike_become_one(known: Store, engine: Engine) -> None:
    """Of two erased users, and of two layers that differ by one of them."""
    two = {"2": node("2", "1", JANE_ALONE), "3": NodeFact(id="3", kind="page", parent_id="2", restriction=Restriction(
        users=frozenset({"max"})))}  # fmt: skip
    write_facts(known, list((TREE | two).values()), viewers=OPEN)
    assert sets(engine)["3"] == f"c:all-licensed-users & u:{JANE} & u:max"

    known.erase_user(1, JANE)
    known.erase_user(2, "max")

    assert sets(engine) == {
        "1": "c:all-licensed-users",
        "2": "c:all-licensed-users & u:",
        "3": "c:all-licensed-users & u:",
        "4": "c:all-licensed-users & u:",
        "5": "c:all-licensed-users",
    }
    assert ask(engine, "SELECT count(*) AS n FROM access_sets") == [{"n": 2}]
    assert ask(engine, "SELECT layers FROM access_sets ORDER BY 1") == [{"layers": 1}, {"layers": 2}]


def test_a_user_of_whom_nothing_is_stored(with_jane: Store, engine: Engine) -> None:
    """Nor one whose id is the beginning of another one, or hostile."""
    before = answers(engine)
    for user in ("712020:4f61a1cd", "nobody", "'; --", "%", "\ud800", "a\0", JANE.upper()):
        assert not with_jane.erase_user(1, user)
        assert with_jane.find_traces(user).unsearched == []
    assert answers(engine) == before


def test_the_erased_user_is_not_erased(with_jane: Store, engine: Engine) -> None:
    """Whose sets are those that would take the place of themselves."""
    with_jane.erase_user(1, JANE)
    before = sets(engine)
    assert not with_jane.erase_user(2, "")
    assert sets(engine) == before
    assert all(before.values())


def set_of(*layers: frozenset[Principal]) -> AccessSet:
    return frozenset(layers)


def test_nobody_is_the_erased_user() -> None:
    """By the rule itself, whatever an application passes as the user."""
    erased = set_of(frozenset({Principal(PrincipalKind.USER, "")}))
    assert not passes(erased, Asker(user="", groups=frozenset({""})))
    assert HR.id


INCLUDE = (
    '<ac:structured-macro ac:name="include"><ac:parameter ac:name=""><ac:link>'
    '<ri:page ri:space-key="IT" ri:content-title="Page s" /></ac:link></ac:parameter></ac:structured-macro>'
)


def test_a_page_that_shows_another_keeps_what_its_set_depends_on(known: Store, engine: Engine) -> None:
    """The other space, whose old facts are not known, and the own set of the page."""
    with leased(known, IT) as space:
        space.write_pages([write("s", IT)])
    with leased(known) as space:
        space.write_pages([write(page_id, body=INCLUDE) for page_id in ("6", "7")])
    write_facts(known, [node("s", None, ANN_AND_JANE)], IT)
    write_facts(known, [*TREE.values(), node("6"), node("7", None, ANN_AND_JANE)])
    assert derive_texts(known, Cancellation(), section_size=2000).placeholders == 0
    query = """SELECT page.id, shown.spaces, own.id IS NOT NULL AS has_own FROM confluence_pages page
        JOIN access_sets shown ON shown.id = page.access_set_id
        LEFT JOIN access_sets own ON own.id = page.own_access_set_id WHERE page.id IN ('6', '7') ORDER BY 1"""
    before = ask(engine, query)
    assert before == [{"id": page_id, "spaces": [IT.id], "has_own": True} for page_id in ("6", "7")]

    assert known.erase_user(1, JANE)

    assert ask(engine, query) == before


def test_a_set_that_has_lost_a_layer_is_not_opened(with_jane: Store, engine: Engine) -> None:
    """What takes its place lets nobody pass. The name goes from a layer too that no set has any more."""
    with_jane.apply_access_policy(AccessPolicy(audience_groups=frozenset({"board"})))
    shown = "SELECT id FROM live_pages ORDER BY id"
    assert answers(engine)["bob in ['board']"] == [row["id"] for row in ask(engine, shown)] == ["1", "2", "3", "5"]
    of_ann = "SELECT layer FROM access_principals WHERE principal = 'u:ann'"
    tell(engine, f"DELETE FROM access_layers WHERE layer IN ({of_ann})")

    with_jane.erase_user(1, JANE)

    assert with_jane.find_traces(JANE).found == []
    assert set(map(tuple, answers(engine).values())) == {("1", "5")}
    assert [row["id"] for row in ask(engine, shown)] == ["1", "5"]

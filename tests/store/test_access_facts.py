"""Facts of access are written where they differ, and the sets of pages follow them in the same transaction."""

from collections.abc import Collection, Iterable

import psycopg
import pytest
from sqlalchemy import Engine, make_url

from hr_sync.domain.access import (
    AccessClass,
    NodeFact,
    Principal,
    PrincipalKind,
    Restriction,
    SpaceViewers,
)
from hr_sync.domain.changes import ChangeAction
from hr_sync.domain.content import Space
from hr_sync.store.space_store import SpaceStore
from hr_sync.store.store import Store
from tests.store.spaces import HR, IT, ask, decision, feed, leased, tell, write
from tests.store.test_writing_pages import waiting_for_a_lock

LICENSED = Principal(PrincipalKind.CLASS, AccessClass.LICENSED)
OPEN = SpaceViewers(layer=frozenset({LICENSED}), source="permissions")
NOBODY_ELSE = Restriction()
ANN = Restriction(users=frozenset({"ann"}))
MANAGERS = Restriction(groups=frozenset({"managers", "board"}))


def node(node_id: str, parent_id: str | None = None, restriction: Restriction | None = NOBODY_ELSE) -> NodeFact:
    """Return the fact of a page."""
    return NodeFact(id=node_id, kind="page", parent_id=parent_id, restriction=restriction)


def write_facts(store: Store, nodes: Collection[NodeFact], space: Space = HR, viewers: SpaceViewers = OPEN) -> set[str]:
    """Write the facts of a space in a run of their own. Return the pages that have another set."""
    with leased(store, space) as opened:
        return set(opened.write_access(viewers, nodes, began_at=store.now()))


def sets(engine: Engine) -> dict[str, str | None]:
    """Return the layers of each page's set in words, by page; None: not known."""
    layers = {
        row["set_id"]: " & ".join(sorted(row["layers"]))
        for row in ask(
            engine,
            """SELECT set_id, array_agg(words) AS layers FROM (
                SELECT l.set_id, l.layer, coalesce(string_agg(principal, '|' ORDER BY principal), '') AS words
                FROM access_layers l LEFT JOIN access_principals USING (layer) GROUP BY 1, 2
            ) AS each GROUP BY set_id""",
        )
    }
    rows = ask(engine, "SELECT id, access_set_id FROM confluence_pages ORDER BY id")
    return {row["id"]: layers.get(row["access_set_id"]) for row in rows}


EVERYBODY = "c:all-licensed-users"
ANN_TOO = f"{EVERYBODY} & u:ann"


def write_tree(store: Store) -> None:
    """Write 1 > 2 > (3, folder f > 4), and 5, without any fact."""
    with leased(store) as space:
        space.write_pages(
            [
                write("1"),
                write("2", parent_id="1", parent_type="page"),
                write("3", parent_id="2", parent_type="page"),
                write("4", parent_id="f", parent_type="folder"),
                write("5"),
            ]
        )


TREE = {
    "1": node("1"),
    "2": node("2", "1"),
    "3": node("3", "2"),
    "f": NodeFact(id="f", kind="folder", parent_id="2", restriction=NOBODY_ELSE),
    "4": node("4", "f"),
    "5": node("5"),
}


@pytest.fixture
def known(store: Store) -> Store:
    """Store with five pages of which everything is known, and that everybody may read."""
    write_tree(store)
    write_facts(store, TREE.values())
    return store


def changed(*facts: NodeFact) -> Iterable[NodeFact]:
    """Return the tree with some facts replaced."""
    return (TREE | {fact.id: fact for fact in facts}).values()


def test_pages_without_facts_have_no_set(store: Store, engine: Engine) -> None:
    """Not known: no reader passes, and no node is stored for them."""
    write_tree(store)

    assert set(sets(engine).values()) == {None}
    assert ask(engine, "SELECT * FROM content_nodes") == []


def test_the_first_facts_give_every_page_its_set(store: Store, engine: Engine) -> None:
    """The space's layer, and a layer for each restriction on the way; the feed has each page once."""
    write_tree(store)
    written = write_facts(
        store, list(changed(node("2", "1", ANN), NodeFact(id="f", kind="folder", parent_id="2", restriction=MANAGERS)))
    )

    assert written == {"1", "2", "3", "4", "5"}
    assert sets(engine) == {
        "1": EVERYBODY,
        "2": ANN_TOO,
        "3": ANN_TOO,
        "4": f"{EVERYBODY} & g:board|g:managers & u:ann",
        "5": EVERYBODY,
    }
    assert feed(engine)[5:] == [(page_id, "restrict", ["restrictions"]) for page_id in "12345"]
    assert [row["layers"] for row in ask(engine, "SELECT layers FROM access_sets ORDER BY layers")] == [1, 2, 3]


def test_the_same_facts_write_one_row(known: Store, engine: Engine) -> None:
    """That of the space, whose clock is the beginning of the pass."""
    tables = ("content_nodes", "space_permissions", "access_sets", "access_principals", "confluence_pages")
    query = " UNION ALL ".join(f"SELECT '{name}' AS name, xmin::text, ctid::text FROM {name}" for name in tables)
    before = ask(engine, query)
    began_at = known.now()
    with leased(known) as space:
        assert space.write_access(OPEN, list(TREE.values()), began_at=began_at) == frozenset()

    assert ask(engine, query) == before
    assert ask(engine, "SELECT access_checked_at, viewers_known, viewers_source FROM sync_spaces") == [
        {"access_checked_at": began_at, "viewers_known": True, "viewers_source": "permissions"}
    ]


def test_a_restriction_reaches_everything_below(known: Store, engine: Engine) -> None:
    """And nothing else; lifting it gives the former set back, with its number."""
    before = ask(engine, "SELECT id, access_set_id FROM confluence_pages ORDER BY id")

    assert write_facts(known, list(changed(node("2", "1", ANN)))) == {"2", "3", "4"}
    assert sets(engine) == {"1": EVERYBODY, "2": ANN_TOO, "3": ANN_TOO, "4": ANN_TOO, "5": EVERYBODY}
    assert write_facts(known, list(TREE.values())) == {"2", "3", "4"}
    assert ask(engine, "SELECT id, access_set_id FROM confluence_pages ORDER BY id") == before


@pytest.mark.parametrize(
    "fact",
    [
        node("2", "1", None),
        NodeFact(id="2", kind="page", parent_id=None, restriction=NOBODY_ELSE, parent_known=False),
        node("2", "3"),
        node("2", "absent"),
    ],
    ids=["restriction not known", "parent not known", "a cycle", "the parent has no node"],
)
def test_what_is_not_known_lets_nobody_read_what_is_below(known: Store, engine: Engine, fact: NodeFact) -> None:
    """The node itself and everything below it have no set."""
    assert write_facts(known, list(changed(fact))) == {"2", "3", "4"}
    assert sets(engine) == {"1": EVERYBODY, "2": None, "3": None, "4": None, "5": EVERYBODY}


def test_a_node_that_is_no_longer_shown_is_forgotten(known: Store, engine: Engine) -> None:
    """What hangs below it has no known way up."""
    assert write_facts(known, [fact for fact in TREE.values() if fact.id != "f"]) == {"4"}
    assert ask(engine, "SELECT id FROM content_nodes WHERE id = 'f'") == []


def test_the_viewers_are_a_layer_of_every_page(known: Store, engine: Engine) -> None:
    """Other viewers give other sets; nobody is a layer that nobody passes; not known leaves no set."""
    group = Principal(PrincipalKind.GROUP, "hr-all")
    odd = Principal(PrincipalKind.UNKNOWN, "role:x")
    nodes = list(TREE.values())
    for viewers, expected in (
        ({group, odd}, "?:role:x|g:hr-all"),
        (set(), ""),
        (None, None),
        ({LICENSED}, EVERYBODY),
    ):
        layer = None if viewers is None else frozenset(viewers)
        write_facts(known, nodes, viewers=SpaceViewers(layer=layer, source="roles", doubt=None))
        assert set(sets(engine).values()) == {expected}


def test_facts_of_one_space_say_nothing_of_another(known: Store, engine: Engine) -> None:
    """Its viewers are its own, and its nodes are not forgotten by others."""
    with leased(known, IT) as space:
        space.write_pages([write("9", IT)])
    assert write_facts(known, [node("9")], IT, SpaceViewers(layer=frozenset(), source="permissions")) == {"9"}

    assert sets(engine) == {**dict.fromkeys("12345", EVERYBODY), "9": ""}


def test_a_page_that_somebody_else_is_changing_gets_its_set(known: Store, engine: Engine) -> None:
    """The row has another place by the time that it can be locked; what was read of its access is not lost."""
    url = make_url(engine.url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url) as other:
        other.execute("UPDATE confluence_pages SET labels = '{x}' WHERE id = '2'")
        with waiting_for_a_lock(engine, lambda: write_facts(known, list(changed(node("2", "1", ANN))))):
            other.commit()

    assert sets(engine)["2"] == ANN_TOO
    assert ("2", "restrict", ["restrictions"]) in feed(engine)[10:]


def test_rows_are_locked_in_the_order_of_their_ids(store: Store, engine: Engine) -> None:
    """Whatever their order in the table: two writers that lock in different orders wait for each other."""
    with leased(store) as space:
        for page_id in "54321":
            space.write_pages([write(page_id)])
    nodes = [node("1"), *(node(page_id, "1") for page_id in "2345")]
    write_facts(store, nodes)
    url = make_url(engine.url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url) as other, psycopg.connect(url, autocommit=True) as third:
        other.execute("SELECT FROM confluence_pages WHERE id = '3' FOR UPDATE")
        with waiting_for_a_lock(engine, lambda: write_facts(store, [node("1", None, ANN), *nodes[1:]])):
            free = third.execute("SELECT id FROM confluence_pages ORDER BY id FOR UPDATE SKIP LOCKED").fetchall()
            other.commit()

    assert free == [("4",), ("5",)]
    assert set(sets(engine).values()) == {ANN_TOO}


def test_the_set_of_a_page_that_is_moved_away_meanwhile_is_left_to_who_moves_it(known: Store, engine: Engine) -> None:
    """A set of this space would be wrong in the other one."""
    before = sets(engine)["2"]
    url = make_url(engine.url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url) as other:
        other.execute("UPDATE confluence_pages SET space_id = 'id of IT', space_key = 'IT' WHERE id = '2'")
        with waiting_for_a_lock(engine, lambda: write_facts(known, list(changed(node("2", "1", ANN))))):
            other.commit()

    assert sets(engine)["2"] == before


def test_a_move_gives_everything_below_the_sets_of_its_new_place(known: Store, engine: Engine) -> None:
    """At once, from the stored facts; every page has its change in the feed once."""
    write_facts(known, list(changed(node("5", None, ANN))))
    with leased(known) as space:
        space.write_pages([write("2", seen="HR", body=None, action=ChangeAction.MOVE, parent_id="5")])

    assert sets(engine) == {"1": EVERYBODY, "2": ANN_TOO, "3": ANN_TOO, "4": ANN_TOO, "5": ANN_TOO}
    assert feed(engine)[-3:] == [
        ("2", "move", ["location", "restrictions"]),
        ("3", "restrict", ["restrictions"]),
        ("4", "restrict", ["restrictions"]),
    ]


def test_a_move_to_a_place_that_is_not_known_leaves_no_set(known: Store, engine: Engine) -> None:
    """Also below a new page, until its facts are read."""
    with leased(known) as space:
        space.write_pages([write("7"), write("2", seen="HR", body=None, action=ChangeAction.MOVE, parent_id="7")])

    assert sets(engine) == {"1": EVERYBODY, "2": None, "3": None, "4": None, "5": EVERYBODY, "7": None}


def test_a_new_text_without_a_restriction_is_read_by_nobody(known: Store, engine: Engine) -> None:
    """What was open may be confidential now. The pages below it have no new text, and keep their sets."""
    with leased(known) as space:
        space.write_pages(
            [write("2", seen="HR", body="<p>y</p>", version=2, parent_id="1", action=ChangeAction.UPDATE)]
        )

    assert sets(engine) == {**dict.fromkeys("12345", EVERYBODY), "2": None}
    assert feed(engine)[-1] == ("2", "update", ["text", "version", "restrictions"])
    assert write_facts(known, list(TREE.values())) == {"2"}
    assert set(sets(engine).values()) == {EVERYBODY}


def test_a_new_text_with_its_restriction_is_read_by_whom_it_names(known: Store, engine: Engine) -> None:
    """The restriction that was read with the page counts for it and for everything below, at once."""
    with leased(known) as space:
        newer = write(
            "2", seen="HR", body="<p>y</p>", version=2, parent_id="1", action=ChangeAction.UPDATE, restriction=ANN
        )
        space.write_pages([newer])

    assert sets(engine) == {"1": EVERYBODY, "2": ANN_TOO, "3": ANN_TOO, "4": ANN_TOO, "5": EVERYBODY}
    assert feed(engine)[-3:] == [
        ("2", "update", ["text", "version", "restrictions"]),
        ("3", "restrict", ["restrictions"]),
        ("4", "restrict", ["restrictions"]),
    ]
    with leased(known) as space:
        space.write_pages([write("2", seen="HR", body=None, version=2, parent_id="1", action=ChangeAction.MOVE)])
    assert sets(engine)["2"] == ANN_TOO


def test_a_new_page_with_all_its_facts_has_its_set_at_once(known: Store, engine: Engine) -> None:
    """Whichever of two new pages is written first: what is above them comes with them. A new page has one feed row."""
    above = [node("1"), node("6", "1", ANN)]
    with leased(known) as space:
        space.write_pages([write("7", parent_id="6", parent_type="page", restriction=NOBODY_ELSE)], above)
        assert sets(engine)["7"] == ANN_TOO
        space.write_pages([write("6", parent_id="1", parent_type="page", restriction=ANN)], above)

    assert (sets(engine)["6"], sets(engine)["7"]) == (ANN_TOO, ANN_TOO)
    assert [row[:2] for row in feed(engine)[-2:]] == [("7", "insert"), ("6", "insert")]


def test_what_is_above_a_new_text_counts_at_once(known: Store, engine: Engine) -> None:
    """For the page and for everything else below it: a restriction that was set since the last pass, and a move."""
    newer = write(
        "3", seen="HR", body="<p>y</p>", version=2, parent_id="2", action=ChangeAction.UPDATE, restriction=NOBODY_ELSE
    )
    with leased(known) as space:
        space.write_pages([newer], [node("2", "5"), node("5", None, ANN)])

    assert sets(engine) == {"1": EVERYBODY, "2": ANN_TOO, "3": ANN_TOO, "4": ANN_TOO, "5": ANN_TOO}
    assert write_facts(known, list(TREE.values())) == set("2345")


def test_a_write_makes_no_other_page_wider(known: Store, engine: Engine) -> None:
    """A page that leaves a restricted place keeps its layers, and so does everything below it, until the next pass.

    Its own restriction may be newer than what is known of it. The page whose facts all were read is as they say.
    """
    restricted = list(changed(node("1", None, ANN)))
    write_facts(known, restricted)
    assert sets(engine) == {**dict.fromkeys("1234", ANN_TOO), "5": EVERYBODY}
    with leased(known) as space:
        space.write_pages([write("2", seen="HR", body=None, action=ChangeAction.MOVE, parent_id="5")])
    assert sets(engine) == {**dict.fromkeys("1234", ANN_TOO), "5": EVERYBODY}

    with leased(known) as space:
        moved = write("3", seen="HR", body=None, action=ChangeAction.MOVE, parent_id="5", restriction=NOBODY_ELSE)
        space.write_pages([moved], [node("5")])
    assert sets(engine) == {**dict.fromkeys("124", ANN_TOO), **dict.fromkeys("35", EVERYBODY)}


def test_a_new_page_whose_facts_were_read_before_has_its_set_at_once(known: Store, engine: Engine) -> None:
    """If its restriction was read with its text again; it is the same, so no fact changes."""
    write_facts(known, list(changed(node("6", "1", ANN), node("7", "1", ANN))))
    with leased(known) as space:
        space.write_pages([write("6", parent_id="1", restriction=ANN), write("7", parent_id="1")])

    assert (sets(engine)["6"], sets(engine)["7"]) == (ANN_TOO, None)


def test_a_page_that_is_not_live_has_no_set(known: Store, engine: Engine) -> None:
    """Nor when it is back, until its restriction is read; the pages below keep theirs."""
    with leased(known) as space:
        space.hide([decision("2")])
        assert sets(engine)["2"] is None
        assert write_facts_of(space, known) == frozenset()
        assert sets(engine)["2"] is None
        space.write_pages([write("2", seen="HR", body=None, parent_id="1", action=ChangeAction.RESTORE)])
        assert sets(engine) == {**dict.fromkeys("12345", EVERYBODY), "2": None}
        assert write_facts_of(space, known) == {"2"}
        space.hide([decision("2")])
        space.write_pages([write("2", seen="HR", parent_id="1", action=ChangeAction.RESTORE, restriction=ANN)])

    assert sets(engine) == {**dict.fromkeys("12345", ANN_TOO), "1": EVERYBODY, "5": EVERYBODY}
    assert feed(engine)[-3][:2] == ("2", "restore")


def write_facts_of(space: SpaceStore, store: Store) -> frozenset[str]:
    """Write the facts of the tree."""
    return space.write_access(OPEN, list(TREE.values()), began_at=store.now())


def test_a_page_that_the_run_wrote_elsewhere_has_no_set(known: Store, engine: Engine) -> None:
    """The listing showed it below 1; it was fetched below 5 after that. Where it is, the next pass finds out."""
    with leased(known) as space:
        space.write_pages([write("2", seen="HR", body=None, parent_id="5", action=ChangeAction.MOVE)])
        assert write_facts_of(space, known) == {"2", "3", "4"}
    assert sets(engine) == {**dict.fromkeys("234"), "1": EVERYBODY, "5": EVERYBODY}

    assert write_facts(known, list(TREE.values())) == {"2", "3", "4"}
    assert set(sets(engine).values()) == {EVERYBODY}


def test_a_page_that_another_space_has_taken_over_is_left_alone(known: Store, engine: Engine) -> None:
    """The pass began before it moved. Its facts may be older than the new space's last pass, so they count no more."""
    write_facts(known, [], IT, SpaceViewers(layer=frozenset(), source="permissions"))
    began_at = known.now()
    with leased(known, IT) as space:
        space.write_pages([write("5", IT, seen="HR", body=None, action=ChangeAction.MOVE)])
    assert sets(engine)["5"] is None
    with leased(known) as space:
        assert space.write_access(OPEN, list(TREE.values()), began_at=began_at) == frozenset()
    assert sets(engine)["5"] is None
    assert write_facts(known, [node("5")], IT, SpaceViewers(layer=frozenset(), source="permissions")) == {"5"}
    assert sets(engine)["5"] == ""

    with leased(known) as space:
        assert space.write_access(OPEN, list(TREE.values()), began_at=known.now()) == {"5"}
        assert sets(engine)["5"] is None, "the page is in one space and its node in another"
        space.write_pages([write("5", seen="IT", body=None, action=ChangeAction.MOVE)])
    assert sets(engine)["5"] is None
    assert write_facts(known, list(TREE.values())) == {"5"}
    assert sets(engine)["5"] == EVERYBODY


def test_a_set_that_is_gone_is_made_again(known: Store, engine: Engine) -> None:
    """Whoever deletes sets by hand takes the pages away from their readers until the next pass."""
    tell(engine, "DELETE FROM access_sets")

    assert write_facts(known, list(TREE.values())) == set("12345")
    assert set(sets(engine).values()) == {EVERYBODY}


@pytest.mark.parametrize(("pages", "nodes"), [(2, 25_000), (5, 5), (50, 50), (250, 250)])
def test_pages_that_get_another_set_are_locked_in_the_order_of_their_ids(
    store: Store, engine: Engine, pages: int, nodes: int
) -> None:
    """However few there are, and wherever they lie: everybody locks them in that order, so that nobody deadlocks."""
    ids = [f"{number:05}" for number in range(nodes)]
    with leased(store) as space:
        space.write_pages([write(page_id) for page_id in reversed(ids[:pages])])
        tell(engine, "ANALYZE")
        facts = [node(each) for each in ids]
        query = f"SELECT FROM public.confluence_pages WHERE id = '{ids[pages // 2]}' FOR UPDATE"
        with engine.connect() as other:
            other.exec_driver_sql(query)
            with waiting_for_a_lock(engine, lambda: space.write_access(OPEN, facts, began_at=store.now())):
                free = ask(engine, "SELECT id FROM confluence_pages ORDER BY id FOR UPDATE SKIP LOCKED")
                other.rollback()
    assert [row["id"] for row in free] == ids[pages // 2 + 1 : pages]


def test_a_space_without_an_id_has_no_facts(store: Store) -> None:
    """Nothing could be found again under its nodes."""
    with leased(store, Space(id="", key="X", name="")) as space, pytest.raises(ValueError, match="has no id"):
        space.write_access(OPEN, [], began_at=store.now())


def test_a_page_that_is_erased_leaves_no_fact(known: Store, engine: Engine) -> None:
    """Its node names people; what was below it has no known way up. A space that is erased leaves none either."""
    with leased(known) as space:
        assert space.purge(["2"]) == 1
        assert sets(engine) == {"1": EVERYBODY, "3": None, "4": None, "5": EVERYBODY}
        assert ask(engine, "SELECT id FROM content_nodes WHERE id = '2'") == []
        space.purge_space(forget=False)

    assert ask(engine, "SELECT id FROM content_nodes") == ask(engine, "SELECT principal FROM space_permissions") == []
    assert ask(engine, "SELECT access_checked_at, viewers_known FROM sync_spaces") == [
        {"access_checked_at": None, "viewers_known": False}
    ]


def test_facts_of_a_space_are_not_those_of_another_that_gets_its_key(known: Store, engine: Engine) -> None:
    """Keys are given again; ids are not."""
    with leased(known, Space(id="77", key="HR", name="Another")):
        rows = ask(engine, "SELECT space_id, access_checked_at, viewers_known FROM sync_spaces")

    assert rows == [{"space_id": "77", "access_checked_at": None, "viewers_known": False}]

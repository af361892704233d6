"""SQL and the pure rule agree: on the set of every page after any change, on who passes a set, and on the audience.

Random histories over two spaces: facts with cycles, missing nodes and parents that are not known, moves within a space
and between spaces, new text with and without its restriction, pages that are hidden and that come back, other viewers.
After each step every set is derived anew from the stored facts by `access_set_of`. That is the set of a page whose
facts were read in this step; any other one keeps the layers that it had, and one that was not known stays so.
"""

import random
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import Engine

from hr_sync.domain.access import (
    AccessClass,
    AccessPolicy,
    AccessSet,
    Asker,
    Audience,
    Layer,
    NodeFact,
    Principal,
    PrincipalKind,
    Restriction,
    SpaceViewers,
    access_set_of,
    audience_passes,
    passes,
)
from hr_sync.domain.changes import ChangeAction
from hr_sync.domain.content import Space
from hr_sync.store.space_store import SpaceStore
from hr_sync.store.store import Store
from tests.store.spaces import HR, IT, ask, decision, leased, write

SPACES = (HR, IT)
IDS = [f"n{number:02}" for number in range(16)]
HOME = {HR.key: IDS[::2], IT.key: IDS[1::2]}
USERS, GROUPS = "abc", ("g", "h", 'odd "name", {x}\\')
VIEWERS = [
    {Principal(PrincipalKind.CLASS, AccessClass.LICENSED)},
    {Principal(PrincipalKind.CLASS, AccessClass.ANONYMOUS), Principal(PrincipalKind.GROUP, "g")},
    {Principal(PrincipalKind.USER, "a"), Principal(PrincipalKind.GROUP, GROUPS[2])},
    {Principal(PrincipalKind.GROUP, "g"), Principal(PrincipalKind.GROUP, "h")},
    {Principal(PrincipalKind.UNKNOWN, "role:1")},
    set[Principal](),
]
STEPS = 45
NODES_OF = "SELECT id FROM content_nodes WHERE space_id = :space"


@dataclass
class History:
    """One random history. `facts` are what the next access pass of each space shows."""

    store: Store
    engine: Engine
    luck: random.Random
    facts: dict[str, dict[str, NodeFact]] = field(default_factory=lambda: {space.key: {} for space in SPACES})
    viewers: dict[str, Layer | None] = field(default_factory=dict)
    fresh: frozenset[str] = frozenset()  #: pages whose facts were all read in the last step

    def __post_init__(self) -> None:
        """Let a pass of each space show its half of the nodes."""
        for space in SPACES:
            self.viewers[space.key] = frozenset(self.luck.choice(VIEWERS))
            self.facts[space.key] = {node_id: self.fact(node_id) for node_id in HOME[space.key]}
            with leased(self.store, space) as opened:
                self.read_facts(opened, space)

    def step(self) -> str:
        """Do something. Return its name."""
        space = self.luck.choice(SPACES)
        acts = {"facts": self.read_facts, "write": self.write_page, "hide": self.hide, "purge": self.purge}
        (name,) = self.luck.choices(list(acts), weights=[5, 8, 1, 0.3])
        self.fresh = frozenset()
        with leased(self.store, space) as opened:
            acts[name](opened, space)
        return name

    def read_facts(self, opened: SpaceStore, space: Space) -> None:
        """Change some facts of a space, and let a pass write all of them."""
        facts = self.facts[space.key]
        for node_id in self.some(space, self.luck.choice([0, 1, 1, 2, 8])):
            for others in self.facts.values():
                others.pop(node_id, None)
            if self.luck.random() > 0.03:
                facts[node_id] = self.fact(node_id)
        if self.luck.random() < 0.15:
            self.viewers[space.key] = None if self.luck.random() < 0.1 else frozenset(self.luck.choice(VIEWERS))
        shown = SpaceViewers(layer=self.viewers[space.key], source="permissions")
        before = self.stored()
        changed = opened.write_access(shown, list(facts.values()), began_at=self.store.now())
        after = self.stored()
        self.fresh = frozenset(row["id"] for row in ask(self.engine, NODES_OF, space=space.id))
        assert changed == {page_id for page_id in after if before.get(page_id) != after[page_id]}
        again = opened.write_access(shown, list(facts.values()), began_at=self.store.now())
        assert again == frozenset(), "the same facts change nothing"

    def fact(self, node_id: str) -> NodeFact:
        # Mostly upwards, so that trees grow; sometimes anywhere, which makes cycles.
        family = next(ids for ids in HOME.values() if node_id in ids) if self.luck.random() < 0.95 else IDS
        above = [each for each in family if each < node_id] if self.luck.random() < 0.95 else family
        parent = self.luck.choice([None, *above, *above[-3:]])
        return NodeFact(
            id=node_id,
            kind=self.luck.choice(["page", "page", "folder", None]),
            parent_id="absent" if self.luck.random() < 0.02 else parent,
            parent_known=self.luck.random() > 0.02,
            restriction=self.restriction(),
        )

    def restriction(self) -> Restriction | None:
        if self.luck.random() < 0.03:
            return None
        if self.luck.random() < 0.6:
            return Restriction()
        some = self.luck.choice([1, 1, 2])
        return Restriction(
            users=frozenset(self.luck.sample(USERS, some)), groups=frozenset(self.luck.sample(GROUPS, some - 1))
        )

    def write_page(self, opened: SpaceStore, space: Space) -> None:
        """Write new, newer, moved or restored pages, with or without their restrictions."""
        rows = {
            row["id"]: row for row in ask(self.engine, "SELECT id, space_key, version, parent_id FROM confluence_pages")
        }
        writes = []
        for page_id in self.some(space, self.luck.choice([1, 1, 2, 6])):
            row = rows.get(page_id)
            shown = self.fact(page_id).parent_id if self.luck.random() < 0.3 else self.facts[space.key].get(page_id)
            parent = shown.parent_id if isinstance(shown, NodeFact) else shown
            version = 1 if row is None else row["version"] + self.luck.choice([0, 0, 1])
            body = None if row and version == row["version"] and self.luck.random() < 0.5 else f"<p>{version}</p>"
            writes.append(
                write(
                    page_id,
                    space,
                    seen=row["space_key"] if row else None,
                    action=ChangeAction.UPDATE if row else ChangeAction.INSERT,
                    body=body,
                    version=version,
                    parent_id=parent,
                    restriction=self.restriction() if self.luck.random() < 0.6 else None,
                )
            )
        opened.write_pages(writes)
        self.fresh = frozenset(write.head.id for write in writes if write.restriction is not None)

    def hide(self, opened: SpaceStore, space: Space) -> None:
        opened.hide([decision(page_id, space=space) for page_id in self.some(space, 2)])

    def purge(self, opened: SpaceStore, space: Space) -> None:
        opened.purge(self.some(space, 1))

    def some(self, space: Space, number: int) -> list[str]:
        """Return ids that belong to a space; sometimes any, so that nodes and pages change spaces."""
        return sorted(self.luck.sample(HOME[space.key] if self.luck.random() < 0.9 else IDS, number))

    def stored(self) -> dict[str, AccessSet | None]:
        """Return the sets of live pages as they are stored."""
        found: dict[str, AccessSet | None] = {}
        for space in SPACES:
            found |= self.store.reader(space).stored_access_sets()
        return found

    def right(self, before: Mapping[str, AccessSet | None]) -> dict[str, AccessSet | None]:
        """Return the sets that pages must have after a step, from those that they had."""

        def is_right(page_id: str, derived: AccessSet | None) -> AccessSet | None:
            kept = before.get(page_id)
            if derived is None or page_id in self.fresh:
                return derived
            return None if kept is None else kept | derived

        return {page_id: is_right(page_id, derived) for page_id, derived in self.derived().items()}

    def derived(self) -> dict[str, AccessSet | None]:
        """Return the sets of live pages as the pure rule derives them from the stored facts."""
        nodes = {row["id"]: row for row in ask(self.engine, "SELECT * FROM content_nodes")}
        viewers = viewers_of(self.engine)
        own = {key: restriction_of(row["restriction"]) for key, row in nodes.items()}
        parents = {key: row["parent_id"] for key, row in nodes.items()}
        unresolved = {key for key, row in nodes.items() if not row["parent_known"]}
        outdated = {key for key, row in nodes.items() if row["outdated"]}
        pages = ask(
            self.engine, "SELECT id, space_id FROM confluence_pages WHERE hidden_at IS NULL AND removed_at IS NULL"
        )
        return {
            page["id"]: access_set_of(
                page["id"],
                viewers.get(page["space_id"]) if nodes.get(page["id"], page)["space_id"] == page["space_id"] else None,
                own,
                parents,
                unresolved,
                outdated=outdated,
            )
            for page in pages
        }


def viewers_of(engine: Engine) -> dict[str, Layer]:
    """Return the viewers that are known, by space id."""
    named: dict[str, set[Principal]] = {}
    for row in ask(engine, "SELECT space_id FROM sync_spaces WHERE viewers_known"):
        named[row["space_id"]] = set()
    for row in ask(engine, "SELECT space_id, principal FROM space_permissions"):
        named.setdefault(row["space_id"], set()).add(Principal.of(row["principal"]))
    return {space_id: frozenset(principals) for space_id, principals in named.items()}


def restriction_of(stored: Mapping[str, Collection[str]] | None) -> Restriction | None:
    """Return a stored restriction."""
    if stored is None:
        return None
    return Restriction(users=frozenset(stored["users"]), groups=frozenset(stored["groups"]))


def told(engine: Engine) -> set[str]:
    """Return the pages whose feed says that their readers changed, or that they are new, in the last run."""
    rows = ask(
        engine,
        """SELECT page_id FROM content_changes WHERE run_id = (SELECT max(id) FROM sync_runs)
           AND ('restrictions' = ANY (changed_fields) OR action IN ('insert', 'hide', 'purge'))""",
    )
    return {row["page_id"] for row in rows}


@pytest.mark.parametrize("seed", range(8))
def test_the_statement_derives_what_the_rule_says(store: Store, engine: Engine, seed: int) -> None:
    """After every step of a history, for every live page; the feed has each page that got another set."""
    history = History(store, engine, random.Random(seed))  # noqa: S311 -- the same history each time
    known = unknown = 0
    for number in range(STEPS):
        before = history.stored()
        what = history.step()
        stored = history.stored()
        assert stored == history.right(before), (seed, number, what)
        differing = {page_id for page_id in before if page_id in stored and before[page_id] != stored[page_id]}
        assert differing <= told(engine), (seed, number, what)
        unknown += sum(each is None for each in stored.values())
        known += sum(each is not None for each in stored.values())
    assert min(known, unknown) > STEPS, "both occurred"


@pytest.mark.parametrize("seed", range(4))
def test_functions_and_view_let_pass_whom_the_rule_lets_pass(store: Store, engine: Engine, seed: int) -> None:
    """Each set of a history, for random askers and audiences; `audience` is right for old sets and for new ones."""
    luck = random.Random(seed)  # noqa: S311 -- as above
    history = History(store, engine, luck)
    passed = refused = 0
    for _ in range(6):
        audience = Audience(
            groups=frozenset(luck.sample(GROUPS, luck.choice([0, 1, 2]))),
            licence_groups=frozenset(luck.sample(GROUPS, luck.choice([0, 1, 2]))),
        )
        store.apply_access_policy(AccessPolicy(audience_groups=audience.groups), licence_groups=audience.licence_groups)
        for _ in range(6):
            history.step()
            sets = stored_sets(engine)
            assert {key: row.audience for key, row in sets.items()} == {
                key: audience_passes(row.layers, audience) for key, row in sets.items()
            }
        for _ in range(8):
            asker = Asker(
                user=luck.choice([None, *USERS, "role:1"]),
                groups=frozenset(luck.sample(GROUPS, luck.choice([0, 1, 2]))),
            )
            (row,) = ask(
                engine,
                "SELECT access_sets_passed(:user, CAST(:groups AS text[])) AS sets",
                user=asker.user,
                groups=sorted(asker.groups),
            )
            right = {key for key, each in sets.items() if passes(each.layers, asker)}
            assert (set(row["sets"]), len(row["sets"])) == (right, len(right))
            passed, refused = passed + len(right), refused + len(sets) - len(right)
    assert min(passed, refused) > 20, "both occurred"


@dataclass(frozen=True)
class StoredSet:
    """One row of `access_sets` with its layers."""

    audience: bool
    layers: AccessSet


def stored_sets(engine: Engine) -> dict[int, StoredSet]:
    """Return every stored set."""
    layers: dict[int, dict[str, set[Principal]]] = {}
    query = "SELECT set_id, layer, principal FROM access_layers LEFT JOIN access_principals USING (layer)"
    for row in ask(engine, query):
        layer = layers.setdefault(row["set_id"], {}).setdefault(row["layer"], set())
        if row["principal"] is not None:
            layer.add(Principal.of(row["principal"]))
    rows: list[dict[str, Any]] = ask(engine, "SELECT id, audience, layers FROM access_sets")
    assert all(len(layers[row["id"]]) == row["layers"] for row in rows)
    return {
        row["id"]: StoredSet(row["audience"], frozenset(frozenset(each) for each in layers[row["id"]].values()))
        for row in rows
    }

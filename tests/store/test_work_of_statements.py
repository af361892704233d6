"""No statement does work out of proportion to the rows that it is about, whatever the statistics say.

PostgreSQL itself reports each plan with what it did (`auto_explain`): rows that a join compared in vain, rows that a
step returned, blocks that were looked at. A nested loop over a whole subtree, or an index that is searched from end to
end for each page, is thousands of times as much.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any
from weakref import WeakSet

import psycopg
import pytest
from sqlalchemy import Connection, Engine, event

from hr_sync.domain.access import AccessClass, NodeFact, Principal, PrincipalKind, Restriction, SpaceViewers
from hr_sync.domain.changes import ChangeAction
from hr_sync.store.engine import make_engine
from hr_sync.store.store import Store
from tests.store.spaces import IT, ask, leased, tell, write

PAGES, CHILDREN = 1_500, 8
OPEN = Restriction()
VIEWERS = SpaceViewers(layer=frozenset({Principal(PrincipalKind.CLASS, AccessClass.LICENSED)}), source="permissions")
FACTS = [
    NodeFact(id=f"{n}", kind="page", parent_id=f"{(n - 1) // CHILDREN}" if n else None, restriction=OPEN)
    for n in range(PAGES)
]
FILL = f"""
    INSERT INTO confluence_pages (id, title, space_key, space_id, content_hash, last_updated, version, url, parent_id,
        parent_type, status, metadata_digest)
    SELECT CASE space WHEN '1' THEN '' ELSE 'other ' END || n, 'Page', CASE space WHEN '1' THEN 'HR' ELSE 'IT' END,
        space, 'x', '2026-03-01', 1, 'https://wiki.example.org/' || n,
        CASE WHEN n > 0 THEN CAST((n - 1) / {CHILDREN} AS text) END, CASE WHEN n > 0 THEN 'page' END, 'current', ''
    FROM unnest(ARRAY['1', '2']) AS space, generate_series(0, {PAGES - 1}) AS n"""


@dataclass
class Work:
    """What the statements did: their largest figures, each with the beginning of the statement."""

    compared: tuple[float, str] = (0, "")  #: rows that one join compared in vain
    returned: tuple[float, str] = (0, "")  #: rows that one step of a plan returned
    blocks: tuple[float, str] = (0, "")  #: blocks that a statement looked at
    nodes_by: list[str] = field(default_factory=list)  #: how nodes were found whose access was derived
    statements: list[str] = field(default_factory=list)

    def clear(self) -> None:
        """Forget what the statements before did."""
        self.compared = self.returned = self.blocks = (0, "")
        self.statements.clear()
        self.nodes_by.clear()

    def add(self, plan: dict[str, Any]) -> None:
        """Take the plan of one statement into account."""
        query = " ".join(plan["Query Text"].split())
        self.statements.append(query)
        top = plan["Plan"]
        self.blocks = max(self.blocks, (top["Shared Hit Blocks"] + top["Shared Read Blocks"], query))
        for step in steps(top):
            loops = step["Actual Loops"]
            self.compared = max(self.compared, (step.get("Rows Removed by Join Filter", 0) * loops, query))
            self.returned = max(self.returned, (step["Actual Rows"] * loops, query))
            if "nodes AS MATERIALIZED" in query and step.get("Relation Name") == "content_nodes":
                self.nodes_by += [step[name] for name in ("Filter", "Recheck Cond", "Index Cond") if name in step]


def steps(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from steps(below)


@pytest.fixture
def work(engine: Engine) -> Iterator[Work]:
    """Collect what each statement of the store does."""
    collected = Work()
    met = WeakSet[psycopg.Connection[Any]]()

    def collect(notice: psycopg.errors.Diagnostic) -> None:
        said = notice.message_primary or ""
        if "plan:\n" in said:
            collected.add(json.loads(said.split("plan:\n", 1)[1]))

    def explain(connection: Connection) -> None:
        driver = connection.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)
        if driver not in met:
            met.add(driver)
            driver.add_notice_handler(collect)
        for statement in (
            "LOAD 'auto_explain'",
            "SET LOCAL auto_explain.log_min_duration = 0",
            "SET LOCAL auto_explain.log_analyze = on",
            "SET LOCAL auto_explain.log_buffers = on",
            "SET LOCAL auto_explain.log_timing = off",
            "SET LOCAL auto_explain.log_format = json",
            "SET LOCAL client_min_messages = log",
        ):
            connection.exec_driver_sql(statement)

    event.listen(engine, "begin", explain)
    yield collected
    event.remove(engine, "begin", explain)


@pytest.mark.parametrize("analyzed", ["empty", "full", "never"])
def test_access_of_a_subtree_costs_in_proportion(store: Store, engine: Engine, work: Work, analyzed: str) -> None:
    tell(engine, *["ANALYZE"] * (analyzed == "empty"))
    tell(engine, FILL)
    work.clear()
    with leased(store, IT) as opened:
        others = [
            replace(fact, id=f"other {fact.id}", parent_id=fact.parent_id and f"other {fact.parent_id}")
            for fact in FACTS
        ]
        opened.write_access(VIEWERS, others, began_at=store.now())
    with leased(store) as opened:
        opened.write_access(VIEWERS, FACTS, began_at=store.now())
        assert ask(engine, "SELECT count(access_set_id) AS n FROM confluence_pages") == [{"n": 2 * PAGES}]
        tell(engine, *["ANALYZE"] * (analyzed == "full"))
        restricted = Restriction(groups=frozenset({"leads"}))
        opened.write_access(VIEWERS, [replace(FACTS[0], restriction=restricted), *FACTS[1:]], began_at=store.now())
        page = write(
            "0", version=2, body="new", restriction=Restriction(users=frozenset({"u"})), action=ChangeAction.UPDATE
        )
        opened.write_pages([page])
    told = ask(engine, "SELECT count(*) AS n FROM content_changes WHERE action = 'restrict'")
    assert told[0]["n"] >= 4 * PAGES - 1, "every page got a set, another, and a third"
    assert any("AS derived" in each or "derived AS" in each for each in work.statements)
    assert work.nodes_by
    assert all("ANY ('{" in each for each in work.nodes_by), (
        "a constant array is hashed; any other is read for each row"
    )
    assert work.compared[0] <= 2 * PAGES, work.compared
    assert work.returned[0] <= 12 * PAGES, work.returned
    assert work.blocks[0] <= 11 * PAGES, work.blocks


def test_access_of_more_nodes_than_are_looked_up_one_by_one(engine: Engine) -> None:
    """The rows are in another order than the ids. To compare each row with one id after the other takes minutes."""
    number = 25_000
    facts = [
        NodeFact(id=f"{n}", kind="page", parent_id=f"{(n - 1) // CHILDREN}" if n else None, restriction=OPEN)
        for n in range(number)
    ]
    tell(
        engine,
        f"""INSERT INTO content_nodes (id, kind, space_id, parent_id, parent_known, restriction)
            SELECT n, 'page', '1', CASE WHEN n > 0 THEN (n - 1) / {CHILDREN} END, true, '{{"users": [], "groups": []}}'
            FROM generate_series(0, {number - 1}) AS n ORDER BY md5(CAST(n AS text))""",
        f"""INSERT INTO confluence_pages (id, title, space_key, space_id, content_hash, last_updated, version, url,
                parent_id, parent_type, status, metadata_digest)
            SELECT n, 'Page', 'HR', '1', 'x', '2026-03-01', 1, 'https://wiki.example.org/' || n, '0', 'page', 'current',
                '' FROM generate_series(0, {number - 1}) AS n ORDER BY md5(CAST(n AS text))""",
    )
    patient = Store(make_engine(engine.url, statement_timeout_seconds=30))
    with leased(patient) as opened:
        changed = opened.write_access(VIEWERS, facts, began_at=patient.now())
    patient.engine.dispose()
    assert len(changed) == number

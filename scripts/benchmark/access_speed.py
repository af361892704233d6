"""Measure access in the database. Run by scripts/bench-access.

Pages stand in trees of eight children a page, the same number in each space. Two spaces in five are open to some groups
only, and so many pages have a restriction of their own that the pages have about 2,000 access sets.
"""

import argparse
import random
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import psycopg
from sqlalchemy import Engine, text

from benchmark.postgres import Postgres, running_postgres
from hr_sync.cancellation import Cancellation
from hr_sync.domain.access import (
    AccessClass,
    AccessPolicy,
    NodeFact,
    Principal,
    PrincipalKind,
    Restriction,
    SpaceViewers,
)
from hr_sync.domain.changes import ChangeAction
from hr_sync.domain.content import ContentKind, Head, Space
from hr_sync.domain.outcome import Mode
from hr_sync.store.engine import make_engine
from hr_sync.store.schema import ensure_schema
from hr_sync.store.store import Store
from hr_sync.store.values import Busy, PageWrite, Worker

GROUPS, USERS, GROUPS_OF_A_USER, SETS = 2_000, 20_000, 30, 2_000
CHILDREN = 8
SUBTREE = 5_000
WORKER = Worker(host="bench", pid=1)
OPEN = Restriction()
RLS = """
    CREATE ROLE bench_consumer; GRANT USAGE ON SCHEMA public TO bench_consumer;
    GRANT SELECT ON confluence_pages TO bench_consumer;
    GRANT EXECUTE ON FUNCTION access_sets_passed, spaces_with_recent_access TO bench_consumer;
    CREATE POLICY of_consumer ON confluence_pages FOR SELECT TO bench_consumer USING (
        status = 'current' AND hidden_at IS NULL AND removed_at IS NULL
        AND access_set_id = ANY ((SELECT access_sets_passed(current_setting('hr_sync.user')))::bigint[])
        AND space_id = ANY ((SELECT spaces_with_recent_access())::text[]));
    ALTER TABLE confluence_pages ENABLE ROW LEVEL SECURITY"""
PAGES = """
    INSERT INTO confluence_pages (id, title, space_key, space_id, content_hash, last_updated, version, url, parent_id,
        parent_type, status, metadata_digest, sections)
    SELECT s || '-' || n, 'Page ' || n, 'S' || s, s::text, md5(n::text), now(), 1, 'https://wiki.example.org/' || n,
        CASE WHEN n > 0 THEN s || '-' || (n - 1) / %(children)s END, CASE WHEN n > 0 THEN 'page' END, 'current', '',
        %(sections)s
    FROM generate_series(1, %(spaces)s) AS s, generate_series(0, %(pages)s - 1) AS n"""


TEXTS = """
    INSERT INTO page_texts (page_id, content_hash, title, space_key, renderer_version, section_size, sections, markdown,
        parsed_as, has_computed_content, hidden_characters)
    SELECT id, content_hash, title, space_key, 1, 2000, %(sections)s, '', 'strict', false, 0 FROM confluence_pages"""
SECTIONS = """
    INSERT INTO page_sections (section_id, page_id, ordinal, level, heading_path, text, embed_text, text_hash)
    SELECT md5(id || '-' || n), id, n, 1, '{Heading}', repeat('word ', 60), repeat('word ', 70), md5(n::text)
    FROM confluence_pages, generate_series(0, %(sections)s - 1) AS n"""


@dataclass(frozen=True)
class Figure:
    """One measured figure."""

    name: str
    milliseconds: Sequence[float]
    limit: float | None = None  #: of the median
    note: str = ""
    limit_of_p95: float | None = None

    @property
    def median(self) -> float:
        return statistics.median(self.milliseconds)

    @property
    def p95(self) -> float:
        ordered = sorted(self.milliseconds)
        return ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]

    @property
    def is_met(self) -> bool:
        is_met = self.limit is None or self.median <= self.limit
        return is_met and (self.limit_of_p95 is None or self.p95 <= self.limit_of_p95)

    def line(self) -> str:
        limits = (("median", self.limit), ("p95", self.limit_of_p95))
        wanted = ", ".join(f"{what} ≤ {limit:g}" for what, limit in limits if limit is not None)
        return f"| {self.name} | {self.median:.1f} | {self.p95:.1f} | {wanted} | {self.note} |"


class Bench:
    """A filled database."""

    def __init__(self, postgres: Postgres, *, pages: int, spaces: int, sections: int) -> None:
        postgres.fresh("access")
        self.url = postgres.url("access")
        self.engine: Engine = make_engine(self.url, statement_timeout_seconds=600)
        ensure_schema(self.engine)
        self.store = Store(self.engine)
        self.luck = random.Random(7)  # noqa: S311 -- the same pages each time
        self.per_space = pages // spaces
        self.sections = sections
        self.spaces = [Space(id=str(n), key=f"S{n}", name=f"Space {n}") for n in range(1, spaces + 1)]
        self.facts: dict[str, list[NodeFact]] = {}
        self.viewers: dict[str, SpaceViewers] = {}
        self._fill_pages()

    def _fill_pages(self) -> None:
        values = {"spaces": len(self.spaces), "pages": self.per_space, "children": CHILDREN, "sections": self.sections}
        with psycopg.connect(self.url) as connection:
            connection.execute(PAGES, values)
            connection.execute("INSERT INTO page_bodies SELECT id, repeat('word ', 500) FROM confluence_pages")
            connection.execute(TEXTS, {"sections": self.sections})
            connection.execute(SECTIONS, {"sections": self.sections})
            connection.execute(
                "INSERT INTO groups (id, members_known, checked_at) SELECT 'g' || n, true, now()"
                " FROM generate_series(0, %s) AS n",
                [GROUPS - 1],
            )
            connection.execute(
                "INSERT INTO group_members SELECT DISTINCT 'g' || (random() * %s)::int, 'u' || u"
                " FROM generate_series(0, %s) AS u, generate_series(1, %s)",
                [GROUPS - 1, USERS - 1, GROUPS_OF_A_USER],
            )

    def first_facts(self) -> list[float]:
        """Write the facts of every space. Return how long each took."""
        return [self._first_facts(number, space) for number, space in enumerate(self.spaces)]

    def _first_facts(self, number: int, space: Space) -> float:
        restricted = set(self.luck.sample(range(1, self.per_space), SETS // len(self.spaces)))
        self.facts[space.key] = [
            NodeFact(
                id=f"{space.id}-{n}",
                kind="page",
                parent_id=f"{space.id}-{(n - 1) // CHILDREN}" if n else None,
                restriction=self.restriction() if n in restricted else OPEN,
            )
            for n in range(self.per_space)
        ]
        layer = {Principal(PrincipalKind.CLASS, AccessClass.LICENSED)}
        if number % 5 > 2:
            layer = {Principal(PrincipalKind.GROUP, f"g{self.luck.randrange(GROUPS)}") for _ in range(20)}
        self.viewers[space.key] = SpaceViewers(layer=frozenset(layer), source="permissions")
        return self.write_facts(space)

    def restriction(self) -> Restriction:
        """Return a restriction of some groups and a user."""
        groups = {f"g{self.luck.randrange(GROUPS)}" for _ in range(self.luck.randint(1, 12))}
        return Restriction(users=frozenset({f"u{self.luck.randrange(USERS)}"}), groups=frozenset(groups))

    def write_facts(self, space: Space) -> float:
        """Write the facts of a space as an access pass does. Return how long it took."""
        run_id = self.store.open_run(Mode.ACCESS, WORKER, "bench")
        with self.store.leased(space, WORKER, run_id, cancellation=Cancellation()) as taken:
            if isinstance(taken, Busy):
                raise RuntimeError(taken)  # noqa: TRY004 -- no wrong type: somebody else is at work
            began_at = self.store.now()
            viewers, facts = self.viewers[space.key], self.facts[space.key]
            return timed(lambda: taken.write_access(viewers, facts, began_at=began_at))

    def write_root(self, space: Space, page: str, restriction: Restriction) -> float:
        """Write one page with its restriction, as an incremental run does. Return how long it took."""
        with self.engine.begin() as connection:
            row = connection.execute(text("SELECT * FROM public.confluence_pages WHERE id = :id"), {"id": page}).one()
        head = Head(
            **{name: getattr(row, name) for name in Head.__dataclass_fields__ if name not in {"version", "kind"}},
            version=row.version + 1,
            kind=ContentKind(row.kind),
        )
        given = PageWrite(
            action=ChangeAction.UPDATE,
            reason="new version",
            head=head,
            storage="<p>new</p>",
            content_hash="0" * 64,
            seen_in_space=space.key,
            restriction=restriction,
        )
        run_id = self.store.open_run(Mode.INCREMENTAL, WORKER, "bench")
        with self.store.leased(space, WORKER, run_id, cancellation=Cancellation()) as taken:
            if isinstance(taken, Busy):
                raise RuntimeError(taken)  # noqa: TRY004 -- no wrong type: somebody else is at work
            return timed(lambda: taken.write_pages([given]))

    def query(self, statement: str, *values: Any, times: int = 1, role: str | None = None) -> tuple[list[float], Any]:
        """Run a query some times over one connection. Return how long each took, and the last value."""
        with psycopg.connect(self.url, prepare_threshold=None) as connection:
            if role is not None:
                connection.execute(f"SET ROLE {role}".encode())
            taken, found = [], None
            for number in range(times):
                chosen = [value[number % len(value)] if isinstance(value, list) else value for value in values]
                began = time.perf_counter()
                found = connection.execute(statement.encode(), chosen).fetchone()
                taken.append((time.perf_counter() - began) * 1000)
            return taken, found and found[0]

    def rewritten(self, act: Callable[[], float]) -> tuple[float, str]:
        """Do something. Return how long it took, and how many rows of which tables it has written."""
        before = self._written()
        seconds = act()
        after = self._written()
        changed = {name: after[name] - before.get(name, 0) for name in after if after[name] > before.get(name, 0)}
        return seconds, ", ".join(f"{name} {number:,}" for name, number in sorted(changed.items()))

    def _written(self) -> dict[str, int]:
        time.sleep(1.2)  # backends report what they have counted once a second
        with psycopg.connect(self.url) as connection:
            connection.execute("SELECT pg_stat_clear_snapshot()")
            rows = connection.execute("SELECT relname, n_tup_ins + n_tup_upd + n_tup_del FROM pg_stat_user_tables")
            return {name: number for name, number in rows}  # noqa: C416 -- dict() does not take rows for pairs


def timed(act: Callable[[], object]) -> float:
    """Return how many milliseconds something takes."""
    began = time.perf_counter()
    act()
    return (time.perf_counter() - began) * 1000


def measure(bench: Bench) -> list[Figure]:
    """Measure everything once the database is filled."""
    first = bench.first_facts()
    with psycopg.connect(bench.url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
        connection.execute(RLS.encode())
        (sets,) = connection.execute("SELECT count(*) FROM access_sets").fetchone() or (0,)
    users = [f"u{bench.luck.randrange(USERS)}" for _ in range(200)]
    passed, _ = bench.query("SELECT access_sets_passed(%s)", users, times=200)
    view, shown = bench.query("SELECT count(*) FROM live_pages", times=10)
    readable, own = bench.query("SELECT count(*) FROM pages_readable_by(%s)", users, times=10)
    scan, _ = bench.query("SELECT count(*) FROM confluence_pages", times=10)
    parts, visible = bench.query("SELECT count(*) FROM sections_readable_by(%s)", users, times=10)
    counted, _ = bench.query("SELECT count_sections_readable_by(%s)", users, times=100)
    all_parts, number = bench.query("SELECT count(*) FROM page_sections", times=10)
    may, _ = bench.query("SELECT may_read(%s, NULL, '1-17')", users, times=100)
    with psycopg.connect(bench.url) as connection:
        bench.store.apply_access_policy(AccessPolicy(max_age_hours=48))
    policy = timed(lambda: bench.store.apply_access_policy(AccessPolicy(audience_groups=frozenset({"g1"}))))
    secured, seen = bench.query(
        "SELECT count(*) FROM confluence_pages, (SELECT set_config('hr_sync.user', %s, false)) AS who",
        users,
        times=10,
        role="bench_consumer",
    )
    return [
        Figure("first facts of a space", first, note=f"{bench.per_space:,} pages each; {sets:,} sets in all"),
        Figure("sets that an asker passes", passed, note="groups from the mirror", limit_of_p95=5),
        Figure("count of live_pages", view, note=f"{shown:,} of {bench.per_space * len(bench.spaces):,}"),
        Figure("count of pages_readable_by", readable, note=f"{own:,} for the last asker"),
        Figure("count under row-level security", secured, note=f"{seen:,} for the last asker"),
        Figure("count of confluence_pages, bare", scan),
        Figure("count_sections_readable_by", counted, 30),
        Figure("count of sections_readable_by", parts, note=f"{visible:,} for the last asker"),
        Figure("count of page_sections, bare", all_parts, note=f"{number:,}"),
        Figure("may_read of one page", may),
        Figure("another audience", [policy]),
        *revocations(bench),
    ]


def revocations(bench: Bench) -> list[Figure]:
    """Restrict a subtree of 5,000 pages and lift it again, by an access pass and by a page that is written."""
    space = bench.spaces[0]
    unchanged, wrote = bench.rewritten(lambda: bench.write_facts(space))
    figures = [Figure("an access pass that finds nothing changed", [unchanged], note=wrote)]
    top = bench.facts[space.key][subtree_of(bench.per_space)]
    at = bench.facts[space.key].index(top)
    taken, notes = [], set()
    for turn in range(6):
        changed = replace(top, restriction=bench.restriction() if turn % 2 == 0 else OPEN)
        bench.facts[space.key][at] = changed
        milliseconds, wrote = bench.rewritten(lambda: bench.write_facts(space))
        taken.append(milliseconds)
        notes.add(wrote)
    figures.append(Figure("an access pass that finds a subtree restricted", taken, note=min(notes)))
    taken, notes = [], set()
    for _ in range(12):
        bench.write_facts(space)  # lifts it: the same subtree is restricted each time
        milliseconds, wrote = bench.rewritten(lambda: bench.write_root(space, top.id, bench.restriction()))
        taken.append(milliseconds)
        notes.add(wrote)
    return [*figures, Figure("a page above a subtree is written with its restriction", taken, 100, min(notes))]


def subtree_of(pages: int) -> int:
    """Return the page of a space whose subtree is nearest to 5,000 pages."""
    sizes = [1] * pages
    for n in range(pages - 1, 0, -1):
        sizes[(n - 1) // CHILDREN] += sizes[n]
    return min(range(pages), key=lambda n: abs(sizes[n] - SUBTREE))


def main() -> int:
    """Print a table. Return 1 if a figure is over its limit."""
    parser = argparse.ArgumentParser(prog="bench-access", description=__doc__)
    parser.add_argument("--pages", type=int, default=100_000)
    parser.add_argument("--spaces", type=int, default=20)
    parser.add_argument("--sections", type=int, default=10, help="of each page")
    chosen = parser.parse_args()
    with running_postgres() as postgres:
        bench = Bench(postgres, pages=chosen.pages, spaces=chosen.spaces, sections=chosen.sections)
        figures = measure(bench)
        bench.engine.dispose()
    print("| | median ms | p95 ms | wanted | |\n|---|--:|--:|--:|---|")
    print("\n".join(figure.line() for figure in figures))
    return int(not all(figure.is_met for figure in figures))


if __name__ == "__main__":
    sys.exit(main())

"""A run of twenty-six requests with one of everything in it, to be broken at each of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import psycopg
from confluence_simulator import Fault, Simulator, World
from confluence_simulator.faults import KINDS
from psycopg.rows import dict_row
from sqlalchemy import Engine, make_url

from hr_sync.confluence.http.session import Limits
from tests.proof.beginnings import beginning_of
from tests.proof.fault_table import TABLE, allowed
from tests.proof.seeds import EVERYTHING
from tests.proof.stage import Saved
from tests.support.oracle import (
    Stored,
    Wanted,
    contradictions,
    differences,
    expected,
    expected_files,
    file_differences,
    stored_through,
    visible,
)
from tests.support.wiring import context_for, full

WANTED = Wanted(spaces=("A", "B"), attachments=True)
ROWS_AT_ONCE = Fault(kind="lowered-limit", times=0, argument=4)  # so that a small space has a listing of two pages
LIMITS = Limits(max_connections=1, request_timeout_seconds=10, max_answer_bytes=4_000_000)
SHORT_OF_TIME = replace(LIMITS, request_timeout_seconds=0.25)
TOO_MANY_BYTES = 6_000_000
ROLES = (
    "account",
    "spaces",
    "listing",  # of A, continued
    "listing end",
    "bodies",  # several
    "check account",
    "check space",
    "check page",  # one that was listed
    "lookup",  # of the two pages that were not
    "lookup",
    "check account",
    "check space",
    "check page",
    "files",  # of A
    "check account",
    "check space",
    "check file",  # one that was listed
    "file lookup",  # of the one that was not
    "check account",
    "check space",
    "check file",
    "last account",
    "listing end",  # of B
    "body",  # a single one
    "files",
    "last account",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Pages:
    """Ids of the pages that something happens to between the first run and the one that is broken."""

    edited: str
    renamed: str
    moved: str
    trashed: str
    hidden: str
    elsewhere: str  #: edited in the other space
    detached: str  #: a file


def world_before() -> tuple[World, Pages]:
    """Make spaces A and B."""
    world = World()
    for key in ("A", "B"):
        world.create_space(key, f"Space {key}")
        home = world.create_page(space_key=key, title=f"Home of {key}", storage="<p>Welcome\u200b</p>")
        world.set_homepage(key, home.id)
    ids = [
        world.create_page(space_key="A", title=f"Policy {number}", storage=f"<p>Rule {number}</p>").id
        for number in range(5)
    ]
    other = world.create_page(space_key="B", title="Other", storage="<p>Other</p>")
    files = [world.attach(ids[number], filename=f"file {number}.pdf", payload=b"bytes") for number in (0, 1, 3)]
    world.attach(other.id, filename="other.pdf", payload=b"bytes")
    return world, Pages(
        edited=ids[0],
        renamed=ids[1],
        moved=ids[2],
        trashed=ids[3],
        hidden=ids[4],
        elsewhere=other.id,
        detached=files[1].id,
    )


def change(world: World, pages: Pages) -> None:
    """Do one of everything."""
    world.edit_page(pages.edited, storage="<p>Rule 0, edited</p>")
    world.rename_page(pages.renamed, "Policy one")
    world.move_page(pages.moved, parent_id=pages.edited)
    world.trash_page(pages.trashed)
    world.hide_page(pages.hidden)
    world.create_page(space_key="A", title="Policy new", storage="<p>New</p>")
    world.edit_page(pages.elsewhere, storage="<p>Other, edited</p>")
    world.attach(pages.edited, filename="file 0.pdf", payload=b"other bytes")
    world.attach(pages.moved, filename="new.pdf", payload=b"bytes")
    world.remove_attachment(pages.detached)


def changed_world() -> World:
    """Make the world as it is before the run that is broken."""
    world, pages = world_before()
    change(world, pages)
    return world


def requests_to_break(kind: str) -> list[int]:
    """Return at which requests a kind is played: each entry of the table of exit codes is played at least once.

    Kinds with the same line in the table are one sort of answer to the worker, and share the roles of the requests
    among them; each kind meets two roles at least. Of requests with one role, each is met by some kinds.
    """
    alike = [each for each in TABLE if TABLE[each] is TABLE[kind] and KINDS[each].touches is None]
    number, roles = alike.index(kind), list(dict.fromkeys(ROLES))
    share = max(2, -(-len(roles) // len(alike)))
    chosen = {roles[(number * share + each) % len(roles)] for each in range(share)}
    of_role = {role: [at for at, name in enumerate(ROLES, start=1) if name == role] for role in chosen}
    return sorted(found[number % len(found)] for found in of_role.values())


def roles_of(site: Simulator) -> list[str]:
    """Name what each request so far was for. Checks and ends of listings look like the others of their sort."""
    return [_role(record.route) for record in site.requests]


def _role(route: str) -> str:
    parts = route.strip("/").split("/")
    if parts[-1] == "search":
        return "files"
    if parts[2] == "attachments":
        return "file lookup"
    if route == "/rest/api/user/current":
        return "account"
    if parts[2] == "spaces":
        return {3: "spaces", 4: "check space", 5: "listing"}[len(parts)]
    if len(parts) == 4:
        return "lookup"
    return "bodies"


class Rehearsal:
    """The run, ready to be played again and again: before each the database and the world are put back."""

    def __init__(
        self,
        site: Simulator,
        engine: Engine,
        database_url: str,
        wanted: Wanted = WANTED,
        changed: Callable[[], World] = changed_world,
    ) -> None:
        """Bring the first world into the database, which is empty. `changed`: the world of the run that is broken."""
        self._site = site
        self._wanted = wanted
        self._changed = changed
        self._engine = engine
        plain = make_url(database_url).set(drivername="postgresql").render_as_string(hide_password=False)
        self._connection = psycopg.connect(plain, autocommit=True, row_factory=dict_row)
        self._prepare()
        assert self.play() == 0
        assert self.differences() == []
        self._saved = Saved(self._connection)
        self._first = self._stored()
        self._healed: set[tuple[str, ...]] = set()

    def play(self, limits: Limits = LIMITS) -> int:
        """Run once in full and give the exit code."""
        return full(context_for(self._site.site_url, self._engine, self._wanted, limits=limits)).exit_code

    def differences(self) -> list[str]:
        """Compare every row."""
        found = self._stored()
        lines = differences(expected(self._site.world, self._site.site_url, self._wanted), found)
        return lines + file_differences(expected_files(self._site.world, self._wanted), found)

    def roles(self) -> list[str]:
        """Play without a fault, and say what each request was for."""
        self._begin()
        assert self.play() == 0
        assert self.differences() == []
        return roles_of(self._site)

    def break_each_request(self, kind: str, argument: float | None = None) -> None:
        """Play with the fault at one request after another, and look at everything each time.

        EVERY_FAULT=1 plays each kind at each request, and otherwise `requests_to_break` chooses.
        """
        for at in range(1, len(ROLES) + 1) if EVERYTHING else requests_to_break(kind):
            role = ROLES[at - 1]
            where = f"{kind} at request {at}, {role}"
            self._begin(Fault(kind=kind, at=at, argument=argument))
            before = visible(self._site.world, self._wanted)
            code = self.play(SHORT_OF_TIME if kind.startswith("stall") else LIMITS)
            assert [fault.at for fault in self._site.faults.fired if fault != ROWS_AT_ONCE] == [at], where
            assert code in allowed(kind, role), f"{where}: {code}"
            self._nothing_went_wrongly(before, where)
            if code or self.differences() or self._left_behind():
                self._next_run_is_right(kind, where)

    def break_requests(self, kind: str, match: str) -> None:
        """Play with the fault at every request whose target matches, and look at everything."""
        self._begin(Fault(kind=kind, match=match, times=0))
        before = visible(self._site.world, self._wanted)
        self.play(SHORT_OF_TIME if kind.startswith("stall") else LIMITS)
        assert kind in {fault.kind for fault in self._site.faults.fired}, f"{kind} at {match}"
        self._nothing_went_wrongly(before, f"{kind} at {match}")
        self._next_run_is_right(kind, f"{kind} at {match}")

    def break_one_page(self, kind: str) -> None:
        """Play with every answer spoiled that holds the edited page of A; all that is not A must be right."""
        _, pages = world_before()
        argument = {"page": pages.edited, "bytes": TOO_MANY_BYTES} if kind == "page-too-large" else pages.edited
        self._break_always(Fault(kind=kind, times=0, argument=argument))

    def break_one_space(self, kind: str) -> None:
        """Play with A described badly; all that is not A must be right."""
        self._break_always(Fault(kind=kind, times=0, argument="A"))

    def _break_always(self, fault: Fault) -> None:
        self._begin(fault)
        before = visible(self._site.world, self._wanted)
        code = self.play(SHORT_OF_TIME if fault.kind.endswith("stalls") else LIMITS)
        assert fault.kind in {each.kind for each in self._site.faults.fired}, fault.kind
        assert code in {0, 3}, code
        self._nothing_went_wrongly(before, fault.kind)
        right = expected(self._site.world, self._site.site_url, self._wanted)
        found = self._stored().live
        of_b = {page_id for page_id, row in {**found, **right}.items() if row.space_key == "B"}
        assert {page_id: found.get(page_id) for page_id in of_b} == {page_id: right.get(page_id) for page_id in of_b}
        self._next_run_is_right(fault.kind, fault.kind)

    def _stored(self) -> Stored:
        return stored_through(self._connection)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _nothing_went_wrongly(self, before: Mapping[str, object], where: str) -> None:
        found = self._stored()
        right = visible(self._site.world, self._wanted).keys()
        there = before.keys() & right
        assert not there & (found.hidden.keys() | found.removed.keys()), where
        assert found.live.keys() - self._first.live.keys() <= before.keys() | right, f"{where}: newly shown"
        assert list(contradictions(found)) == [], where
        lost = self._first.files.keys() & expected_files(self._site.world, self._wanted).keys()
        assert all(found.files[each].live for each in lost), f"{where}: {lost}"

    def _left_behind(self) -> bool:
        """Return True if the run left anything that the next one meets, beside right rows: a failure or a lease."""
        query = "SELECT FROM page_failures UNION ALL SELECT FROM sync_spaces WHERE lease_holder IS NOT NULL LIMIT 1"
        return bool(self._connection.execute(query).fetchall())

    def _next_run_is_right(self, kind: str, where: str) -> None:
        """Play once more without a fault, unless a run has begun from the very same rows and pages before."""
        self._prepare()
        beginning = beginning_of(self._connection, self._site.world)
        if beginning in self._healed:
            return
        self._healed.add(beginning)
        if kind == "row-nul-in-body":
            return  # what the source says at that version is stored; `verify` would tell, versions cannot
        assert self.play() == 0, where
        assert self.differences() == [], where

    def _begin(self, *faults: Fault) -> None:
        self._saved.go_back()
        self._site.world.become(self._changed())
        self._prepare(*faults)

    def _prepare(self, *faults: Fault) -> None:
        self._site.faults.clear()
        self._site.faults.add(ROWS_AT_ONCE, *faults)
        self._site.requests.clear()

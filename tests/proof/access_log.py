"""What each asker was allowed to read at each moment, and what the mirror shows him: an over-grant is the difference.

A page that somebody sees in the mirror must be one that he was allowed to read at some moment since its facts were
read. That moment lies in a window that ends now and begins with the later of two:

- the last access pass of its space that has ended began: facts may be as old as that, and no older;
- the run that stored its present version fetched bodies: facts may never be older than the text.

The world is copied at every edit, during runs too. The database is read through a connection of its own after every
commit of a worker and before every answer of the site, so that no state that a consumer could see is missed.
"""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import psycopg
from confluence_simulator import World
from confluence_simulator.faults import FaultPlan
from confluence_simulator.faults.plan import Fault
from confluence_simulator.world.records import Event
from psycopg.rows import dict_row
from sqlalchemy import Engine, make_url
from sqlalchemy.orm import Session, sessionmaker

from hr_sync.store.store import Store
from tests.proof.kills import Killed
from tests.support.oracle import OPEN_TO_ALL, NodeState, states_of, tokens_of

AUDIENCE = "the audience"
# What anybody sees changes with a transaction that writes, and with time.
WRITTEN = "SELECT pg_snapshot_xmax(pg_current_snapshot())::text AS xmax"
READABLE = """
    SELECT asker.number, array_agg(page) AS pages
    FROM unnest(%s::text[], %s::text[]) WITH ORDINALITY AS asker (account, groups, number),
        LATERAL pages_readable_by(account, CAST(groups AS text[])) AS page GROUP BY 1
    UNION ALL SELECT 0, array_agg(id) FROM live_pages"""
PAGES = """
    SELECT page.id, page.version, page.space_id, page.access_set_id,
        page.hidden_at IS NULL AND page.removed_at IS NULL AS live,
        space.access_checked_at, space.viewers_doubt,
        coalesce(space.access_checked_at > now() - interval '24 hours', false) AS recent
    FROM confluence_pages page LEFT JOIN sync_spaces space ON space.space_id = page.space_id"""


class TappedPlan(FaultPlan):
    """A plan of faults that calls `tap` with each request before it is answered."""

    def __init__(self, tap: Callable[[str], None]) -> None:
        super().__init__()
        self._tap = tap

    def take(self, target: str) -> list[Fault]:
        """Call `tap`, then do what every plan does."""
        self._tap(target)
        return super().take(target)


@dataclass(frozen=True, kw_only=True, slots=True)
class Asker:
    """Somebody who asks: a user of the world with all groups, or anybody who is in these groups alone."""

    user: str | None = None
    groups: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Return how a failure names the asker."""
        return self.user or f"somebody in {', '.join(self.groups) or 'no group'}"

    def tokens(self, world: World) -> frozenset[str]:
        """Return the principals of the asker, in the world's ids."""
        return tokens_of(world, self.user, self.groups)

    def arguments(self, world: World, *, cloud: bool) -> tuple[str, list[str]]:
        """Return how a consumer asks the database for the asker: user, and groups, in the ids of the flavour."""
        inside = [world.group(token[2:]) for token in self.tokens(world) if token.startswith("g:")]
        account = None if self.user is None else world.user(self.user)
        user = "" if account is None else account.account_id if cloud else account.user_key
        return user, sorted(group.id if cloud else group.name for group in inside)


@dataclass(frozen=True, kw_only=True, slots=True)
class Moment:
    """The world from one edit to the next."""

    at: datetime  #: by the machine's clock, which is the database's too
    nodes: Mapping[str, NodeState]


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """One look at the database."""

    pages: Mapping[str, dict[str, Any]]
    shown: Mapping[str, frozenset[str]]  #: by name of the asker, AUDIENCE among them: ids of pages
    licence_known: bool  #: the mirror knows which groups grant use of Confluence


@dataclass(kw_only=True)
class AccessLog:
    """The history of a world and of what its mirror showed. `overgrants` are lines of words."""

    world: World
    connection: psycopg.Connection[dict[str, Any]]
    askers: Sequence[Asker]
    audience_groups: tuple[str, ...] = ()
    open_spaces: tuple[str, ...] = ()
    cloud: bool = True
    moments: list[Moment] = field(default_factory=list)
    fetched: dict[str, int] = field(default_factory=dict)  #: page id → index of the moment when its text was fetched
    versions: dict[str, int] = field(default_factory=dict)  #: page id → version at the last look
    overgrants: list[str] = field(default_factory=list)
    looks: int = 0
    bodies_at: int = 0  #: index of the moment of the first body that the present run asked for
    context: str = ""  #: what is being done, for the words

    def __post_init__(self) -> None:
        self._revision = -1
        self._asked_bodies = False
        self._looked_at: tuple[str, int] | None = None
        self.note()

    def note(self, _event: Event | None = None) -> None:
        """Copy the world if it has changed."""
        if _event is None and self.world.revision == self._revision:
            return
        self._revision = self.world.revision
        nodes = states_of(self.world, self.open_spaces)
        if self.moments:
            before = self.moments[-1].nodes
            nodes = {**{gone: before[gone] for gone in before.keys() - nodes.keys()}, **nodes}  # purged: its own clock
            if nodes == before:
                return
        self.moments.append(Moment(at=datetime.now(UTC), nodes=nodes))

    def run_begins(self, context: str) -> None:
        """Remember that a run begins."""
        self.note()
        self.context = context
        self.bodies_at, self._asked_bodies = len(self.moments) - 1, False

    def requested(self, target: str) -> None:
        """Remember when the first bodies were asked for."""
        self.note()
        if not self._asked_bodies and ("body-format=storage" in target or "body.storage" in target):
            self.bodies_at, self._asked_bodies = len(self.moments) - 1, True

    def look_again(self) -> None:
        """Look if anything was written, or the world has changed, since the last look."""
        self.note()
        if self._looked_at != self._state():
            self.look()

    @property
    def world_is_new(self) -> bool:
        """Return True if the world has changed since the last look."""
        return self._looked_at is None or self._looked_at[1] != len(self.moments)

    def _state(self) -> tuple[str, int]:
        row = self.connection.execute(WRITTEN.encode()).fetchone()
        return "" if row is None else row["xmax"], len(self.moments)

    def look(self) -> Seen:
        """Look at the database as consumers do, and record each page that somebody may not see."""
        self.note()
        self._looked_at = self._state()
        seen = self._seen()
        self.looks += 1
        for page_id, row in seen.pages.items():
            if self.versions.get(page_id) != row["version"]:
                self.versions[page_id] = row["version"]
                self.fetched[page_id] = self.bodies_at
        for name, tokens in self._all_tokens().items():
            for page_id in seen.shown[name]:
                row = seen.pages[page_id]
                begin = self.window(row)
                if begin is None or not row["recent"]:
                    self._record(f"{name} sees page {page_id}, whose facts are too old or were never read")
                elif not any(self._lets_in(page_id, index, tokens) for index in range(begin, len(self.moments))):
                    self._record(
                        f"{name} sees page {page_id} in version {row['version']} and was not allowed to at any of "
                        f"{len(self.moments) - begin} moments since its facts were read"
                    )
        return seen

    def window(self, row: Mapping[str, Any]) -> int | None:
        """Return the index of the first moment that the facts of a page may be of; None: they were never read."""
        checked_at = row["access_checked_at"]
        if checked_at is None:
            return None
        before = [index for index, moment in enumerate(self.moments) if moment.at <= checked_at]
        return max(before[-1] if before else 0, self.fetched.get(row["id"], 0))

    def undergrants(self, seen: Seen, *, faulted: bool) -> Counter[str]:
        """Count the pages that somebody may read now and does not see, by reason. Raise for one without a reason.

        `faulted`: an answer was spoiled since the last clean pass, which may have shown fewer readers.
        """
        reasons: Counter[str] = Counter()
        current = {page.id: page for page in self.world.pages(status="current")}
        mirrored = {row["space_id"] for row in seen.pages.values()}
        last = len(self.moments) - 1
        for name, tokens in self._all_tokens().items():
            for page_id, page in current.items():
                if page.space_id not in mirrored or page_id in seen.shown[name]:
                    continue
                if self._lets_in(page_id, last, tokens):
                    reason = self._reason(seen.pages.get(page_id), tokens, faulted=faulted)
                    if not reason and name == AUDIENCE:
                        reason = self._reason_of_audience(page_id, seen)
                    assert reason, f"{self.context}: {name} does not see page {page_id}, and nothing says why"
                    reasons[reason] += 1
        return reasons

    def _reason(self, row: Mapping[str, Any] | None, tokens: tuple[frozenset[str], ...], *, faulted: bool) -> str:
        """Return why a page is not shown; empty if nothing says why."""
        if row is None or not row["live"]:
            return "not live in the mirror"
        if not row["recent"]:
            return "facts too old"
        if row["access_set_id"] is None:
            return "not known"
        begin = self.window(row) or 0
        if not all(self._lets_in(row["id"], index, tokens) for index in range(begin, len(self.moments))):
            return "restricted when its facts were read"
        if len({self._way_up(row["id"], index) for index in range(begin, len(self.moments))}) > 1:
            return "moved since its facts were read"  # those of its old place and of the new one count together
        if row["viewers_doubt"]:
            return "the viewers are in doubt"
        return "an answer showed fewer readers" if faulted else ""

    def _way_up(self, page_id: str, index: int) -> tuple[str, ...]:
        """Return a page and everything above it at a moment, and its space."""
        nodes = self.moments[index].nodes
        chain, at = [nodes[page_id].space_id if page_id in nodes else ""], nodes.get(page_id)
        while at is not None and at.parent_id is not None and at.parent_id not in chain:
            chain.append(at.parent_id)
            at = nodes.get(at.parent_id)
        return tuple(chain)

    def _reason_of_audience(self, page_id: str, seen: Seen) -> str:
        """Return what the mirror does not know of its readers."""
        if not seen.licence_known:
            return "the groups of the licence were not read"
        named = {f"g:{self.world.group(name).id}" for name in self.audience_groups}
        licences = {f"g:{group.id}" for group in self.world.permitted_groups()}
        plain = tuple(OPEN_TO_ALL | named | {licence} for licence in licences)
        return "" if self._lets_in(page_id, len(self.moments) - 1, plain) else "by a group around those of the audience"

    def _all_tokens(self) -> dict[str, tuple[frozenset[str], ...]]:
        """Return the principals of each asker now; of the audience, those of each kind of reader that it has."""
        licences = [group.name for group in self.world.permitted_groups()]
        found: dict[str, tuple[frozenset[str], ...]] = {
            asker.name: (asker.tokens(self.world),) for asker in self.askers
        }
        found[AUDIENCE] = tuple(tokens_of(self.world, None, (*self.audience_groups, name)) for name in licences)
        return found

    def _lets_in(self, page_id: str, index: int, tokens: tuple[frozenset[str], ...]) -> bool:
        state = self.moments[index].nodes.get(page_id)
        return state is not None and all(state.lets_in(each) for each in tokens)

    def _seen(self) -> Seen:
        with self.connection.transaction():
            self.connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            pages = {row["id"]: row for row in self.connection.execute(PAGES.encode())}
            names = [AUDIENCE, *(asker.name for asker in self.askers)]
            arguments = [asker.arguments(self.world, cloud=self.cloud) for asker in self.askers]
            accounts = [account for account, _ in arguments]
            groups = ["{" + ",".join(f'"{name}"' for name in inside) + "}" for _, inside in arguments]
            shown = dict.fromkeys(names, frozenset[str]())
            for row in self.connection.execute(READABLE.encode(), (accounts, groups)):
                shown[names[row["number"]]] = frozenset(row["pages"] or ())
            policy = self.connection.execute("SELECT licence_groups FROM access_policy").fetchone()
        return Seen(pages=pages, shown=shown, licence_known=bool(policy and policy["licence_groups"]))

    def _record(self, words: str) -> None:
        line = f"{self.context}: {words}"
        if line not in self.overgrants:
            self.overgrants.append(line)


def looked_at_store(engine: Engine, look: Callable[[], object], *, dies_after: int | None = None) -> Store:
    """Return a store that calls `look` after each commit, and whose worker dies after the n-th one."""
    commits = 0

    class LookedAtSession(Session):
        def commit(self) -> None:
            nonlocal commits
            commits += 1
            super().commit()
            look()
            if dies_after is not None and commits >= dies_after:
                raise Killed

    store = Store(engine)
    store._transactions._sessions = sessionmaker(engine, expire_on_commit=False, class_=LookedAtSession)
    return store


def connection_to(engine: Engine) -> psycopg.Connection[dict[str, Any]]:
    """Connect as a consumer, past SQLAlchemy."""
    plain = make_url(engine.url).set(drivername="postgresql").render_as_string(hide_password=False)
    return psycopg.connect(plain, autocommit=True, row_factory=dict_row)


def pause() -> None:
    """Let the clock go on, so that what follows has a later time."""
    time.sleep(0.000_01)

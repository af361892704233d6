"""Random trees with restrictions, edits of people, faults and runs of every mode: nobody sees what he may not read."""

import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any

import psycopg
from confluence_simulator import Fault, Simulator, World
from confluence_simulator.faults import KINDS
from confluence_simulator.world import Page, WorldError
from confluence_simulator.world.records import Kind
from sqlalchemy import Engine

from hr_sync.confluence.cloud import CloudSource
from hr_sync.confluence.datacenter import DataCenterSource
from hr_sync.domain.access import AccessPolicy
from hr_sync.domain.outcome import Mode, RunReport
from hr_sync.errors import UsageError
from hr_sync.store.orm import Base
from hr_sync.store.store import Store
from hr_sync.sync.context import SyncContext, SyncPolicy, SyncRequest
from hr_sync.sync.run import run
from tests.proof.access_log import AccessLog, Asker, TappedPlan, connection_to, looked_at_store, pause
from tests.proof.kills import Killed
from tests.support.oracle import Wanted
from tests.support.wiring import context_for

SPACES = ("A", "B")
WANTED = Wanted(spaces=SPACES)
ASKERS = (
    *(Asker(user=name) for name in ("ann.lee", "joe", "kim", "svc")),
    *(Asker(groups=groups) for groups in ((), ("staff",), ("board",), ("confluence-users", "inner"))),
)
NODES: tuple[Kind, ...] = ("folder", "whiteboard", "database", "embed")
USERS = ("ann.lee", "joe", "kim", "svc", "app", "left", "closed")
GROUPS = ("staff", "inner", "board", "nobody", "confluence-users")
MODES = ("full", "incremental", "access", "by id")
#: These cost seconds each: waits, and answers of many megabytes.
TOO_SLOW = frozenset(
    ("stall", "stall-in-body", "slow", "drip", "drip-head", "gzip-bomb", "page-stalls", "page-too-large")
)
#: Answers in good order that say of a restriction what is not true: no reader can tell them from true ones.
LIES: Mapping[str, str] = {}
FAULTS = sorted(KINDS.keys() - TOO_SLOW - LIES.keys())
#: Why somebody may not see after a clean pass what he may read: a node that the API does not show, a site in doubt.
CLEAN_REASONS = {
    *("not live in the mirror", "not known", "the viewers are in doubt", "by a group around those of the audience")
}
VERSIONS = ("9.2.1", "10.2.19")
ROLE_MODES = ("PRE_ROLES", "ROLES_TRANSITION", "ROLES", "")
REQUESTS = {"full": 40, "incremental": 15, "access": 30, "by id": 20}  #: of a run, until a tree has counted its own


@dataclass(kw_only=True)
class Figures:
    """What was played."""

    trees: int = 0
    runs: Counter[str] = field(default_factory=Counter)  #: by mode
    planned: Counter[str] = field(default_factory=Counter)  #: faults by kind
    fired: Counter[str] = field(default_factory=Counter)
    edits: Counter[str] = field(default_factory=Counter)
    killed: int = 0
    looks: int = 0
    overgrants: list[str] = field(default_factory=list)
    undergrants: Counter[str] = field(default_factory=Counter)  #: pages and askers after a run, by reason
    compared: int = 0  #: pages and askers that were equal to the rule after a clean pass

    def add(self, other: "Figures") -> None:
        """Add those of another tree."""
        self.trees += other.trees
        self.killed += other.killed
        self.looks += other.looks
        self.compared += other.compared
        self.overgrants += other.overgrants
        for name in ("runs", "planned", "fired", "edits", "undergrants"):
            getattr(self, name).update(getattr(other, name))

    @property
    def line(self) -> str:
        """Return them in one line."""
        return (
            f"{self.trees} trees, {sum(self.runs.values())} runs, {sum(self.fired.values())} faults of "
            f"{len(self.fired)} kinds, {self.killed} kills, {self.looks} looks: {len(self.overgrants)} over-grants, "
            f"{sum(self.undergrants.values())} under-grants {dict(sorted(self.undergrants.items()))}, "
            f"{self.compared} equal to the rule after a clean pass"
        )


@dataclass(kw_only=True)
class AccessStage:
    """A site of one flavour and a database, both put back to their beginning for each tree."""

    site: Simulator
    engine: Engine
    connection: psycopg.Connection[dict[str, Any]]
    tap: Callable[[str], None] = lambda _target: None

    @property
    def cloud(self) -> bool:
        """Return True if the site is Confluence Cloud."""
        return self.site.tenant.flavor == "cloud"

    def tapped(self, target: str) -> None:
        """Call what taps the requests now."""
        self.tap(target)

    def switch(self, **changes: object) -> None:
        """Change switches of the site from now on."""
        for name, value in changes.items():
            object.__setattr__(self.site.tenant, name, value)  # a tenant is not made to change

    def begin(self, world: World) -> None:
        """Begin with another world and an empty mirror."""
        tables = ";".join(f"DELETE FROM {table.name}" for table in reversed(Base.metadata.sorted_tables))
        self.connection.execute(tables.encode())
        self.site.faults.clear()
        self.site.requests.clear()
        self.site.world.become(world)

    def let_leases_run_out(self) -> None:
        """Let so much time pass that a worker that died holds no lease any more."""
        self.connection.execute("UPDATE sync_spaces SET lease_expires_at = now() - interval '1 second'")

    def let_facts_age(self) -> None:
        """Let a day pass since the last access pass of each space."""
        self.connection.execute("UPDATE sync_spaces SET access_checked_at = access_checked_at - interval '25 hours'")


@contextmanager
def access_stage(engine: Engine, flavor: str) -> Iterator[AccessStage]:
    """Serve a site of this flavour. The database has our tables."""
    world = World()
    site = Simulator(world, flavor="cloud") if flavor == "cloud" else Simulator(world, flavor="datacenter")
    stage = AccessStage(site=site, engine=engine, connection=connection_to(engine))
    site.faults = TappedPlan(stage.tapped)
    try:
        with site:
            yield stage
    finally:
        stage.connection.close()


def people(world: World) -> None:
    """Add everybody whom restrictions name: people, nested groups, a service account, an app, former users."""
    for name in ("staff", "inner", "board", "nobody"):
        world.add_group(name)
    world.nest_group("staff", "inner")
    world.add_user("joe", groups=("confluence-users", "staff"))
    world.add_user("kim", groups=("confluence-users", "inner"))
    world.add_service_account("svc")
    world.add_user("app", groups=("confluence-users",), account_type="app")
    world.add_user("left")
    world.deactivate_user("left")
    world.add_user("closed")
    world.close_user("closed")


@dataclass
class Edits:
    """Everything that people do to a world which concerns access. What Confluence would refuse is not done."""

    world: World
    random: random.Random
    cloud: bool
    roles: bool

    def begin(self) -> None:
        """Make two mirrored spaces and one that is not, with who may view them, and a tree in each."""
        people(self.world)
        for key in (*SPACES, "C"):
            self.world.create_space(key, readers=())
            self.world.permit_space(key, user=self.world.bot.account_id)
            for _ in range(self.random.randint(1, 2)):
                self.permit(key)
            home = self.world.create_page(space_key=key, title=f"Home of {key}", storage="<p>1</p>")
            self.world.set_homepage(key, home.id)
        for _ in range(self.random.randint(5, 12)):
            self.create()
        for _ in range(self.random.randint(1, 4)):
            self.restrict()

    def do(self, name: str) -> None:
        """Do one thing."""
        with suppress(WorldError):
            EDITS[name](self)

    def node(self, *, pages: bool = False) -> Page:
        """Return any current page, or any current node."""
        found = self.world.pages(status="current")
        if not pages and self.cloud:
            found = [*found, *(node for kind in NODES for node in self.world.pages(status="current", kind=kind))]
        found = [node for node in found if node.space_key != "C"]
        if not found:
            raise WorldError("There is none")
        return self.random.choice(found)

    def restrict_node(self, node_id: str) -> None:
        """Restrict a node to some users and groups."""
        users = self.random.sample(USERS, self.random.randint(0, 2))
        groups = self.random.sample(GROUPS, self.random.randint(0 if users else 1, 2))
        self.world.restrict_page(node_id, users=users, groups=groups)

    def create(self) -> None:
        """Write a page, now and then below a new folder or the like."""
        above = self.node()
        parent_id = above.id
        if self.cloud and self.random.random() < 0.3:
            kind = self.random.choice(NODES)
            node = self.world.create_page(space_key=above.space_key, title=self._title(), parent_id=above.id, kind=kind)
            parent_id = node.id
        self.world.create_page(space_key=above.space_key, title=self._title(), storage="<p>1</p>", parent_id=parent_id)

    def restrict(self) -> None:
        """Restrict a page or another node."""
        self.restrict_node(self.node().id)

    def restrict_above(self) -> None:
        """Restrict something above a page, the higher the better."""
        above = self.world.ancestors(self.node(pages=True))
        if above:
            self.restrict_node(self.random.choice(above[:2]).id)

    def unrestrict(self) -> None:
        """Lift a restriction."""
        restricted = [node for kind in ("page", *NODES) for node in self.world.pages(kind=kind) if node.read]
        if restricted:
            self.world.unrestrict_page(self.random.choice(restricted).id)

    def move(self) -> None:
        """Move a page or another node below something else, which may be in the other space."""
        above = self.node()
        self.world.move_page(self.node().id, parent_id=above.id, space_key=above.space_key)

    def move_to_top(self) -> None:
        """Move a page to the top of a space."""
        self.world.move_page(self.node(pages=True).id, space_key=self.random.choice(SPACES))

    def move_below_restricted(self) -> None:
        """Restrict something, then move a page below it."""
        above, page = self.node(), self.node(pages=True)
        self.restrict_node(above.id)
        self.world.move_page(page.id, parent_id=above.id, space_key=above.space_key)

    def move_into_folder(self) -> None:
        """Put a restricted folder between a page and what is above it."""
        page = self.node(pages=True)
        if not self.cloud:
            return
        folder = self.world.create_page(
            space_key=page.space_key, title=self._title(), parent_id=page.parent_id, kind=self.random.choice(NODES)
        )
        self.restrict_node(folder.id)
        self.world.move_page(page.id, parent_id=folder.id)

    def edit(self) -> None:
        """Save a new version."""
        self.world.edit_page(self.node(pages=True).id, storage=f"<p>{self.world.revision}</p>")

    def restrict_and_edit(self) -> None:
        """Restrict a page or something above it, then write what must not be seen."""
        page = self.node(pages=True)
        self.restrict_node(self.random.choice([page, *self.world.ancestors(page)]).id)
        self.world.edit_page(page.id, storage=f"<p>secret {self.world.revision}</p>")

    def move_and_edit(self) -> None:
        """Move something above a page, or the page, below something restricted, and edit the page."""
        page = self.node(pages=True)
        above = self.node()
        self.restrict_node(above.id)
        moved = self.random.choice([page, *self.world.ancestors(page)])
        self.world.move_page(moved.id, parent_id=above.id, space_key=above.space_key)
        self.world.edit_page(page.id, storage=f"<p>secret {self.world.revision}</p>")

    def trash(self) -> None:
        """Put a page into the trash; what is below moves up, or goes with it."""
        self.world.trash_page(self.node(pages=True).id, tree=self.random.random() < 0.3)

    def restore(self) -> None:
        """Bring back what was put into the trash or archived."""
        gone = [page for page in self.world.pages() if page.status in ("trashed", "archived")]
        if gone:
            self.world.restore_page(self.random.choice(gone).id)

    def archive(self) -> None:
        """Archive a page."""
        self.world.archive_page(self.node(pages=True).id)

    def purge(self) -> None:
        """Delete a page for good."""
        self.world.purge_page(self.node(pages=True).id)

    def hide(self) -> None:
        """Restrict a page or another node away from the account that reads the site."""
        self.world.hide_page(self.node().id)

    def permit(self, key: str | None = None) -> None:
        """Let somebody view a space, by a permission or by a role."""
        key = key or self.random.choice(SPACES)
        kinds = ["users", "group", "user", "anonymous", "other"] + ["class"] * self.cloud + ["role"] * 2 * self.roles
        match self.random.choice(kinds):
            case "users":
                self.world.permit_space(key, group="confluence-users")
            case "group":
                self.world.permit_space(key, group=self.random.choice(GROUPS))
            case "user":
                self.world.permit_space(key, user=self.random.choice(USERS))
            case "anonymous":
                self.world.permit_space(key, everyone="ANONYMOUS_USERS")
            case "class":
                self.world.permit_space(key, everyone=self.random.choice(("ALL_LICENSED_USERS", "AUTHENTICATED_USERS")))
            case "other":
                self.world.permit_space(key, other=("team", "4711"))
            case _:
                self.role(key)

    def forbid(self) -> None:
        """Withdraw a permission of a space from one principal that is not the account that reads the site."""
        space = self.world.space(self.random.choice(SPACES))
        rows = [row for row in space.permissions if row.principal_id != self.world.bot.account_id]
        if rows:
            taken = self.random.choice(rows)
            self.world.edit_space(space.key, permissions=tuple(row for row in space.permissions if row is not taken))

    def role(self, key: str | None = None) -> None:
        """Give somebody a role in a space, which may or may not let him view it."""
        if not self.roles:
            return
        key = key or self.random.choice(SPACES)
        name = self.random.choice(("Viewer", "Member", "Guest"))
        with suppress(WorldError):
            self.world.add_role("Guest", "create/comment")
        match self.random.choice(("group", "user", "class")):
            case "group":
                self.world.assign_role(key, name, group=self.random.choice(GROUPS))
            case "user":
                self.world.assign_role(key, name, user=self.random.choice(USERS))
            case _:
                self.world.assign_role(
                    key, name, everyone=self.random.choice(("all-licensed-users", "all-product-admins"))
                )

    def change_role(self) -> None:
        """Give what a role grants to another role, in a space."""
        space = self.world.space(self.random.choice(SPACES))
        if space.roles:
            taken = self.random.choice(space.roles)
            changed = replace(taken, role=self.world.role(self.random.choice(("Viewer", "Guest"))))
            self.world.edit_space(space.key, roles=tuple(changed if row is taken else row for row in space.roles))

    def join(self) -> None:
        """Let a person join other groups."""
        inside = self.random.sample(("staff", "inner", "board"), self.random.randint(0, 2))
        self.world.set_groups(self.random.choice(("joe", "kim")), ("confluence-users", *inside))

    def nest(self) -> None:
        """Nest a group in another one, or take it out again."""
        if self.random.random() < 0.5:
            self.world.nest_group("board", "staff")
        else:
            self.world.unnest_group("board", "staff")

    def restrict_to_many(self) -> None:
        """Restrict a page to more people than one answer lists."""
        many = [user.username for user in self.world.users() if user.username.startswith("many-")]
        if not many:
            many = [f"many-{number}" for number in range(230)]
            for name in many:
                self.world.add_user(name)
        self.world.restrict_page(self.node(pages=True).id, users=(*many, self.random.choice(USERS)))

    def _title(self) -> str:
        return f"Title {self.world.revision}"


EDITS: Mapping[str, Callable[[Edits], None]] = {
    name.replace("_", " "): getattr(Edits, name)
    for name in (
        *("create", "restrict", "restrict_above", "unrestrict", "move", "move_to_top", "move_below_restricted"),
        *("move_into_folder", "edit", "restrict_and_edit", "move_and_edit", "trash", "restore", "archive", "purge"),
        *("hide", "permit", "forbid", "role", "change_role", "join", "nest", "restrict_to_many"),
    )
}
RARE = ("restrict to many", "purge", "archive")
USUAL = sorted(EDITS.keys() - set(RARE)) * 4 + list(RARE)


class Tree:
    """One tree, from its first run to the comparison at the end. What is random follows from the seed."""

    def __init__(
        self,
        stage: AccessStage,
        seed: int,
        *,
        faults: Sequence[str] = (),
        always: bool = False,
        world: World | None = None,
        plain: bool = False,
    ) -> None:
        """`faults`: of which kinds; else of any. `always`: one in each run. `plain`: a usual site, with this world."""
        self.stage = stage
        self.seed = seed
        self.random = random.Random(seed)  # noqa: S311 -- repeatable trees, no secrets
        self.figures = Figures(trees=1)
        self.faults = faults or FAULTS
        self.always = always
        mode = "PRE_ROLES" if plain or not stage.cloud else self.random.choice(ROLE_MODES)
        stage.switch(
            space_role_mode=mode,
            version=self.random.choice(VERSIONS),
            node_restriction_status=200 if plain else self.random.choice((200, 200, 200, 403, 404, 400)),
            node_space_id=plain or self.random.random() < 0.7,
            flatten_groups=plain or self.random.random() < 0.7,
        )
        self.edits = Edits(world or World(seed=seed), self.random, stage.cloud, mode in ROLE_MODES[1:3])
        if world is None:
            self.edits.begin()
        stage.begin(self.edits.world)
        self.edits.world = stage.site.world
        self.audience: tuple[str, ...] = () if plain else self.random.choice(((), (), ("staff",)))
        self.open_spaces = ("A",) if not plain and self.random.random() < 0.05 else ()
        self.log = AccessLog(
            world=stage.site.world,
            connection=stage.connection,
            askers=ASKERS,
            audience_groups=self.audience,
            open_spaces=self.open_spaces,
            cloud=stage.cloud,
        )
        self.faulted = False
        self.fired: list[str] = []  #: kinds of faults that fired in quiet runs
        self.requests = dict(REQUESTS)
        self.during: list[tuple[int, str]] = []  #: edits that are made before a request of the present run is answered
        self.asked = 0

    def play(self, steps: int = 3) -> Figures:
        """Play it. Return what happened."""
        unlisten = self.stage.site.world.listen(self.log.note)
        self.stage.tap = self._tap
        try:
            self._run(self.random.choice(("full", "full", "full", "incremental")), faulty=self.random.random() < 0.3)
            for _ in range(steps):
                for name in self.random.choices(USUAL, k=self.random.randint(1, 4)):
                    self._edit(name)
                if self.random.random() < 0.04:
                    self.stage.let_facts_age()
                    self.log.look()
                self._run(self.random.choice(MODES))
            self._compare()
        finally:
            unlisten()
            self.stage.tap = lambda _target: None
        self.figures.looks = self.log.looks
        self.figures.overgrants = [f"seed {self.seed}, {line}" for line in self.log.overgrants]
        return self.figures

    def run_quietly(self, mode: str) -> None:
        """Run with the faults that are planned, and look at every state of the database."""
        self.log.run_begins(mode)
        self.stage.tap = self._tap
        try:
            self._worked(mode, None)
        finally:
            self.stage.tap = lambda _target: None
        self.fired += [fault.kind for fault in self.stage.site.faults.fired]
        self.stage.site.faults.clear()

    def _compare(self) -> None:
        """Run in full and over access with nothing broken: what everybody sees is just what the rule says."""
        self.stage.site.faults.clear()
        for mode in ("full", "access"):
            self._run(mode, faulty=False, quiet=True)
        self.faulted = False
        seen = self.log.look()
        reasons = self.log.undergrants(seen, faulted=False)
        odd = reasons.keys() - CLEAN_REASONS
        assert not odd, f"seed {self.seed}: under-grants after a clean pass: {reasons}"
        self.figures.compared += sum(len(pages) for pages in seen.shown.values())

    def _edit(self, name: str) -> None:
        pause()
        self.edits.do(name)
        self.figures.edits[name] += 1
        self.log.note()
        pause()

    def _tap(self, target: str) -> None:
        self.asked += 1
        for at, name in self.during:
            if at == self.asked:
                self._edit(name)
        self.log.requested(target)
        if self.log.world_is_new:
            self.log.look()

    def _run(self, mode: str, *, faulty: bool | None = None, quiet: bool = False) -> None:
        usual = self.requests[mode]
        faulty = self.always or self.random.random() < 0.7 if faulty is None else faulty
        kinds = [self.random.choice(self.faults)] if faulty and self.faults else []
        for kind in kinds:
            # A fault of one page or space counts the answers that hold it alone, and these are few.
            last = usual if KINDS[kind].touches is None else 2
            self.stage.site.faults.add(Fault(kind=kind, at=self.random.randint(1, last)))
            self.figures.planned[kind] += 1
        self.during = []
        if not quiet and self.random.random() < 0.4:
            self.during = [(self.random.randint(1, usual), self.random.choice(USUAL))]
        dies_after = self.random.randint(1, 12) if not quiet and self.random.random() < 0.08 else None
        self.asked = 0
        words = ", ".join([*kinds, *(f"{name} at request {at}" for at, name in self.during)])
        self.log.run_begins(f"{mode}" + (f" with {words}" if words else ""))
        report = self._worked(mode, dies_after)
        fired = [fault.kind for fault in self.stage.site.faults.fired]
        self.figures.fired.update(fired)
        self.figures.runs[mode] += 1
        self.faulted = self.faulted or bool(fired)
        self.stage.site.faults.clear()
        self.stage.let_leases_run_out()
        if report is not None and not kinds and not self.during:
            self.requests[mode] = max(self.asked, 4)
        self.during = []
        seen = self.log.look()
        self.figures.undergrants.update(self.log.undergrants(seen, faulted=self.faulted))

    def _worked(self, mode: str, dies_after: int | None) -> RunReport | None:
        context = self.context(looked_at_store(self.stage.engine, self.log.look_again, dies_after=dies_after))
        request = {
            "full": SyncRequest(mode=Mode.FULL, allow_mass_delete=True),
            "incremental": SyncRequest(mode=Mode.INCREMENTAL),
            "access": SyncRequest(mode=Mode.ACCESS),
        }.get(mode)
        if request is None:
            pages = [page.id for page in self.log.world.pages() if page.space_key in SPACES]
            chosen = self.random.sample(pages, min(len(pages), 3))
            request = SyncRequest(mode=Mode.FULL, page_ids=chosen)
        try:
            return run(context, request)
        except Killed:
            self.figures.killed += 1
        except UsageError:
            pass
        finally:
            context.source.client.close()
        return None

    def context(self, store: Store) -> SyncContext:
        """Wire a worker that enforces access."""
        groups = [self.log.world.group(name) for name in self.audience]
        policy = SyncPolicy(
            access=AccessPolicy(
                audience_groups=frozenset(group.id if self.stage.cloud else group.name for group in groups)
            ),
            busy_wait_seconds=0.0,
            open_spaces=frozenset(self.open_spaces),
        )
        wired = context_for(
            self.stage.site,
            self.stage.engine,
            WANTED,
            store=store,
            source=CloudSource if self.stage.cloud else DataCenterSource,
        )
        return replace(wired, policy=policy)

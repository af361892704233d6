"""Nobody sees in the mirror what he may not read: random trees under every fault, and the cases that people know.

What is compared is every state that a consumer could see, during runs too; `access_log.py` says what an over-grant is.
`./scripts/campaign access` plays thousands of trees.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from confluence_simulator import Fault, World
from confluence_simulator.world import Page
from sqlalchemy import Engine

from tests.proof.access_log import AUDIENCE, Asker
from tests.proof.access_trees import FAULTS, AccessStage, Tree, access_stage, people

pytestmark = pytest.mark.long

FLAVORS = ("cloud", "datacenter")
SEEDS = range(1, 6)
NEEDED = "spaces?/[^/]+/permission"  #: the access pass asks for it
ANN, JOE, KIM, SVC = (Asker(user=name).name for name in ("ann.lee", "joe", "kim", "svc"))


@pytest.fixture(params=FLAVORS, scope="module")
def site(request: pytest.FixtureRequest, proof_engine: Engine) -> Iterator[AccessStage]:
    """Serve a site of each flavour."""
    with access_stage(proof_engine, request.param) as stage:
        yield stage


@pytest.mark.parametrize("seed", SEEDS)
def test_nobody_sees_more_than_the_rule_lets_him(site: AccessStage, seed: int) -> None:
    """Whatever people do and whatever breaks; each page that somebody lacks has a reason."""
    figures = Tree(site, seed).play()

    assert figures.overgrants == []
    assert figures.looks > 10


@pytest.mark.parametrize("kind", ["error-500", "forbidden-403", "stale-read", "permissions-left-out", "cut-json"])
def test_a_fault_in_every_run_shows_nobody_more(site: AccessStage, kind: str) -> None:
    """The fault fires at one request of each run after the first."""
    figures = Tree(site, 7, faults=[kind], always=True).play()

    assert figures.overgrants == []
    assert figures.fired[kind] > 0


def test_every_kind_of_fault_is_played() -> None:
    """But those that wait for seconds."""
    assert len(FAULTS) > 140


@dataclass(frozen=True)
class Case:
    """One thing that people do, the runs after which the mirror must be right, and what that changes for whom."""

    edits: "tuple[Callable[[Scene], object], ...]"
    runs: tuple[str, ...] = ("access",)
    lost: frozenset[tuple[str, str]] = frozenset()  #: asker and page: seen before, and no longer
    gained: frozenset[tuple[str, str]] = frozenset()
    broken: bool = False  #: no run can read the facts of access
    cloud_alone: bool = False


@dataclass
class Scene:
    """Home > Middle > Deep, Secret (staff alone) > Below, and Other in space A; Elsewhere in space B, of the board."""

    stage: AccessStage
    world: World = field(init=False)
    tree: Tree = field(init=False)

    def __post_init__(self) -> None:
        world = World()
        people(world)
        world.add_user("many-0", groups=("confluence-users",))
        for key, readers in (("A", ("confluence-users",)), ("B", ("board",))):
            world.create_space(key, readers=readers)
            world.permit_space(key, user=world.bot.account_id)
        page = self._page(world)
        home = page("A", "Home")
        middle = page("A", "Middle", home)
        page("A", "Deep", middle)
        secret = page("A", "Secret", home)
        world.restrict_page(secret.id, groups=("staff",))
        page("A", "Below", secret)
        page("A", "Other", home)
        page("B", "Elsewhere")
        self.tree = Tree(self.stage, 1, world=world, plain=True)
        self.world = self.stage.site.world

    @staticmethod
    def _page(world: World) -> Callable[..., Page]:
        def create(space_key: str, title: str, parent: Page | None = None) -> Page:
            parent_id = None if parent is None else parent.id
            return world.create_page(space_key=space_key, title=title, storage="<p>1</p>", parent_id=parent_id)

        return create

    def page(self, title: str) -> Page:
        """Return a page."""
        return next(page for page in self.world.pages() if page.title == title)

    def restrict(self, title: str, *, users: tuple[str, ...] = (), groups: tuple[str, ...] = ()) -> None:
        """Restrict a page."""
        self.world.restrict_page(self.page(title).id, users=users, groups=groups)

    def move(self, title: str, below: str) -> None:
        """Move a page below another one."""
        parent = self.page(below)
        self.world.move_page(self.page(title).id, parent_id=parent.id, space_key=parent.space_key)

    def edit(self, title: str) -> None:
        """Save a new version."""
        self.world.edit_page(self.page(title).id, storage="<p>2</p>")

    def put_into(self, kind: str, title: str) -> None:
        """Put a restricted folder or the like between a page and what is above it; on Data Center a page."""
        page = self.page(title)
        node = self.world.create_page(
            space_key="A",
            title="Between",
            parent_id=page.parent_id,
            kind=kind if self.stage.cloud else "page",  # type: ignore[arg-type] # words of Kind
        )
        self.world.restrict_page(node.id, groups=("staff",))
        self.world.move_page(page.id, parent_id=node.id)

    def crowd(self) -> None:
        """Restrict a page to a group of a thousand."""
        self.world.add_group("crowd")
        for number in range(999):
            self.world.add_user(f"crowd-{number}", groups=("confluence-users", "crowd"))
        self.world.set_groups("kim", ("confluence-users", "crowd"))
        self.restrict("Deep", groups=("crowd",))

    def many(self) -> None:
        """Restrict a page to more people than one answer lists, one of those who ask being the last."""
        for number in range(1, 230):
            self.world.add_user(f"many-{number}", groups=("confluence-users",))
        self.restrict("Deep", users=(*(f"many-{number}" for number in range(1, 230)), "kim"))

    def change_role(self) -> None:
        """Give everybody who views a space by a role another role, which does not let them view it."""
        self.world.add_role("Guest", "create/comment")
        self.world.forbid_space("A", group="confluence-users")
        self.world.assign_role("A", "Guest", group="confluence-users")

    def seen(self) -> frozenset[tuple[str, str]]:
        """Return who sees which page."""
        titles = {page.id: page.title for page in self.world.pages()}
        shown = self.tree.log.look().shown
        return frozenset((name, titles[page]) for name, pages in shown.items() for page in pages if page in titles)


def by(*titles: str, names: tuple[str, ...] = (ANN, AUDIENCE)) -> frozenset[tuple[str, str]]:
    """Return these pages for each of these askers."""
    return frozenset((name, title) for name in names for title in titles)


EVERYTHING = ("Home", "Middle", "Deep", "Other")
CASES = {
    "page restricted": Case((lambda s: s.restrict("Deep", groups=("staff",)),), lost=by("Deep")),
    "grandparent restricted": Case((lambda s: s.restrict("Home", groups=("staff",)),), lost=by(*EVERYTHING)),
    "restriction lifted": Case((lambda s: s.world.unrestrict_page(s.page("Secret").id),), gained=by("Secret", "Below")),
    "moved below a restricted parent": Case((lambda s: s.move("Other", "Secret"),), ("full",), lost=by("Other")),
    "moved below a restricted parent, and no access pass": Case(
        (lambda s: s.move("Middle", "Secret"),),
        ("full",),
        lost=by("Middle", "Deep"),
        broken=True,
    ),
    "moved and edited": Case(
        (lambda s: s.move("Other", "Secret"), lambda s: s.edit("Other")), ("incremental",), lost=by("Other")
    ),
    "moved to a space of fewer": Case(
        (lambda s: s.move("Other", "Elsewhere"),),
        ("full",),
        lost=by("Other", names=(ANN, JOE, AUDIENCE)),
    ),
    "left its space": Case((lambda s: s.move("Other", "Elsewhere"),), lost=by("Other", names=(ANN, JOE, AUDIENCE))),
    "group of a thousand": Case((Scene.crowd,), lost=by("Deep", names=(ANN, JOE, AUDIENCE))),
    "list cut at 200": Case((Scene.many,), lost=by("Deep", names=(ANN, JOE, AUDIENCE))),
    "ancestor deleted": Case((lambda s: s.world.trash_page(s.page("Secret").id),), ("full",), gained=by("Below")),
    "restricted ancestor put above, then deleted": Case(
        (lambda s: s.move("Other", "Secret"), lambda s: s.world.purge_page(s.page("Middle").id)),
        ("full",),
        lost=by("Other", "Middle"),
    ),
    "ancestor hidden": Case((lambda s: s.world.hide_page(s.page("Middle").id),), lost=by("Middle", "Deep")),
    "folder in between": Case((lambda s: s.put_into("folder", "Deep"),), lost=by("Deep")),
    "whiteboard in between": Case((lambda s: s.put_into("whiteboard", "Deep"),), lost=by("Deep")),
    "service account alone": Case(
        (lambda s: s.restrict("Deep", users=("svc",)),), lost=by("Deep", names=(ANN, JOE, KIM, AUDIENCE))
    ),
    "deactivated account alone": Case(
        (lambda s: s.restrict("Deep", users=("left",)),), lost=by("Deep", names=(ANN, JOE, KIM, SVC, AUDIENCE))
    ),
    "space permission withdrawn": Case(
        (lambda s: s.world.forbid_space("A", group="confluence-users"),),
        lost=by(*EVERYTHING, names=(ANN, JOE, KIM, SVC, AUDIENCE)),
    ),
    "role changed": Case((Scene.change_role,), lost=by(*EVERYTHING, names=(ANN, JOE, AUDIENCE)), cloud_alone=True),
    "restricted below what is restricted": Case((lambda s: s.restrict("Below", groups=("confluence-users",)),)),
    "new version in a full run": Case(
        (lambda s: s.restrict("Home", groups=("staff",)), lambda s: s.edit("Deep")), ("full",), lost=by(*EVERYTHING)
    ),
    "new version with a new restriction": Case(
        (lambda s: s.restrict("Deep", groups=("staff",)), lambda s: s.edit("Deep")), ("incremental",), lost=by("Deep")
    ),
    "new version below a new restriction": Case(
        (lambda s: s.restrict("Home", groups=("staff",)), lambda s: s.edit("Deep")), ("incremental",), lost=by("Deep")
    ),
    "new version below what has moved": Case(
        (lambda s: s.move("Middle", "Secret"), lambda s: s.edit("Deep")), ("incremental",), lost=by("Deep")
    ),
    "new version where fewer may view": Case(
        (lambda s: s.world.forbid_space("A", group="confluence-users"), lambda s: s.edit("Deep")),
        ("incremental",),
        lost=by("Deep", names=(ANN, JOE, KIM, AUDIENCE)),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_people_do_is_never_wider_than_the_rule(site: AccessStage, name: str) -> None:
    """After the run that brings it, and at each moment before; who loses a page saw it until then."""
    case = CASES[name]
    if case.cloud_alone and not site.cloud:
        pytest.skip("Data Center has no roles")
    scene = Scene(site)
    if case.cloud_alone:
        site.switch(space_role_mode="ROLES")
    scene.tree.run_quietly("full")
    before = scene.seen()
    assert by(*EVERYTHING, names=(ANN, JOE, AUDIENCE)) | by("Secret", "Below", names=(JOE,)) <= before
    assert not before & by("Secret", "Below", "Elsewhere")

    for edit in case.edits:
        edit(scene)
    scene.tree.log.note()
    if case.broken:
        site.site.faults.add(Fault(kind="bad-gateway-502", match=NEEDED, times=0))
    for mode in case.runs:
        scene.tree.run_quietly(mode)

    assert bool(scene.tree.fired) == case.broken
    after = scene.seen()
    assert scene.tree.log.overgrants == []
    assert case.lost <= before
    assert not case.lost & after
    assert case.gained <= after
    assert not case.gained & before

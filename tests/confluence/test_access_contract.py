"""What every `Source` promises about who may read what, on both flavours, over a simulated site whole or broken."""

from contextlib import ExitStack
from typing import Any

import pytest
from confluence_simulator import Fault, Simulator, World

from hr_sync.confluence.http.client import HttpClient
from hr_sync.confluence.http.client_credentials import ClientSecret, connect_client
from hr_sync.confluence.source import Source, open_source
from hr_sync.domain.access import Layer, Principal, PrincipalKind
from hr_sync.errors import ConfluenceError, CredentialsRefused, NotFound, ServerFailed
from tests.confluence.clients import RecordedWaits, kinds_fired, limits
from tests.confluence.flavors import FLAVORS, Open, is_cloud, only_space, routes, world_of

SECRET = ClientSecret(client_id="client-of-hr", secret="simulated-secret")
PERMISSIONS = "/permissions|role-assignments"
OLD = "datacenter-by-offset"  # its version shows no permissions


def people_world() -> World:
    """Return a world with users, groups within groups, and a space that some of each may view."""
    world = world_of(3)
    for name in ("hr-all", "hr-berlin", "hr-paris", "others"):
        world.add_group(name)
    world.nest_group("hr-all", "hr-berlin")
    world.nest_group("hr-berlin", "hr-paris")
    world.nest_group("hr-paris", "hr-all")  # a ring
    for name, group in (("ann", "hr-all"), ("bob", "hr-berlin"), ("cid", "hr-paris"), ("eve", "others")):
        world.add_user(
            name, display_name=name.title(), email=f"{name}@acme.example", groups=("confluence-users", group)
        )
    world.permit_space(world.spaces()[0].key, user="eve")
    world.permit_space(world.spaces()[0].key, group="hr-all", operation="create", target_type="page")
    return world


def user_id(world: World, flavor: str, name: str) -> str:
    user = world.user(name)
    return user.account_id if is_cloud(flavor) else user.user_key


def group_id(world: World, flavor: str, name: str) -> str:
    return world.group(name).id if is_cloud(flavor) else name


def viewers_in(world: World, flavor: str) -> Layer:
    """Return who may view the one space by the world's own rule, in the ids of the flavour."""
    rule = next(layer for layer in world.layers(world.pages()[0].id) if layer.node_id == "space")
    users = {Principal(PrincipalKind.USER, user_id(world, flavor, each)) for each in rule.users}
    groups = {Principal(PrincipalKind.GROUP, group_id(world, flavor, world.group(each).name)) for each in rule.groups}
    # Data Center shows anonymous visitors, and knows no other class.
    classes = {each for each in rule.classes if is_cloud(flavor) or each == "anonymous-users"}
    return frozenset(users | groups | {Principal(PrincipalKind.CLASS, each) for each in classes})


def without_roles(layer: Layer | None) -> Layer:
    """Return a layer without the roles that a site names in its permissions: nobody is known to match them."""
    assert layer is not None
    return frozenset(each for each in layer if not each.id.startswith("role:"))


def skip_old(flavor: str) -> None:
    if flavor == OLD:
        pytest.skip("this version shows no permissions")


@pytest.mark.parametrize("anonymous", [False, True])
def test_viewers_are_those_of_the_space(serve: Open, flavor: str, *, anonymous: bool) -> None:
    """By two requests; other permissions in the space let nobody view it."""
    skip_old(flavor)
    world = people_world()
    if anonymous:
        world.permit_space(world.spaces()[0].key, everyone="ANONYMOUS_USERS")
    site, source = serve(world)
    space = only_space(source)
    site.requests.clear()
    viewers = source.viewers(space)

    assert viewers.layer == viewers_in(world, flavor)
    assert (viewers.source, viewers.doubt) == ("permissions", None)
    assert len(site.requests) == 2


def test_permission_that_is_withdrawn_is_gone(serve: Open, flavor: str) -> None:
    """The next answer lacks it. Of a space that our account may not view, nothing is known."""
    skip_old(flavor)
    world = people_world()
    _, source = serve(world)
    space = only_space(source)
    world.permit_space(space.key, user=world.bot.username)
    assert len(source.viewers(space).layer or ()) == len(viewers_in(world, flavor))
    world.forbid_space(space.key, group="confluence-users")
    assert source.viewers(space).layer == viewers_in(world, flavor)
    world.forbid_space(space.key, user="eve")
    only_us = Principal(PrincipalKind.USER, user_id(world, flavor, world.bot.username))
    assert source.viewers(space).layer == frozenset([only_us])
    world.forbid_space(space.key, user=world.bot.username)
    viewers = source.viewers(space)
    assert viewers.layer is None
    assert viewers.doubt


@pytest.mark.parametrize("mode", ["ROLES", "ROLES_TRANSITION", ""])
def test_roles_count_on_sites_that_have_them(serve: Open, flavor: str, mode: str) -> None:
    """Also where the site does not say its mode; a role without the view of the space lets nobody in."""
    if not is_cloud(flavor):
        pytest.skip("Data Center has no roles")
    world = people_world()
    key = world.spaces()[0].key
    world.add_role("Janitor", "administer/space")
    world.assign_role(key, "Janitor", group="others")
    world.assign_role(key, "Viewer", group="hr-paris")
    world.assign_role(key, "Member", everyone="authenticated-users")
    site, source = serve(world, space_role_mode=mode)
    space = only_space(source)
    viewers = source.viewers(space)

    assert without_roles(viewers.layer) == viewers_in(world, flavor)
    assert (viewers.source, viewers.doubt) == ("roles", None)
    roles = source.site_roles()
    site.requests.clear()
    assert source.viewers(space, roles) == viewers
    assert len(site.requests) == 2
    world.unassign_role(key, "Viewer")
    assert without_roles(source.viewers(space, roles).layer) == viewers_in(world, flavor)


def test_a_role_that_loses_the_view_lets_nobody_in(serve: Open, flavor: str) -> None:
    """Roles are read anew unless they are passed in."""
    if not is_cloud(flavor):
        pytest.skip("Data Center has no roles")
    world = people_world()
    world.assign_role(world.spaces()[0].key, "Viewer", group="hr-paris")
    site, source = serve(world, space_role_mode="ROLES_TRANSITION")
    space = only_space(source)
    paris = Principal(PrincipalKind.GROUP, group_id(world, flavor, "hr-paris"))
    assert paris in (source.viewers(space).layer or ())
    taken = {"id": world.role("Viewer").id, "spacePermissions": ["create/page"]}
    body = {"results": [taken], "_links": {}}
    site.faults.add(Fault(kind="status", match="space-roles", argument={"status": 200, "body": body}, times=0))
    assert paris not in (source.viewers(space).layer or ())


def test_a_version_that_shows_no_permissions_names_the_remedy(serve: Open, flavor: str) -> None:
    """The version, and the setting to type."""
    if flavor != OLD:
        pytest.skip("this one shows permissions")
    site, source = serve(world_of(3))
    viewers = source.viewers(only_space(source))

    assert viewers.layer is None
    assert "7.17" in str(viewers.doubt)
    assert "access.open_spaces" in str(viewers.doubt)
    assert source.licence_groups() is None
    assert "/rest/api/server-information" in routes(site)


@pytest.mark.parametrize("status", [403, 500])
def test_an_account_without_the_right_names_the_remedy(serve: Open, flavor: str, status: int) -> None:
    """Data Center answers 500 where it is documented to answer 403."""
    if is_cloud(flavor) or flavor == OLD:
        pytest.skip("Cloud shows permissions to everybody who may view the space")
    site, source = serve(world_of(3), unprivileged_status=status)
    site.faults.add(Fault(kind="admin-rights-lost", times=0))
    viewers = source.viewers(only_space(source))

    assert viewers.layer is None
    assert "access.open_spaces" in str(viewers.doubt)
    assert source.licence_groups() is None
    assert "admin-rights-lost" in kinds_fired(site)


@pytest.mark.parametrize(
    "kind", ["permission-without-principal", "permission-without-id", "permission-unknown-principal"]
)
def test_a_permission_that_cannot_be_read_lets_nobody_in(serve: Open, flavor: str, kind: str) -> None:
    """It may make the viewers unknown, and is never open."""
    skip_old(flavor)
    world = people_world()
    site, source = serve(world)
    site.faults.add(Fault(kind=kind, match=PERMISSIONS, times=0))
    layer = source.viewers(only_space(source)).layer

    assert kind in kinds_fired(site)
    assert layer is None or {each for each in layer if each.kind is not PrincipalKind.UNKNOWN} < viewers_in(
        world, flavor
    )


@pytest.mark.parametrize("kind", ["role-mode-unknown", "role-without-permissions", "permission-without-id"])
def test_roles_that_cannot_be_read_let_nobody_in(serve: Open, flavor: str, kind: str) -> None:
    """An unknown mode may be one with roles."""
    if not is_cloud(flavor):
        pytest.skip("Data Center has no roles")
    world = people_world()
    world.assign_role(world.spaces()[0].key, "Viewer", group="hr-paris")
    site, source = serve(world, space_role_mode="ROLES_TRANSITION")
    site.faults.add(Fault(kind=kind, match="role", times=0))
    viewers = source.viewers(only_space(source))

    assert kind in kinds_fired(site)
    assert viewers.layer == (viewers_in(world, flavor) if kind == "role-mode-unknown" else None)
    assert (viewers.doubt is None) is (kind == "role-mode-unknown")


def test_permissions_that_are_left_out_let_nobody_in(serve: Open, flavor: str) -> None:
    """Nothing shows that a list was cut, so it may be too short and never too wide."""
    skip_old(flavor)
    world = people_world()
    site, source = serve(world)
    site.faults.add(Fault(kind="permissions-left-out", argument=1, match=PERMISSIONS, times=0))
    layer = source.viewers(only_space(source)).layer

    assert "permissions-left-out" in kinds_fired(site)
    assert layer is not None
    assert layer < viewers_in(world, flavor)


@pytest.mark.parametrize("flatten", [True, False])
def test_members_of_groups_within_a_group_count(serve: Open, flavor: str, *, flatten: bool) -> None:
    """Whether the server includes them or not, and in a ring too."""
    world = people_world()
    world.deactivate_user("cid")
    _, source = serve(world, flatten_groups=flatten)
    expected = {user_id(world, flavor, name) for name in ("ann", "bob")}

    assert source.members(group_id(world, flavor, "hr-all")) == expected
    assert source.members(group_id(world, flavor, "others")) == {user_id(world, flavor, "eve")}
    with pytest.raises(NotFound):
        source.members("no-such-group")


def test_a_group_of_a_thousand(serve: Open, flavor: str) -> None:
    """Six requests at most for five answers and the groups within."""
    world = people_world()
    world.add_group("all")
    many = [world.add_user(f"user-{number}", groups=("all",)) for number in range(1000)]
    site, source = serve(world)
    group = group_id(world, flavor, "all")
    site.requests.clear()
    expected = {user_id(world, flavor, user.username) for user in many}
    assert source.members(group) == expected
    assert len(site.requests) <= 7
    site.faults.add(Fault(kind="lowered-limit", argument=90, match="member", times=0))
    assert source.members(group) == expected
    assert "lowered-limit" in kinds_fired(site)


def test_groups_have_names(serve: Open, flavor: str) -> None:
    """By id, and the id by the name; what is not there is absent, and so is everything that gets no answer."""
    world = people_world()
    site, source = serve(world)
    ids = {name: group_id(world, flavor, name) for name in ("hr-all", "others")}

    assert source.group_names(ids.values()) == {group: name for name, group in ids.items()}
    assert {name: source.group_id(name) for name in ids} == ids
    assert source.group_id("nobody") is None
    if is_cloud(flavor):
        assert source.group_names(["0000", ids["others"]]) == {ids["others"]: "others"}

    site.faults.add(Fault(kind="forbidden-json-403", match="/group", times=0))
    assert source.group_id("others") is None
    assert site.faults.fired
    assert source.group_names([ids["others"]]) == ({} if is_cloud(flavor) else {"others": "others"})


def test_licence_groups_are_those_that_may_use_confluence(serve: Open, flavor: str) -> None:
    """All of them; on Data Center a single user who may use it is in none of them."""
    skip_old(flavor)
    world = people_world()
    _, source = serve(world)
    assert source.licence_groups() == frozenset({group_id(world, flavor, "confluence-users")})
    world.permit_site("use", group="others")
    assert source.licence_groups() == frozenset(
        group_id(world, flavor, each) for each in ("confluence-users", "others")
    )
    world.add_app("robot")
    known = source.licence_groups()
    assert (known is None) is not is_cloud(flavor)


def test_accounts_of_each_kind(serve: Open, flavor: str) -> None:
    """With an address where it is shown; those that do not exist are absent."""
    world = people_world()
    world.add_service_account("nightly")
    world.deactivate_user("bob")
    _, source = serve(world)
    names = {user_id(world, flavor, name): name for name in ("ann", "bob", "nightly")}
    found = source.identities([*names, "nobody"])

    assert {names[each]: found[each].active for each in found} == {
        "ann": True if is_cloud(flavor) else found[user_id(world, flavor, "ann")].active,
        "bob": False if is_cloud(flavor) else found[user_id(world, flavor, "bob")].active,
        "nightly": found[user_id(world, flavor, "nightly")].active,
    }
    ann = found[user_id(world, flavor, "ann")]
    assert ann.display_name == "Ann"
    assert (ann.email, ann.email_source) == (("ann@acme.example", "confluence") if is_cloud(flavor) else (None, None))


def test_hidden_addresses_are_none(serve: Open, flavor: str) -> None:
    """An empty text is no address."""
    world = people_world()
    _, source = serve(world, emails_hidden=True)
    (ann,) = source.identities([user_id(world, flavor, "ann")]).values()
    assert (ann.email, ann.email_source) == (None, None)


def test_confluence_says_itself_who_may_read(serve: Open, flavor: str) -> None:
    """On Cloud, the same as the world's rule; on Data Center nothing."""
    world = people_world()
    page = world.pages()[1]
    world.restrict_page(page.id, groups=("hr-berlin",))
    site, source = serve(world)
    for name in ("ann", "bob", "cid", "eve"):
        user = world.user(name)
        asked = source.may_read(page.id, Principal(PrincipalKind.USER, user.account_id))
        assert asked == ((user.account_id in world.readers_of(page.id)) if is_cloud(flavor) else None)
    site.faults.add(Fault(kind="admin-rights-lost", times=0))
    assert source.may_read(page.id, Principal(PrincipalKind.USER, world.user("ann").account_id)) is None


FAULTS = [
    "forbidden-json-403",
    "not-found-404-v1",
    "error-500",
    "html-200",
    "no-results",
    "empty-object-200",
    "gone-410",
]


@pytest.mark.parametrize("kind", FAULTS)
def test_a_fault_never_widens_anything(serve: Open, flavor: str, kind: str) -> None:
    """Each answer is the right one, not known, or an error."""
    world = people_world()
    site, source = serve(world)
    space = only_space(source)
    right: dict[str, Any] = {
        "viewers": viewers_in(world, flavor),
        "licence": frozenset({group_id(world, flavor, "confluence-users")}),
        "members": {user_id(world, flavor, name) for name in ("ann", "bob", "cid")},
    }
    for at in (1, 2, 3):
        for name, ask in (
            ("viewers", lambda: source.viewers(space).layer),
            ("licence", source.licence_groups),
            ("members", lambda: source.members(group_id(world, flavor, "hr-all"))),
        ):
            site.faults.clear()
            site.faults.add(Fault(kind=kind, at=at, match="permission|role|group", times=3))
            try:
                found = ask()
            except ConfluenceError:
                continue
            assert found is None or found <= right[name], (name, at)
            if name == "licence":
                assert found in {None, right[name]}


def connected(stack: ExitStack, flavor: str, world: World, **switches: Any) -> tuple[Simulator, Source]:
    """Serve a world to a client with client credentials."""
    settings = {"version": "10.2.19", "client_id": SECRET.client_id} | switches
    site = stack.enter_context(Simulator(world, **{**FLAVORS[flavor], **settings}))
    waits = RecordedWaits()
    base, authentication = connect_client(site.site_url, SECRET, limits(), waits, is_cloud=is_cloud(flavor))
    client = HttpClient(base, authentication, limits(), waits)
    stack.callback(client.close)
    return site, open_source(client, "cloud" if is_cloud(flavor) else "datacenter")


def test_a_service_account_reads_with_client_credentials(flavor: str) -> None:
    """Through the gateway on Cloud; a token that has ended is renewed in the middle of a walk."""
    world = world_of(401)
    with ExitStack() as stack:
        site, source = connected(stack, flavor, world)
        source.check_account()
        space = only_space(source)
        site.faults.add(Fault(kind="tokens-end", at=2, match=r"/pages\?|content/scan"))
        listing = source.listing(space)

    assert set(listing.heads) == {page.id for page in world.pages()}
    assert kinds_fired(site) == ["tokens-end"]
    assert [record.status for record in site.requests if record.route.endswith("/token")] == [200, 200]
    if is_cloud(flavor):
        assert all("/ex/confluence/" in each.path for each in site.requests if "/rest/" in each.path)


def test_a_client_that_is_refused_is_refused_at_once(flavor: str) -> None:
    """One request for a token, and nothing else."""
    with ExitStack() as stack:
        site, source = connected(stack, flavor, world_of(1), client_id="client-of-another")
        site.requests.clear()
        with pytest.raises(CredentialsRefused, match="client_id"):
            source.check_account()
        assert len(site.requests) == 1


def test_a_token_endpoint_that_is_down_is_down(flavor: str) -> None:
    """A failure that may pass, as any other."""
    with ExitStack() as stack:
        site, source = connected(stack, flavor, world_of(1))
        site.faults.add(Fault(kind="error-500", match="/token", times=0))
        with pytest.raises(ServerFailed):
            source.check_account()
        assert set(kinds_fired(site)) == {"error-500"}

"""Who may view a space and who may use Confluence: read whole, refused with a remedy, or not trusted."""

from typing import Any

import pytest

from hr_sync.domain.access import (
    EVERY_ASKER,
    AccessClass,
    Asker,
    Principal,
    PrincipalKind,
    SiteRoles,
    SpaceViewers,
    passes,
)
from hr_sync.domain.content import Space
from hr_sync.errors import (
    AnswerNotTrusted,
    ConfluenceUnavailable,
    CredentialsRefused,
    HrSyncError,
    ServerFailed,
)
from tests.confluence.fake_answers import HTML, OWN_403, OWN_404, Answers, cloud, datacenter, paths, refused
from tests.confluence.fakes import Reply, Request

HR = Space(id="7", key="HR", name="People")
USER, GROUP = Principal(PrincipalKind.USER, "712020:a"), Principal(PrincipalKind.GROUP, "g-1")


def listed(*rows: Any, **links: str) -> dict[str, Any]:
    return {"results": list(rows), "_links": links}


def permission(kind: Any, name: Any, key: str = "read", target: str = "space", number: int = 1) -> dict[str, Any]:
    """Return an entry of Cloud's v2."""
    return {
        "id": str(number),
        "principal": {"type": kind, "id": name},
        "operation": {"key": key, "targetType": target},
    }


def assignment(kind: str, name: str, role: str) -> dict[str, Any]:
    return {"principal": {"principalType": kind, "principalId": name}, "roleId": role}


def grant(subject: Any = None, key: str = "read", target: str = "space") -> dict[str, Any]:
    """Return an entry of Data Center."""
    entry: dict[str, Any] = {"operation": {"targetType": target, "operationKey": key}, "spaceKey": "HR", "spaceId": 7}
    return entry if subject is None else {**entry, "subject": subject}


PRE_ROLES = {"space-role-mode": {"mode": "PRE_ROLES"}}
IN_ROLES = {
    "space-role-mode": {"mode": "ROLES"},
    "space-roles": listed(
        {"id": "viewer", "spacePermissions": ["read/space"]},
        {"id": "janitor", "spacePermissions": ["administer/space", "create/page"]},
    ),
    "spaces/7/permissions": listed(),
}
PERMISSIONS = "spaces/7/permissions"
ASSIGNMENTS = "spaces/7/role-assignments"


def known(viewers: SpaceViewers) -> set[Principal]:
    assert viewers.layer is not None
    return set(viewers.layer)


def test_permissions_to_view_make_the_layer() -> None:
    """Users, groups and classes in one spelling; other permissions in the space let nobody view it."""
    rows = [
        permission("user", USER.id, number=1),
        permission("group", GROUP.id, number=2),
        permission("access-class", "ALL_LICENSED_USERS", number=3),
        permission("access-class", "ANONYMOUS_USERS", number=4),
        permission("access-class", "ALL_PRODUCT_ADMINS", number=5),
        permission("group", "editors", key="create", target="page", number=6),
        permission("group", "commenters", key="read", target="comment", number=7),
    ]
    with cloud({**PRE_ROLES, PERMISSIONS: listed(*rows)}) as (source, fake):
        viewers = source.viewers(HR)

    classes = {AccessClass.LICENSED, AccessClass.ANONYMOUS, "all-product-admins"}
    assert known(viewers) == {USER, GROUP} | {Principal(PrincipalKind.CLASS, each) for each in classes}
    assert (viewers.source, viewers.doubt) == ("permissions", None)
    assert paths(fake) == ["/api/v2/space-role-mode", "/api/v2/spaces/7/permissions"]


@pytest.mark.parametrize("kind", ["robot", "role", "ROBOT_CLASS"])
def test_an_unknown_kind_is_nobody_and_not_nothing(kind: str) -> None:
    """The layer is not empty, and no asker is in it."""
    with cloud({**PRE_ROLES, PERMISSIONS: listed(permission(kind, "x"))}) as (source, _):
        layer = source.viewers(HR).layer
    word = kind.lower().replace("_", "-")

    assert layer == frozenset([Principal(PrincipalKind.UNKNOWN, f"{word}:x")])
    assert [each.token for each in layer] == [f"?:{word}:x"]
    assert not passes(frozenset([layer]), Asker(user="x", groups=frozenset("x"), classes=EVERY_ASKER | {"x"}))


@pytest.mark.parametrize("name", ["everyone", "EVERYONE", "Everyone"])
def test_confluence_cannot_name_our_own_class(name: str) -> None:
    """Only an operator declares a space open."""
    with cloud({**PRE_ROLES, PERMISSIONS: listed(permission("access-class", name))}) as (source, _):
        layer = source.viewers(HR).layer

    assert layer is not None
    assert not passes(frozenset([layer]), Asker())


def test_a_space_without_viewers_lets_nobody_view_it() -> None:
    """An empty list after a complete answer is known."""
    with cloud({**PRE_ROLES, PERMISSIONS: listed()}) as (source, _):
        assert source.viewers(HR) == SpaceViewers(layer=frozenset(), source="permissions", doubt=None)


def test_roles_are_united_with_permissions() -> None:
    """Those that let their holders read the space; a role that lacks it gives no view."""
    assignments = [
        assignment("USER", USER.id, "viewer"),
        assignment("ACCESS_CLASS", "all-licensed-users", "viewer"),
        assignment("GROUP", "admins", "janitor"),
    ]
    answers = {**IN_ROLES, PERMISSIONS: listed(permission("group", GROUP.id)), ASSIGNMENTS: listed(*assignments)}
    for mode in ("ROLES", "ROLES_TRANSITION", "", None, "SOMETHING_NEW"):
        with cloud({**answers, "space-role-mode": {"mode": mode}}) as (source, _):
            viewers = source.viewers(HR)

        assert known(viewers) == {USER, GROUP, Principal(PrincipalKind.CLASS, AccessClass.LICENSED)}
        assert (viewers.source, viewers.doubt) == ("roles", None)


def test_roles_of_the_site_are_read_once_for_many_spaces() -> None:
    """Each space costs two requests then."""
    with cloud({**IN_ROLES, ASSIGNMENTS: listed(assignment("USER", USER.id, "viewer"))}) as (source, fake):
        roles = source.site_roles()
        before = len(fake.requests)
        assert known(source.viewers(HR, roles)) == {USER}
        assert known(source.viewers(HR, roles)) == {USER}
        assert len(fake.requests) - before == 4


def test_a_role_that_is_not_listed_is_a_doubt() -> None:
    """Nobody knows whether its holders may view the space, so they may not."""
    answers = {**IN_ROLES, ASSIGNMENTS: listed(assignment("USER", "b", "new"), assignment("USER", USER.id, "viewer"))}
    with cloud(answers) as (source, _):
        viewers = source.viewers(HR)

    assert known(viewers) == {USER, Principal(PrincipalKind.UNKNOWN, "role:new")}
    assert viewers.doubt is not None


@pytest.mark.parametrize(
    "row",
    [
        {},
        permission("user", ""),
        permission("user", None),
        permission("user", "a\0"),
        permission(None, "a"),
        {"id": "1", "operation": {"key": "read", "targetType": "space"}},
        {"id": "1", "operation": {"key": "read", "targetType": "space"}, "principal": ["user"]},
        {"id": "1", "operation": {"key": "read"}, "principal": {"type": "user", "id": "a"}},
        {"id": "1", "principal": {"type": "user", "id": "a"}},
        None,
    ],
)
def test_an_entry_that_cannot_be_read_is_a_doubt(row: Any) -> None:
    """What it grants is not known, so the viewers are not."""
    with cloud({**PRE_ROLES, PERMISSIONS: listed(permission("group", GROUP.id), row)}) as (source, _):
        viewers = source.viewers(HR)
    assert viewers.layer is None
    assert "access.open_spaces" in str(viewers.doubt)

    with cloud({**IN_ROLES, ASSIGNMENTS: listed(row)}) as (source, _):
        assert source.viewers(HR).layer is None


@pytest.mark.parametrize(
    "row", [{}, {"id": "a"}, {"id": "a", "spacePermissions": "read/space"}, {"spacePermissions": []}]
)
def test_a_role_that_cannot_be_read_is_a_doubt(row: dict[str, Any]) -> None:
    """Of every space of the site."""
    with cloud({**IN_ROLES, "space-roles": listed(row)}) as (source, _):
        viewers = source.viewers(HR)
    assert (viewers.layer, viewers.source) == (None, "roles")
    assert viewers.doubt


@pytest.mark.parametrize("path", ["space-role-mode", "space-roles", PERMISSIONS, ASSIGNMENTS])
@pytest.mark.parametrize(
    "reply",
    [refused(403, OWN_403), refused(404, OWN_404), refused(410), refused(401, {"message": "scope does not match"})],
    ids=["403", "404", "410", "scope"],
)
def test_a_refusal_is_not_known_and_names_the_remedy(path: str, reply: Reply) -> None:
    """Never nobody, never everybody. A site without the endpoint for the mode has no roles."""
    with cloud({**IN_ROLES, ASSIGNMENTS: listed(), path: reply}) as (source, fake):
        viewers = source.viewers(HR)

    has_no_roles = path == "space-role-mode" and reply.status in {404, 410}
    assert (viewers.layer is None) is not has_no_roles
    assert has_no_roles or "docs/configuration.md" in str(viewers.doubt)
    assert f"/api/v2/{path}" in paths(fake)


@pytest.mark.parametrize("path", ["space-role-mode", "space-roles", PERMISSIONS, ASSIGNMENTS])
@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (HTML, AnswerNotTrusted),
        (refused(403), AnswerNotTrusted),
        (refused(404), AnswerNotTrusted),
        (refused(500), ServerFailed),
        (refused(429), ConfluenceUnavailable),
        (refused(401), CredentialsRefused),
        (Reply(document={"results": "none"}), AnswerNotTrusted),
    ],
    ids=["html", "filter-403", "filter-404", "500", "429", "401", "no-list"],
)
def test_a_failure_that_may_pass_is_raised(path: str, reply: Reply, error: type[HrSyncError]) -> None:
    """The last known viewers stay then."""
    if path == "space-role-mode" and reply.document == {"results": "none"}:
        pytest.skip("the mode is no list")
    with cloud({**IN_ROLES, ASSIGNMENTS: listed(), path: reply}) as (source, _), pytest.raises(error):
        source.viewers(HR)


@pytest.mark.parametrize("path", ["space-roles", PERMISSIONS, ASSIGNMENTS])
def test_a_list_is_read_to_its_end(path: str) -> None:
    """The second answer counts; one that repeats for ever ends the walk."""
    rows = {
        "space-roles": {"id": "viewer", "spacePermissions": ["read/space"]},
        PERMISSIONS: permission("user", USER.id),
        ASSIGNMENTS: assignment("USER", USER.id, "viewer"),
    }

    def in_two(request: Request) -> dict[str, Any]:
        return listed(rows[path]) if request.all("cursor") else listed(next=f"/api/v2/{path}?cursor=2")

    answers: Answers = {**IN_ROLES, ASSIGNMENTS: listed(rows[ASSIGNMENTS])}
    with cloud({**answers, path: in_two}) as (source, _):
        assert known(source.viewers(HR)) == {USER}

    def endless(request: Request) -> dict[str, Any]:
        number = int((request.all("cursor") or ["0"])[0]) + 1
        return listed(rows[path], next=f"/api/v2/{path}?cursor={number}")

    with cloud({**answers, path: endless}) as (source, fake):
        with pytest.raises(AnswerNotTrusted, match="no progress"):
            source.viewers(HR)
        assert paths(fake).count(f"/api/v2/{path}") == 2


def test_a_site_without_roles_is_not_asked_for_assignments() -> None:
    """Whatever else answers there."""
    with cloud({PERMISSIONS: listed(permission("user", USER.id))}) as (source, fake):
        assert source.site_roles() == SiteRoles()
        assert known(source.viewers(HR)) == {USER}
    assert not [path for path in paths(fake) if path.endswith(("assignments", "space-roles"))]


SPACE = "space/HR/permissions"
ANONYMOUS = "space/HR/permissions/anonymous"
VERSION = "server-information"
STAFF = {"type": "group", "name": "staff", "displayName": "staff"}
ANN = {"type": "user", "userKey": "k1"}


def test_data_center_answers_with_a_bare_list() -> None:
    """Users by key, groups by name, and anonymous visitors at an address of their own."""
    rows = [grant(STAFF), grant(ANN), grant({**STAFF, "name": "editors"}, key="create", target="page")]
    with datacenter({SPACE: Reply(document=rows), ANONYMOUS: Reply(document=[])}) as (source, _):
        viewers = source.viewers(HR)
    staff, ann = Principal(PrincipalKind.GROUP, "staff"), Principal(PrincipalKind.USER, "k1")
    assert viewers == SpaceViewers(layer=frozenset([staff, ann]), source="permissions", doubt=None)

    visitors = [grant(key="create", target="comment"), grant()]
    with datacenter({SPACE: Reply(document=rows), ANONYMOUS: Reply(document=visitors)}) as (source, _):
        assert known(source.viewers(HR)) == {staff, ann, Principal(PrincipalKind.CLASS, AccessClass.ANONYMOUS)}


@pytest.mark.parametrize("subject", [None, {"type": "robot", "name": "x"}, {"type": "anonymous"}])
def test_an_entry_without_a_known_subject_is_nobody(subject: Any) -> None:
    """Not everybody: the endpoint for anonymous visitors says that."""
    with datacenter({SPACE: Reply(document=[grant(subject)]), ANONYMOUS: Reply(document=[])}) as (source, _):
        layer = source.viewers(HR).layer
    assert layer is not None
    assert {each.kind for each in layer} == {PrincipalKind.UNKNOWN}
    assert not passes(frozenset([layer]), Asker(user="x", groups=frozenset("x")))


@pytest.mark.parametrize(
    "rows",
    [
        [grant({"type": "user"})],
        [grant({"type": "group", "name": ""})],
        [grant({"name": "staff"})],
        [grant("staff")],
        [{"subject": STAFF}],
        [{"operation": {"operationKey": "read"}, "subject": STAFF}],
    ],
)
def test_half_an_entry_of_data_center_is_a_doubt(rows: list[Any]) -> None:
    """Beside an entry that is sound, too."""
    answers = {SPACE: Reply(document=[grant(ANN), *rows]), ANONYMOUS: Reply(document=[])}
    with datacenter(answers) as (source, _):
        viewers = source.viewers(HR)
    assert viewers.layer is None
    assert "access.open_spaces" in str(viewers.doubt)


@pytest.mark.parametrize(
    ("reply", "version", "says"),
    [
        (refused(404, OWN_404), "8.5.4", "this Data Center is 8.5"),
        (refused(404), "9.0.1", "this Data Center is 9.0"),
        (refused(404, OWN_404), "9.1.0", "404"),
        (refused(403, OWN_403), "9.2.0", "403"),
        (refused(410), "9.2.0", "410"),
        (refused(500), "10.2.19", "administration rights"),
        (refused(401), "10.2.19", "not accepted"),
    ],
)
def test_data_center_that_does_not_say_names_the_remedy(reply: Reply, version: str, says: str) -> None:
    """An older version, or an account without rights, which gets a 500."""
    with datacenter({SPACE: reply, VERSION: {"version": version}}) as (source, fake):
        viewers = source.viewers(HR)

    assert viewers.layer is None
    assert says in str(viewers.doubt)
    assert "access.open_spaces" in str(viewers.doubt)
    assert paths(fake)[0] == f"/rest/api/{SPACE}"


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (HTML, AnswerNotTrusted),
        (refused(404), AnswerNotTrusted),
        (refused(403), AnswerNotTrusted),
        (refused(502), ServerFailed),
        (refused(503), ServerFailed),
        (refused(429), ConfluenceUnavailable),
        (Reply(document={"results": []}), AnswerNotTrusted),
        (Reply(document=[None]), AnswerNotTrusted),
        (Reply(document=["staff"]), AnswerNotTrusted),
    ],
)
def test_a_failure_of_data_center_that_may_pass_is_raised(reply: Reply, error: type[HrSyncError]) -> None:
    """A version that is not known, or new enough, explains nothing."""
    for information in ({"version": "9.2.0"}, {"version": "new"}, {}, refused(500)):
        with datacenter({SPACE: reply, VERSION: information}) as (source, _), pytest.raises(error):
            source.viewers(HR)


def test_a_refusal_is_about_the_account_if_that_is_refused_everywhere() -> None:
    """Then it is no doubt about one space."""
    for reply in (refused(401), refused(500)):
        with (
            datacenter({SPACE: reply, "user/current": refused(401)}) as (source, _),
            pytest.raises(CredentialsRefused),
        ):
            source.viewers(HR)


@pytest.mark.parametrize("reply", [refused(500), refused(403, OWN_403), refused(404, OWN_404), Reply(document=[{}])])
def test_anonymous_visitors_that_cannot_be_read_count_as_none(reply: Reply) -> None:
    """The rest is known, and a doubt says what may be missing."""
    answers = {SPACE: Reply(document=[grant(STAFF)]), ANONYMOUS: reply, VERSION: {"version": "9.2.0"}}
    with datacenter(answers) as (source, fake):
        viewers = source.viewers(HR)
    assert known(viewers) == {Principal(PrincipalKind.GROUP, "staff")}
    assert "anonymous" in str(viewers.doubt)
    assert f"/rest/api/{ANONYMOUS}" in paths(fake)


USERS = {"type": "group", "name": "confluence-users"}


def test_licence_groups_of_data_center_are_those_that_may_use_it() -> None:
    """Administration and anonymous visitors do not count; a single user who may use it spoils the list."""
    rows = [
        grant(USERS, key="use", target="application"),
        grant(STAFF, key="use", target="application"),
        grant({**STAFF, "name": "admins"}, key="administer", target="system"),
        grant(key="use", target="application"),
    ]
    with datacenter({"permissions": Reply(document=rows)}) as (source, _):
        assert source.licence_groups() == frozenset({"confluence-users", "staff"})
    for subject in (ANN, {"type": "robot"}):
        more = [*rows, grant(subject, key="use", target="application")]
        with datacenter({"permissions": Reply(document=more)}) as (source, _):
            assert source.licence_groups() is None


@pytest.mark.parametrize(
    "reply",
    [
        refused(403, OWN_403),
        refused(404, OWN_404),
        refused(404),
        refused(410),
        refused(500),
        refused(401),
        Reply(document=[{"operation": {}}]),
        Reply(document=[]),
        Reply(document=[grant({"type": "group"}, key="use", target="application")]),
    ],
)
def test_licence_groups_that_are_refused_are_not_known(reply: Reply) -> None:
    """None, and never an empty set that would be right."""
    with datacenter({"permissions": reply, VERSION: {"version": "9.2.0"}}) as (source, fake):
        assert source.licence_groups() is None
    assert "/rest/api/permissions" in paths(fake)

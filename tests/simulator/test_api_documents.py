"""Every Cloud answer is what Atlassian's API documents declare, apart from deviations that recordings show."""

from collections.abc import Iterator

import pytest
from confluence_simulator import Simulator, World, cloud
from confluence_simulator.world.records import Kind

from tests.simulator.api_documents import deviations, fixture
from tests.simulator.sites import Client, client, furnished_world, titled

NODE_KINDS: tuple[Kind, ...] = ("whiteboard", "database", "embed")
V2 = "openapi/cloud-v2.pygmalion.json"
V1 = "openapi/cloud-v1.sschatter-2021-11-23.json"

# The last part of the place, and what was seen there in answers recorded in April 2026 unless said otherwise.
DEVIATIONS = {
    "edituiv2: not declared": "links of pages and blog posts have it",
    "ncsStepVersion: not declared": "null in the version of every page",
    "currentActiveAlias: not declared": "spaces have it",
    "spaceId: not declared": "folders and the like; newer than the document of January 2025",
    "spaceOwnerId: not declared": "spaces have it",
    'type: enum "access-class"': "a principal of a permission; read in connectors that run against live sites",
    "parentId: type null": "a homepage has no parent",
    "parentType: type null": "a homepage has no parent",
    "parentType: enum null": "a homepage has no parent",
    "homepageId: type null": "a space without a homepage; not recorded, the document has no other way to say it",
    "icon: type null": "without include-icon",
    "description: type null": "without description-format",
    "mediaTypeDescription: type null": "attachments",
    "count: not declared": "likes.meta",
    "page: not declared": "included versions hold title, id and body",
    "blogpost: not declared": "as included versions of pages",
    "alias: not declared": "v1 spaces; newer than the document of 2021",
    "accountStatus: not declared": "accounts of a bulk lookup, as those of a version",
    "isGuest: not declared": "likewise",
    "locale: not declared": "likewise",
    "roles: not declared": "v1 spaces; newer than the document of 2021",
    "schedulePublishInfo: not declared": "v1 content; newer than the document of 2021",
}
# The document describes the operations of byOperation as one member named "operationType"; real answers are keyed by
# operation, with the links of a top-level object (elastic/connectors-ruby, recorded 2022).
BY_OPERATION = {
    f"{name}: not declared" for name in ("base", "context", "self", "_expandable", "operation", "restrictions")
}

V2_ENDPOINTS: tuple[tuple[str, dict[str, str]], ...] = (
    ("/pages", {"body-format": "storage"}),
    ("/pages", {"body-format": "atlas_doc_format", "limit": "1"}),
    (
        "/pages/{page}",
        {
            "body-format": "view",
            "include-labels": "true",
            "include-properties": "true",
            "include-operations": "true",
            "include-likes": "true",
            "include-versions": "true",
            "include-favorited-by-current-user-status": "true",
        },
    ),
    ("/blogposts", {"body-format": "storage"}),
    ("/blogposts/{blogpost}", {"include-versions": "true", "include-labels": "true"}),
    ("/spaces", {"description-format": "plain"}),
    ("/spaces", {"limit": "1"}),
    ("/spaces/{space}", {}),
    ("/spaces/{space}/pages", {}),
    ("/spaces/{space}/blogposts", {}),
    ("/spaces/{space}/labels", {}),
    ("/spaces/{space}/content/labels", {}),
    ("/labels/{label}/pages", {"sort": "id"}),
    ("/labels/{label}/blogposts", {"sort": "id"}),
    ("/spaces/{space}/permissions", {}),
    ("/pages/{page}/labels", {}),
    ("/pages/{page}/versions", {"body-format": "storage"}),
    ("/pages/{page}/versions/1", {}),
    ("/pages/{page}/ancestors", {}),
    ("/pages/{page}/children", {}),
    ("/pages/{page}/attachments", {}),
    ("/pages/{page}/footer-comments", {"body-format": "storage"}),
    ("/pages/{page}/inline-comments", {}),
    ("/blogposts/{blogpost}/labels", {}),
    ("/blogposts/{blogpost}/versions", {}),
    ("/blogposts/{blogpost}/versions/1", {}),
    ("/blogposts/{blogpost}/attachments", {}),
    ("/blogposts/{blogpost}/footer-comments", {}),
    ("/blogposts/{blogpost}/inline-comments", {}),
    ("/folders/{folder}", {}),
    ("/folders/{folder}/ancestors", {}),
    ("/whiteboards/{whiteboard}", {}),
    ("/whiteboards/{whiteboard}/ancestors", {}),
    ("/databases/{database}", {}),
    ("/databases/{database}/ancestors", {}),
    ("/embeds/{embed}", {}),
    ("/embeds/{embed}/ancestors", {}),
    ("/labels", {}),
    ("/labels", {"prefix": "global"}),
    ("/space-roles", {}),
    ("/spaces/{space}/role-assignments", {}),
    ("/attachments", {}),
    ("/attachments/{attachment}", {}),
    ("/footer-comments", {"body-format": "storage"}),
    ("/inline-comments", {}),
    ("/footer-comments/{footer}", {}),
    ("/inline-comments/{inline}", {}),
    ("/footer-comments/{footer}/children", {}),
    ("/inline-comments/{inline}/children", {}),
)
EXPAND = (
    "body.storage,version,space,ancestors,history.lastUpdated,metadata.labels,"
    "restrictions.read.restrictions.user,children.attachment"
)
V1_ENDPOINTS: tuple[tuple[str, dict[str, str]], ...] = (
    ("/search", {"cql": "type = page"}),
    ("/search", {"cql": "type = space"}),
    ("/content/search", {"cql": "type = page", "expand": EXPAND}),
    ("/content/{page}/restriction", {}),
    ("/content/{page}/restriction/byOperation", {}),
    ("/content/{page}/restriction/byOperation/{operation}", {"start": "1", "limit": "1"}),
    ("/user/current", {}),
    ("/user", {"accountId": "{account}"}),
    ("/user/bulk", {"accountId": "{account}"}),
    ("/user/memberof", {"accountId": "{account}"}),
    ("/group", {"accessType": "user"}),
    ("/group/by-id", {"id": "{group}"}),
    ("/group/by-name", {"name": "confluence-users"}),
    ("/group/{group}/membersByGroupId", {}),
    ("/audit", {}),
    ("/content", {"expand": EXPAND}),
    ("/content/{page}", {"expand": EXPAND}),
    ("/content/{page}/history", {"expand": "lastUpdated"}),
    ("/content/{page}/version", {}),
    ("/content/{page}/label", {}),
    ("/content/{page}/child/attachment", {"expand": "version,container"}),
    ("/content/{page}/child/comment", {"expand": "body.view"}),
    ("/space", {"expand": "description.plain"}),
    ("/space/{key}", {"expand": "permissions"}),
)
# What the documents call the path parameters.
NAMES = {
    "/pages/{page}/versions/1": "/pages/{page-id}/versions/{version-number}",
    "/blogposts/{blogpost}/versions/1": "/blogposts/{blogpost-id}/versions/{version-number}",
    "/footer-comments/{footer}": "/footer-comments/{comment-id}",
    "/inline-comments/{inline}": "/inline-comments/{comment-id}",
    "/content/{page}/restriction/byOperation/{operation}": "/content/{id}/restriction/byOperation/{operationKey}",
    "/space/{key}": "/space/{spaceKey}",
    "/group/{group}/membersByGroupId": "/group/{groupId}/membersByGroupId",
}
# In the API since 2025, after the copy of the document; bytes; and lists of the same rows as a checked one.
NOT_DOCUMENTED = {
    "/api/v2/space-role-mode",
    "/rest/api/content/{}/permission/check",  # a POST, checked by itself
    "/api/v2/users-bulk",  # likewise
    "/api/v2/pages/{}/direct-children",
    "/api/v2/pages/{}/descendants",
    *(
        f"/api/v2/{collection}/{{}}/{list_name}"
        for collection in ("folders", "whiteboards", "databases", "embeds")
        for list_name in ("direct-children", "descendants")
    ),
    "/download/attachments/{}/{}",
    "/rest/api/content/{}/child/attachment/{}/download",  # a redirect
    "/rest/api/content/{}/child/{}",
    "/rest/api/content/{}/descendant/page",
    "/rest/api/space/{}/content",
    "/rest/api/space/{}/content/{}",
}


@pytest.fixture(scope="module")
def world() -> World:
    world = furnished_world()
    for kind in NODE_KINDS:
        world.create_page(space_key="HR", title=f"A {kind}", parent_id=titled(world, "Leave").id, kind=kind)
    world.assign_role("HR", "Viewer", everyone="authenticated-users")
    return world


@pytest.fixture(scope="module")
def site(world: World) -> Iterator[Client]:
    """Before the removal of v1, so that every endpoint still answers."""
    with Simulator(world, removed_v1=False) as simulator:
        yield client(simulator)


def ids(world: World) -> dict[str, str]:
    leave = titled(world, "Leave")
    comments = world.comments(leave.id)
    return {
        "page": leave.id,
        "blogpost": titled(world, "New benefits").id,
        "folder": titled(world, "Forms").id,
        **{kind: world.pages(kind=kind)[0].id for kind in NODE_KINDS},
        "space": world.space("HR").id,
        "key": "HR",
        "label": leave.labels[0].id,
        "operation": "read",
        "group": world.everybody.id,
        "account": world.bot.account_id,
        "attachment": world.attachments(leave.id)[0].id,
        "footer": next(comment.id for comment in comments if comment.location == "footer"),
        "inline": next(comment.id for comment in comments if comment.location == "inline"),
    }


def filled(query: dict[str, str], world: World) -> dict[str, str]:
    """Return the query with ids in place of their names."""
    return {name: value.format(**ids(world)) for name, value in query.items()}


def documented(endpoint: str) -> str:
    """Return the path as the document writes it: its parameter is `{id}` unless named above."""
    named = NAMES.get(endpoint)
    return named or "/".join("{id}" if part.startswith("{") else part for part in endpoint.split("/"))


def last_part(line: str) -> str:
    place, _, problem = line.partition(": ")
    return f"{place.rpartition('.')[2]}: {problem}"


@pytest.mark.parametrize(("endpoint", "query"), V2_ENDPOINTS)
def test_v2_answer_is_as_declared(site: Client, world: World, endpoint: str, query: dict[str, str]) -> None:
    """Each v2 answer holds what its schema declares and nothing else, but for the deviations named above."""
    document = site.get("/api/v2" + endpoint.format(**ids(world)), **query)

    found = {last_part(line) for line in deviations(document, fixture(V2), documented(endpoint))}

    assert found <= set(DEVIATIONS)


@pytest.mark.parametrize(("endpoint", "query"), V1_ENDPOINTS)
def test_v1_answer_is_as_declared(site: Client, world: World, endpoint: str, query: dict[str, str]) -> None:
    """Each v1 answer holds what its schema declares and nothing else, but for the deviations named above."""
    document = site.get("/rest/api" + endpoint.format(**ids(world)), **filled(query, world))

    found = {last_part(line) for line in deviations(document, fixture(V1), "/wiki/rest/api" + documented(endpoint))}

    assert found <= set(DEVIATIONS) | (BY_OPERATION if "byOperation" in endpoint else set())


def test_questions_that_are_posted_are_answered_as_declared(site: Client, world: World) -> None:
    """Whether somebody may read a page, in v1; accounts by their ids, in v2."""
    found: set[str] = set()
    page = titled(world, "Leave").id
    for subject in ({"type": "user", "identifier": "anonymous"}, {"type": "group", "identifier": world.everybody.id}):
        asked = site.send(f"/rest/api/content/{page}/permission/check", {"subject": subject, "operation": "read"})
        path = "/wiki/rest/api/content/{id}/permission/check"
        found |= deviations(asked.json(), fixture(V1), path, method="post")
    asked = site.send("/api/v2/users-bulk", {"accountIds": [world.bot.account_id, world.author.account_id]})
    found |= deviations(asked.json(), fixture(V2), "/users-bulk", method="post")

    assert {last_part(line) for line in found} <= {"timeZone: type null", "personalSpaceId: type null"}


def test_each_deviation_is_met(site: Client, world: World) -> None:
    """The list of deviations holds none that no answer shows any more."""
    found: set[str] = set()
    for endpoint, query in V2_ENDPOINTS:
        document = site.get("/api/v2" + endpoint.format(**ids(world)), **query)
        found |= {last_part(line) for line in deviations(document, fixture(V2), documented(endpoint))}
    for endpoint, query in V1_ENDPOINTS:
        document = site.get("/rest/api" + endpoint.format(**ids(world)), **filled(query, world))
        path = "/wiki/rest/api" + documented(endpoint)
        found |= {last_part(line) for line in deviations(document, fixture(V1), path)}

    assert set(DEVIATIONS) - found == set()


def test_the_check_sees_a_wrong_answer(site: Client) -> None:
    """A number in place of an id, a missing status value and an invented member are all reported."""
    document = site.get("/api/v2/pages", limit=1)
    document["results"][0] |= {"id": 1, "status": "sealed", "surprise": True}

    found = {last_part(line) for line in deviations(document, fixture(V2), "/pages")}

    assert found >= {"id: type 1", 'status: enum "sealed"', "surprise: not declared"}


def without_parameters(path: str) -> str:
    return "/".join("{}" if part.startswith("{") or part == "1" else part for part in path.split("/"))


def test_every_cloud_route_is_checked() -> None:
    """No route of the Cloud simulator escapes the check, but those that the documents are too old for."""
    checked = {without_parameters(f"/api/v2{endpoint}") for endpoint, _ in V2_ENDPOINTS}
    checked |= {without_parameters(f"/rest/api{endpoint}") for endpoint, _ in V1_ENDPOINTS}
    routes = {without_parameters(route.pattern) for route in cloud.ROUTES}

    assert routes - checked == NOT_DOCUMENTED

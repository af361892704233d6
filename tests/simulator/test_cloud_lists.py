"""Lists of Cloud's v2: who is in them, how they page, what they refuse."""

from datetime import timedelta
from urllib.parse import unquote

import pytest
import requests

from hr_sync.simulator import Simulator, generated_world
from tests.simulator.sites import USERNAME, Client, client, furnished_world, titled


def titles(rows: list[dict[str, str]]) -> list[str]:
    return [row["title"] for row in rows]


def test_default_list_holds_current_and_archived_pages(cloud: Simulator) -> None:
    """Of all spaces, archived ones too, in order of id; trash and other kinds are left out."""
    world = cloud.world
    world.archive_page(titled(world, "Claim form").id)
    world.trash_page(titled(world, "Notes").id)

    rows = client(cloud).get("/api/v2/pages")["results"]

    assert titles(rows) == ["Home", "Leave", "Annual leave", "Claim form", "Rules of 2019"]
    assert [row["status"] for row in rows] == ["current", "current", "current", "archived", "current"]
    assert rows[0]["body"] == {}


def test_filters_of_the_page_list(cloud: Simulator) -> None:
    """id, space-id, status and title, repeated or joined by commas, narrow the list."""
    site, world = client(cloud), cloud.world
    home, leave, notes = (titled(world, title).id for title in ("Home", "Leave", "Notes"))
    world.trash_page(notes)
    spaces = [world.space(key).id for key in ("OLD", "~ann")]

    assert titles(site.get("/api/v2/pages", id=[leave, home, "1"])["results"]) == ["Home", "Leave"]
    assert titles(site.get("/api/v2/pages", id=f"{home},{leave}")["results"]) == ["Home", "Leave"]
    assert titles(site.get("/api/v2/pages", **{"space-id": spaces})["results"]) == ["Rules of 2019"]
    assert titles(site.get("/api/v2/pages", status="trashed")["results"]) == ["Notes"]
    assert titles(site.get("/api/v2/pages", status=["trashed", "current"], title="Notes")["results"]) == ["Notes"]
    assert titles(site.get(f"/api/v2/spaces/{spaces[0]}/pages")["results"]) == ["Rules of 2019"]
    roots = site.get(f"/api/v2/spaces/{world.space('HR').id}/pages", depth="root")["results"]
    assert titles(roots) == ["Home", "Leave"]


@pytest.mark.parametrize(
    ("sort", "first", "last"),
    [
        ("id", "Home", "Notes"),
        ("-id", "Notes", "Home"),
        ("title", "Annual leave", "Rules of 2019"),
        ("-title", "Rules of 2019", "Annual leave"),
        ("modified-date", "Home", "Notes"),
        ("-created-date", "Notes", "Home"),
    ],
)
@pytest.mark.parametrize("limit", [1, 2, 250])
def test_sorted_walk_is_complete(cloud: Simulator, sort: str, first: str, last: str, limit: int) -> None:
    """Every order lists each page once, whatever the width of its pages."""
    rows = client(cloud).walk("/api/v2/pages", sort=sort, limit=limit)

    assert (rows[0]["title"], rows[-1]["title"]) == (first, last)
    assert len(titles(rows)) == len(set(titles(rows))) == 6


def test_ids_are_ordered_as_numbers() -> None:
    """99999 comes before 100000."""
    world = generated_world(pages=200)
    with Simulator(world) as simulator:
        rows = client(simulator).walk("/api/v2/pages", limit=50)

    assert [row["id"] for row in rows] == [page.id for page in world.pages()]


def test_next_is_a_path_of_the_host_in_body_and_header(cloud: Simulator) -> None:
    """With the context path, with every parameter of the query, and in the Link header beside the base."""
    answer = client(cloud).ask("/api/v2/pages", status=["current", "archived"], limit=2, sort="id")
    links = answer.json()["_links"]

    assert links["next"].startswith("/wiki/api/v2/pages?cursor=")
    assert links["next"].endswith("&status=current&status=archived&sort=id&limit=2")
    assert answer.headers["Link"] == f'<{links["next"]}>; rel="next", <{cloud.site_url}>; rel="base"'
    assert answer.headers["Content-Type"] == "application/json"
    assert links["base"] == cloud.site_url


def test_last_page_has_no_next(cloud: Simulator) -> None:
    """Neither in the body nor in the header, also when the rows end exactly at the limit."""
    answer = client(cloud).ask("/api/v2/pages", limit=6)

    assert len(answer.json()["results"]) == 6
    assert "next" not in answer.json()["_links"]
    assert answer.headers["Link"] == f'<{cloud.site_url}>; rel="base"'


@pytest.mark.parametrize(
    "change",
    [
        ("limit=2", "limit=3"),
        ("status=current", "status=archived"),
        ("&status=current", ""),
        ("sort=id", "sort=-id"),
        ("cursor=", "cursor=A"),
        ("/pages?", "/blogposts?"),
        ("limit=2", "limit=2&body-format=storage"),
    ],
)
def test_changed_query_spoils_its_cursor(cloud: Simulator, change: tuple[str, str]) -> None:
    """A cursor belongs to its whole query: another limit, filter, order, path or cursor is refused with 400."""
    site = client(cloud)
    following = site.get("/api/v2/pages", limit=2, status="current", sort="id")["_links"]["next"]

    assert site.session.get(cloud.origin + following, timeout=5).status_code == 200
    refused = site.session.get(cloud.origin + following.replace(*change), timeout=5)
    assert refused.status_code == 400
    assert refused.json()["errors"][0]["code"] == "INVALID_REQUEST_PARAMETER"


def test_cursor_stands_reordering_and_default_limit(cloud: Simulator) -> None:
    """The order of parameters means nothing, and a default that is written out is still the default."""
    site = client(cloud)
    world = cloud.world
    for number in range(40):
        world.create_page(space_key="HR", title=f"More {number}")
    document = site.get("/api/v2/pages", sort="id")
    cursor = unquote(document["_links"]["next"].split("cursor=")[1].split("&")[0])

    assert len(document["results"]) == 25
    assert len(site.get("/api/v2/pages", sort="id", cursor=cursor)["results"]) == 21
    assert len(site.get("/api/v2/pages", limit=25, cursor=cursor, sort="id")["results"]) == 21


def test_walk_by_id_neither_skips_nor_repeats_while_the_world_moves(cloud: Simulator) -> None:
    """Edits, new pages and trashing behind the cursor leave a keyset walk by id whole."""
    site, world = client(cloud), cloud.world
    first = site.get("/api/v2/pages", limit=3, sort="id")
    world.edit_page(titled(world, "Home").id, storage="<p>Edited</p>")
    world.trash_page(titled(world, "Leave").id)
    world.create_page(space_key="HR", title="Late")

    rest = site.walk(first["_links"]["next"].removeprefix("/wiki"))

    assert titles(first["results"]) + titles(rest) == [
        "Home",
        "Leave",
        "Annual leave",
        "Claim form",
        "Rules of 2019",
        "Notes",
        "Late",
    ]


def test_walk_by_modified_date_loses_rows_that_move(cloud: Simulator) -> None:
    """A row that is edited before its turn jumps over the cursor of a descending walk and is missed."""
    site, world = client(cloud), cloud.world
    first = site.get("/api/v2/pages", limit=3, sort="-modified-date")
    world.edit_page(titled(world, "Home").id, storage="<p>Edited</p>")

    rest = site.session.get(cloud.origin + first["_links"]["next"], timeout=5).json()["results"]

    assert "Home" not in titles(first["results"]) + titles(rest)


def test_hidden_pages_are_not_listed_and_not_found(cloud: Simulator) -> None:
    """A restricted page and all below it look exactly as if they did not exist."""
    site, world = client(cloud), cloud.world
    leave = titled(world, "Leave")
    world.hide_page(leave.id)

    assert titles(site.get("/api/v2/pages")["results"]) == ["Home", "Rules of 2019", "Notes"]
    hidden, absent = site.ask(f"/api/v2/pages/{leave.id}"), site.ask("/api/v2/pages/1")
    assert hidden.status_code == absent.status_code == 404
    assert hidden.text.replace(leave.id, "1") == absent.text


def test_single_read_shows_trash_and_archive(cloud: Simulator) -> None:
    """200 with its status for trashed and archived pages, 404 for purged ones."""
    site, world = client(cloud), cloud.world
    ids = {title: titled(world, title).id for title in ("Home", "Leave", "Notes")}
    world.trash_page(ids["Home"])
    world.archive_page(ids["Leave"])
    world.purge_page(ids["Notes"])

    assert site.get(f"/api/v2/pages/{ids['Home']}")["status"] == "trashed"
    assert site.get(f"/api/v2/pages/{ids['Leave']}")["status"] == "archived"
    assert site.ask(f"/api/v2/pages/{ids['Notes']}").status_code == 404


def test_bodies_come_when_asked_for(cloud: Simulator) -> None:
    """Storage and atlas_doc_format in lists, rendered ones in single reads alone."""
    site = client(cloud)
    leave = titled(cloud.world, "Leave")
    listed = site.get("/api/v2/pages", id=leave.id, **{"body-format": "storage"})["results"][0]

    assert listed["body"]["storage"] == {"representation": "storage", "value": leave.storage}
    adf = site.get("/api/v2/pages", id=leave.id, **{"body-format": "atlas_doc_format"})["results"][0]
    assert adf["body"]["atlas_doc_format"]["value"].startswith('{"type":"doc"')
    assert site.ask("/api/v2/pages", **{"body-format": "view"}).status_code == 400
    assert site.ask("/api/v2/pages", **{"body-format": "none"}).status_code == 400
    assert "view" in site.get(f"/api/v2/pages/{leave.id}", **{"body-format": "view"})["body"]


def test_old_versions_can_be_read(cloud: Simulator) -> None:
    """The list of versions is newest first, and a page can be asked for as it was."""
    site = client(cloud)
    annual = titled(cloud.world, "Annual leave")

    rows = site.get(f"/api/v2/pages/{annual.id}/versions", **{"body-format": "storage"})["results"]
    old = site.get(f"/api/v2/pages/{annual.id}", version=1, **{"body-format": "storage"})

    assert [row["number"] for row in rows] == [2, 1]
    assert rows[0]["message"] == "One more"
    assert old["body"]["storage"]["value"] == rows[1]["page"]["body"]["storage"]["value"] == "<p>30 days</p>"
    assert site.ask(f"/api/v2/pages/{annual.id}", version=9).status_code == 404


@pytest.mark.parametrize(
    "query",
    [
        {"limit": 0},
        {"limit": 251},
        {"limit": "many"},
        {"sort": "version"},
        {"status": "sealed"},
        {"id": "abc"},
        {"id": [str(number) for number in range(251)]},
        {"space-id": [str(number) for number in range(101)]},
        {"cursor": "e30"},
        {"cursor": "%%%"},
    ],
)
def test_wrong_parameters_are_refused(cloud: Simulator, query: dict[str, object]) -> None:
    """400 with v2's error object, which has no `message`."""
    answer = client(cloud).ask("/api/v2/pages", **query)

    assert answer.status_code == 400
    assert list(answer.json()) == ["errors"]


def test_lists_may_lag_while_single_reads_do_not() -> None:
    """With list_lag a list shows the world of a while ago, a single read the present."""
    world = furnished_world()
    with Simulator(world, list_lag=timedelta(minutes=10)) as simulator:
        site = client(simulator)
        world.advance(timedelta(minutes=30))
        page = world.create_page(space_key="HR", title="Fresh")

        assert "Fresh" not in titles(site.get("/api/v2/pages")["results"])
        assert site.get(f"/api/v2/pages/{page.id}")["title"] == "Fresh"
        world.advance(timedelta(minutes=10))
        assert "Fresh" in titles(site.get("/api/v2/pages")["results"])


def test_tree_of_pages_and_folders(cloud: Simulator) -> None:
    """A page's parent may be a folder; ancestors are root first; descendants end at the depth without a word."""
    site, world = client(cloud), cloud.world
    home, leave, folder, claim = (titled(world, title) for title in ("Home", "Leave", "Forms", "Claim form"))
    page = site.get(f"/api/v2/pages/{claim.id}")

    assert (page["parentType"], page["parentId"]) == ("folder", folder.id)
    assert site.get(f"/api/v2/pages/{claim.id}/ancestors")["results"] == [
        {"id": home.id, "type": "page"},
        {"id": leave.id, "type": "page"},
        {"id": folder.id, "type": "folder"},
    ]
    assert titles(site.get(f"/api/v2/pages/{leave.id}/direct-children")["results"]) == ["Annual leave", "Forms"]
    assert titles(site.get(f"/api/v2/folders/{folder.id}/direct-children")["results"]) == ["Claim form"]
    assert titles(site.get(f"/api/v2/pages/{home.id}/descendants")["results"]) == ["Leave", "Annual leave", "Forms"]
    assert len(site.get(f"/api/v2/pages/{home.id}/descendants", depth=3)["results"]) == 4
    assert titles(site.get(f"/api/v2/folders/{folder.id}/descendants")["results"]) == ["Claim form"]


def test_comments_and_attachments(cloud: Simulator) -> None:
    """Footer and inline comments are separate lists, replies are under their comment, bytes come by downloadLink."""
    site = client(cloud)
    leave = titled(cloud.world, "Leave")
    footer = site.get(f"/api/v2/pages/{leave.id}/footer-comments", **{"body-format": "storage"})["results"]
    inline = site.get(f"/api/v2/pages/{leave.id}/inline-comments")["results"]
    attachment = site.get(f"/api/v2/pages/{leave.id}/attachments")["results"][0]
    replies = site.get(f"/api/v2/footer-comments/{footer[0]['id']}/children", **{"body-format": "storage"})["results"]

    assert [row["body"]["storage"]["value"] for row in footer] == ["<p>Clear.</p>"]
    assert [row["body"]["storage"]["value"] for row in replies] == ["<p>Thanks!</p>"]
    assert inline[0]["properties"]["inlineOriginalSelection"] == "Leave rules"
    assert site.ask(attachment["downloadLink"]).content == b"%PDF-1.7"


def test_space_filters(cloud: Simulator) -> None:
    """ids, keys, type, status and labels; personal keys begin with a tilde."""
    site = client(cloud)

    def keys(**query: object) -> list[str]:
        return [row["key"] for row in site.get("/api/v2/spaces", **query)["results"]]

    assert keys() == ["HR", "OLD", "~ann"]
    assert keys(status="archived") == ["OLD"]
    assert keys(type="personal") == ["~ann"]
    assert keys(keys="HR,~ann") == ["HR", "~ann"]
    assert keys(ids=cloud.world.space("OLD").id) == ["OLD"]
    assert keys(labels="handbook") == ["HR"]
    assert keys(sort="-key") == ["~ann", "OLD", "HR"]
    assert [row["key"] for row in site.walk("/api/v2/spaces", limit=1)] == ["HR", "OLD", "~ann"]


class TestCredentials:
    """What happens to those who are not let in."""

    def test_wrong_token_is_refused(self, cloud: Simulator) -> None:
        """401 by v2, 403 by v1."""
        site = client(cloud, token="wrong")

        assert site.ask("/api/v2/pages").status_code == 401
        assert site.ask("/rest/api/user/current").status_code == 403

    def test_wrong_token_may_be_anonymous(self) -> None:
        """200 with what the public sees, and a current user that is anonymous."""
        world = furnished_world()
        world.permit_space("OLD", everyone="ANONYMOUS_USERS")
        with Simulator(world, bad_credentials="anonymous") as simulator:
            site = client(simulator, token="wrong")

            assert titles(site.get("/api/v2/pages")["results"]) == ["Rules of 2019"]
            assert site.get("/rest/api/user/current")["type"] == "anonymous"

    def test_bearer_token_and_gateway(self, cloud: Simulator) -> None:
        """The gateway takes the same credentials and gives the site's own links."""
        answer = requests.get(
            f"{cloud.gateway_url}/api/v2/pages?limit=1",
            headers={"Authorization": "Bearer simulated-token"},
            timeout=5,
        )

        assert answer.json()["_links"]["next"].startswith("/wiki/api/v2/pages?")
        following = cloud.origin + cloud.tenant.gateway_prefix + answer.json()["_links"]["next"]
        assert Client("").session.get(following, timeout=5).status_code == 200

    def test_scoped_token_works_through_the_gateway_alone(self) -> None:
        """The site's own address says 401."""
        with Simulator(furnished_world(), scoped_token=True) as simulator:
            assert client(simulator).ask("/api/v2/pages").status_code == 401
            assert Client(simulator.gateway_url).ask("/api/v2/pages").status_code == 200

    def test_unknown_cloud_id_and_tenant_info(self, cloud: Simulator) -> None:
        """404 JSON of the gateway for another cloud id; the right one can be asked for without credentials."""
        wrong = Client(f"{cloud.origin}/ex/confluence/00000000-0000-0000-0000-000000000000/wiki")
        answer = wrong.ask("/api/v2/pages")
        info = requests.get(f"{cloud.origin}/_edge/tenant_info", timeout=5).json()

        assert (answer.status_code, answer.headers["X-Failure-Category"]) == (404, "FAILURE_CLIENT_TCS")
        assert answer.json()["message"] == "No message available"
        assert info == {"cloudId": cloud.tenant.cloud_id}

    def test_current_user_is_the_bot(self, cloud: Simulator) -> None:
        """Known, with the account id that restrictions name."""
        user = client(cloud).get("/rest/api/user/current")

        assert (user["type"], user["accountId"]) == ("known", cloud.world.bot.account_id)
        assert user["email"] == USERNAME

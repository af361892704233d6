"""Data Center: offsets and scans, statuses, users, dates, login, webhooks."""

from typing import Any

import pytest
from confluence_simulator import Simulator

from tests.simulator.sites import Client, client, furnished_world, titled


def titles(rows: list[dict[str, str]]) -> list[str]:
    return [row["title"] for row in rows]


def follow(site: Client, document: dict[str, Any]) -> list[dict[str, Any]]:
    """Follow `next`: Data Center's links lack the context path, so they are joined to `base`."""
    rows = list(document["results"])
    while "next" in document["_links"]:
        address = document["_links"]["base"] + document["_links"]["next"]
        document = site.session.get(address, timeout=5).json()
        rows += document["results"]
    return rows


@pytest.mark.parametrize("context", ["", "/confluence", "/a/b"])
@pytest.mark.parametrize("path", ["/rest/api/content", "/rest/api/content/scan"])
@pytest.mark.parametrize("limit", [1, 2, 100])
def test_walk_under_any_context(context: str, path: str, limit: int) -> None:
    """Lists and scans are complete, and their links lack the context path."""
    with Simulator(furnished_world(), flavor="datacenter", context_path=context) as simulator:
        site = client(simulator)
        document = site.get(path, limit=limit)
        rows = follow(site, document)

    assert titles(rows) == ["Home", "Leave", "Annual leave", "Claim form", "Rules of 2019", "Notes"]
    assert document["_links"]["context"] == context
    assert document["_links"].get("next", "/rest/api").startswith("/rest/api")


def test_scan_has_cursors_both_ways(datacenter: Simulator) -> None:
    """No `start`, no cursor past the end, and `prev` leads back."""
    site = client(datacenter)
    first = site.get("/rest/api/content/scan", limit=2, spaceKey="HR")
    second = site.session.get(datacenter.site_url + first["_links"]["next"], timeout=5).json()
    back = site.session.get(datacenter.site_url + second["_links"]["prev"], timeout=5).json()

    assert "start" not in first
    assert first["cursor"] == "content:false:null"
    assert first["nextCursor"] == f"content:false:{first['results'][-1]['id']}"
    assert "nextCursor" not in second
    assert titles(back["results"]) == titles(first["results"]) == ["Home", "Leave"]
    assert "prev" not in back["_links"]


def test_scan_exists_from_7_18_and_takes_no_start(datacenter: Simulator) -> None:
    """404 on older versions, 400 for parameters that it does not know."""
    with Simulator(furnished_world(), flavor="datacenter", version="7.17.4") as older:
        assert client(older).ask("/rest/api/content/scan").status_code == 404
    site = client(datacenter)
    for wrong in ({"start": 5}, {"title": "Home"}, {"postingDay": "2026-01-01"}, {"cursor": "1"}):
        assert site.ask("/rest/api/content/scan", **wrong).status_code == 400


def test_hidden_rows_make_pages_short(datacenter: Simulator) -> None:
    """Offsets count what the caller may not see: a page can be short, or empty, and still have a next."""
    site, world = client(datacenter), datacenter.world
    world.hide_page(titled(world, "Leave").id)

    first = site.get("/rest/api/content", limit=2)
    second = site.session.get(datacenter.site_url + first["_links"]["next"], timeout=5).json()

    assert (titles(first["results"]), first["size"]) == (["Home"], 1)
    assert (titles(second["results"]), "next" in second["_links"]) == ([], True)
    assert titles(follow(site, first)) == ["Home", "Rules of 2019", "Notes"]


def test_offsets_shift_when_the_world_moves(datacenter: Simulator) -> None:
    """A page trashed behind the offset makes the walk skip one that was there all the time."""
    site, world = client(datacenter), datacenter.world
    first = site.get("/rest/api/content", limit=3)
    world.trash_page(titled(world, "Home").id)

    assert "Claim form" not in titles(follow(site, first))


def test_trash_is_asked_for(datacenter: Simulator) -> None:
    """404 by default, 200 with status=trashed or any; listed by status and by the space's trash."""
    site, world = client(datacenter), datacenter.world
    notes = titled(world, "Notes")
    world.trash_page(notes.id)

    assert site.ask(f"/rest/api/content/{notes.id}").json()["reason"] == "Not Found"
    for status in ("trashed", "any", "current,trashed"):
        assert site.get(f"/rest/api/content/{notes.id}", status=status)["status"] == "trashed"
    assert titles(site.get("/rest/api/content", status="trashed")["results"]) == ["Notes"]
    assert titles(site.get("/rest/api/space/~ann/content/trash")["results"]) == ["Notes"]
    assert titles(site.get("/rest/api/content", status="any", spaceKey="~ann")["results"]) == ["Notes"]


def test_content_filters(datacenter: Simulator) -> None:
    """spaceKey, title and type; unlike Cloud ids are not a parameter of single pages alone."""
    site = client(datacenter)

    assert titles(site.get("/rest/api/content", spaceKey="HR", title="Leave")["results"]) == ["Leave"]
    assert titles(site.get("/rest/api/content", type="blogpost")["results"]) == ["New benefits"]
    assert titles(site.get("/rest/api/space/OLD/content/page")["results"]) == ["Rules of 2019"]
    ids = ",".join(titled(datacenter.world, title).id for title in ("Home", "Notes"))
    assert titles(site.get("/rest/api/content", ids=ids)["results"]) == ["Home", "Notes"]


def test_expansions(datacenter: Simulator) -> None:
    """Labels, ancestors, children, history and restrictions stand in the object instead of under _expandable."""
    leave = titled(datacenter.world, "Leave")
    page = client(datacenter).get(
        f"/rest/api/content/{leave.id}",
        expand="metadata.labels,ancestors,children.page,history.lastUpdated,space,container,restrictions.read.restrictions.group",
    )

    assert titles([{"title": label["name"]} for label in page["metadata"]["labels"]["results"]]) == ["leave"]
    assert titles(page["ancestors"]) == ["Home"]
    assert titles(page["children"]["page"]["results"]) == ["Annual leave"]
    assert page["history"]["lastUpdated"]["number"] == 1
    assert page["space"]["key"] == page["container"]["key"] == "HR"
    assert page["restrictions"]["read"]["restrictions"]["group"]["results"][0]["name"] == "people-operations"
    assert set(page["_expandable"]) == {"body", "version", "operations", "descendants"}


def test_newer_servers_show_relevant_restrictions(datacenter: Simulator) -> None:
    """The chain of view restrictions can be expanded; the experimental endpoint answers silently empty."""
    site, world = client(datacenter), datacenter.world
    leave, claim = titled(world, "Leave"), titled(world, "Claim form")
    page = site.get(f"/rest/api/content/{claim.id}", expand="relevantViewRestrictions")

    chain = page["relevantViewRestrictions"]["results"]
    assert [row["restrictions"]["group"]["results"][0]["name"] for row in chain] == ["people-operations"]
    assert site.get(f"/rest/experimental/content/{leave.id}/restriction")["results"] == []


def test_users_have_names_and_keys(datacenter: Simulator) -> None:
    """Username and userKey, no account id; versions know `hidden`."""
    site = client(datacenter)
    page = site.get(f"/rest/api/content/{titled(datacenter.world, 'Home').id}", expand="version")

    assert (page["version"]["by"]["username"], page["version"]["hidden"]) == ("ann.lee", False)
    assert "accountId" not in page["version"]["by"]
    assert site.get("/rest/api/user/current")["username"] == "hr-bot"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/rest/api/content/{id}/label", ["leave"]),
        ("/rest/api/content/{id}/child/page", ["Annual leave"]),
        ("/rest/api/content/{id}/child/attachment", ["leave plan.pdf"]),
        ("/rest/api/content/{id}/child/comment", ["Re: Leave", "Re: Leave", "Re: Leave"]),
        ("/rest/api/content/{id}/descendant/page", ["Annual leave", "Claim form"]),
    ],
)
def test_parts_of_a_page(datacenter: Simulator, path: str, expected: list[str]) -> None:
    """Labels, children, attachments, comments and descendants are lists with offsets."""
    leave = titled(datacenter.world, "Leave")
    rows = client(datacenter).get(path.format(id=leave.id))["results"]

    assert [row.get("title", row.get("name")) for row in rows] == expected


def test_history_and_versions(datacenter: Simulator) -> None:
    """Versions newest first; the history knows who began."""
    site = client(datacenter)
    annual = titled(datacenter.world, "Annual leave")

    assert [row["number"] for row in site.get(f"/rest/api/content/{annual.id}/version")["results"]] == [2, 1]
    history = site.get(f"/rest/api/content/{annual.id}/history", expand="lastUpdated,previousVersion")
    assert history["createdBy"]["username"] == "ann.lee"
    assert (history["previousVersion"]["number"], history["lastUpdated"]["number"]) == (1, 2)


def test_spaces_and_server(datacenter: Simulator) -> None:
    """Ids of spaces are numbers; keys, type and status filter; the version can be asked for."""
    site = client(datacenter)

    assert [row["key"] for row in site.get("/rest/api/space")["results"]] == ["HR", "OLD", "~ann"]
    assert [row["key"] for row in site.get("/rest/api/space", status="archived")["results"]] == ["OLD"]
    assert site.get("/rest/api/space/HR")["id"] == int(datacenter.world.space("HR").id)
    assert site.ask("/rest/api/space/NONE").status_code == 404
    assert site.get("/rest/api/server-information")["version"] == "10.2.19"


def test_searches_page_by_offset(datacenter: Simulator) -> None:
    """Both searches take `start` here."""
    site = client(datacenter)
    for path in ("/rest/api/search", "/rest/api/content/search"):
        document = site.get(path, cql="type = page and space = HR order by title", limit=1)

        assert titles(follow(site, document)) == ["Annual leave", "Claim form", "Home", "Leave"]
        assert titles(site.get(path, cql="type = page order by title", start=4)["results"]) == ["Notes"]


def test_no_v2_on_datacenter(datacenter: Simulator) -> None:
    """HTML with 404, as for any unknown path."""
    answer = client(datacenter).ask("/api/v2/pages")

    assert answer.status_code == 404
    assert answer.headers["Content-Type"].startswith("text/html")


class TestLogin:
    """Those who are not logged in."""

    def test_wrong_password(self, datacenter: Simulator) -> None:
        """401 with Seraph's reason."""
        answer = client(datacenter, token="wrong").ask("/rest/api/content")

        assert (answer.status_code, answer.headers["X-Seraph-LoginReason"]) == (401, "AUTHENTICATED_FAILED")

    def test_login_redirect_ends_in_html_with_200(self) -> None:
        """302 to the login page, which a client that follows redirects takes for an answer."""
        with Simulator(
            furnished_world(), flavor="datacenter", context_path="/confluence", bad_credentials="login"
        ) as simulator:
            site = client(simulator, token="wrong")
            redirect = site.ask("/rest/api/content")
            followed = site.session.get(simulator.site_url + "/rest/api/content", timeout=5)

        assert redirect.status_code == 302
        assert redirect.headers["Location"].startswith("/confluence/login.action?os_destination=%2Fconfluence")
        assert (followed.status_code, len(followed.history)) == (200, 1)
        assert "Log In" in followed.text

    def test_personal_access_token(self, datacenter: Simulator) -> None:
        """As bearer."""
        site = client(datacenter)
        site.session.auth = None
        site.session.headers["Authorization"] = "Bearer simulated-token"

        assert site.get("/rest/api/user/current")["type"] == "known"

"""Effects of faults that take more than one look."""

import http.client
import time
import zlib
from datetime import timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import pytest
from confluence_simulator import Fault, Simulator
from confluence_simulator.call import anonymous_sees

from tests.simulator.fault_probes import (
    PATH,
    ask,
    declared_length,
    parts,
    raw,
    rows,
)
from tests.simulator.sites import Client, titled


def check_empty_page(simulator: Simulator, site: Client) -> None:
    document = ask(site).json()
    assert document["results"] == []
    rest = site.session.get(simulator.origin + document["_links"]["next"], timeout=5).json()
    assert [page["title"] for page in rest["results"]] == ["Home", "Leave"]


def check_next_in_header(_: Simulator, site: Client) -> None:
    answer = ask(site)
    assert "next" not in answer.json()["_links"]
    assert 'rel="next"' in answer.headers["Link"]


def check_spoiled_cursor(simulator: Simulator, site: Client) -> None:
    link = ask(site).json()["_links"]["next"]
    assert site.session.get(simulator.origin + link, timeout=5).status_code == 400


def check_edit(simulator: Simulator, site: Client) -> None:
    assert rows(site)[0]["version"]["number"] == 2
    assert simulator.world.pages()[0].storage == "<p>Edited meanwhile.</p>"


def check_created(_: Simulator, site: Client) -> None:
    assert rows(site, limit=250)[-1]["title"].startswith("Written meanwhile")


def check_date_shifted(simulator: Simulator, site: Client) -> None:
    ahead = parsedate_to_datetime(ask(site).headers["Date"]) - simulator.world.now
    assert timedelta(minutes=59) < ahead <= timedelta(hours=1)


def check_moved(simulator: Simulator, site: Client) -> None:
    leave = titled(simulator.world, "Leave")
    simulator.faults.clear()
    simulator.faults.add(Fault(kind="move-during-walk", argument=leave.id))
    assert rows(site)[1]["parentId"] is None


def check_anonymous(_: Simulator, site: Client) -> None:
    assert rows(site) == []
    assert len(rows(site)) == 2


def check_becomes_anonymous(simulator: Simulator, site: Client) -> None:
    half, whole = ([row["id"] for row in rows(site, limit=250)] for _ in range(2))
    assert whole == [page.id for page in simulator.world.pages()]
    assert half == [page.id for page in simulator.world.pages() if anonymous_sees(page)] != whole


def check_single_read(simulator: Simulator, site: Client) -> None:
    """Read the first page by id twice: it is absent, then there again."""
    path = f"{PATH}/{simulator.world.pages()[0].id}"
    assert [site.ask(path).status_code for _ in range(2)] == [404, 200]


def check_stale(simulator: Simulator, site: Client) -> None:
    assert rows(site, limit=250) == []  # an hour ago the world was empty
    assert len(rows(site, limit=250)) == 6
    assert simulator.world.pages()


def check_lowered(_: Simulator, site: Client) -> None:
    document = ask(site, limit=250).json()
    assert len(document["results"]) == 2
    assert "limit=2" in document["_links"]["next"]


def check_page_hidden(_: Simulator, site: Client) -> None:
    assert rows(site)[0]["title"] == "Leave"


def check_breaks_batch(simulator: Simulator, site: Client) -> None:
    simulator.faults.clear()
    simulator.faults.add(Fault(kind="page-breaks-batch", argument=simulator.world.pages()[0].id, times=0))
    assert ask(site).status_code == 500
    assert site.ask(PATH, limit=2).status_code == 200
    second = simulator.world.pages()[1].id
    assert ask(site, id=second).status_code == 200


def check_ancestors(_: Simulator, site: Client) -> None:
    expand = "ancestors.restrictions.read.restrictions.user"
    query = {"cql": "type = page", "expand": expand}
    assert site.ask("/rest/api/content/search", **query).status_code == 404
    assert site.ask("/rest/api/content/search", **query).status_code == 200


def check_permissions_cut(simulator: Simulator, site: Client) -> None:
    leave = titled(simulator.world, "Leave")
    users = [simulator.world.add_user(f"user{number}").username for number in range(120)]
    simulator.world.restrict_page(leave.id, users=users)
    path = f"/rest/api/content/{leave.id}/restriction/byOperation"
    listed = site.get(path)["read"]["restrictions"]["user"]
    assert (listed["size"], listed["limit"], len(listed["results"])) == (100, 100, 100)
    assert site.get(path)["read"]["restrictions"]["user"]["size"] == 121


def check_reset(simulator: Simulator, _: Client) -> None:
    assert raw(simulator) == b"ConnectionResetError"


def check_drip(_: Simulator, site: Client) -> None:
    began = time.monotonic()
    assert len(rows(site)) == 2
    assert 0.1 < time.monotonic() - began < 2


def check_slow(simulator: Simulator, site: Client) -> None:
    simulator.faults.clear()
    simulator.faults.add(Fault(kind="slow", argument=0.05))
    began = time.monotonic()
    assert ask(site).status_code == 200
    assert time.monotonic() - began >= 0.05


def check_bomb(simulator: Simulator, _: Client) -> None:
    simulator.faults.clear()
    simulator.faults.add(Fault(kind="gzip-bomb", argument=20_000_000))
    head, content = parts(raw(simulator))
    assert b"Content-Encoding: gzip" in head
    assert len(content) < 100_000
    assert len(zlib.decompress(content, 31)) > 20_000_000


def check_garbage(simulator: Simulator, _: Client) -> None:
    connection = http.client.HTTPConnection(urlsplit(simulator.origin).netloc, timeout=2)
    connection.request("GET", "/wiki" + PATH)
    with pytest.raises(http.client.BadStatusLine):
        connection.getresponse()
    connection.close()


def check_too_small(simulator: Simulator, _: Client) -> None:
    head, content = parts(raw(simulator))
    assert declared_length(head) * 2 in (len(content), len(content) - 1)


def check_chunked(_: Simulator, site: Client) -> None:
    answer = ask(site)
    assert answer.headers["Transfer-Encoding"] == "chunked"
    assert len(answer.json()["results"]) == 2

"""Every kind of fault does what its name says, where and as often as planned."""

import http.client
import json
import socket
import time
import zlib
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from hr_sync.simulator import Fault, Simulator
from hr_sync.simulator.faults import KINDS
from tests.simulator.sites import Client, client, furnished_world, titled

PATH = "/api/v2/pages"
Check = Callable[[Simulator, Client], None]


def ask(site: Client, **query: Any) -> requests.Response:
    return site.ask(PATH, **{"limit": 2, "body-format": "storage", **query})


def rows(site: Client, **query: Any) -> Any:
    return ask(site, **query).json()["results"]


def raw(simulator: Simulator, *, gzip: bool = False, wait_seconds: float = 2.0) -> bytes:
    """Everything that comes over one connection until it is closed or nothing more comes."""
    address = urlsplit(simulator.site_url)
    request = (
        f"GET {address.path}{PATH} HTTP/1.1\r\nHost: {address.netloc}\r\nConnection: close\r\n"
        f"Authorization: Bearer simulated-token\r\n{'Accept-Encoding: gzip' if gzip else 'X-Nothing: 1'}\r\n\r\n"
    )
    received = b""
    with socket.create_connection((str(address.hostname), int(address.port or 0)), timeout=wait_seconds) as connection:
        connection.sendall(request.encode())
        try:
            while data := connection.recv(65536):
                received += data
        except (ConnectionResetError, TimeoutError) as error:
            received += type(error).__name__.encode()
    return received


def parts(received: bytes) -> tuple[bytes, bytes]:
    head, _, body = received.partition(b"\r\n\r\n")
    return head, body


def declared_length(head: bytes) -> int:
    return int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0])


def status(expected: int, **headers: str) -> Check:
    """The status, with these headers (dashes for underscores)."""

    def check(_: Simulator, site: Client) -> None:
        answer = ask(site)
        assert answer.status_code == expected
        for name, value in headers.items():
            assert answer.headers[name.replace("_", "-")] == value

    return check


def without_retry_after(expected: int) -> Check:
    def check(_: Simulator, site: Client) -> None:
        answer = ask(site)
        assert (answer.status_code, "Retry-After" in answer.headers) == (expected, False)

    return check


def body(expected: bytes, content_type: str = "application/json") -> Check:
    """Status 200 with exactly this body."""

    def check(_: Simulator, site: Client) -> None:
        answer = ask(site)
        assert (answer.status_code, answer.content) == (200, expected)
        assert answer.headers["Content-Type"].startswith(content_type)

    return check


def holds(test: Callable[[requests.Response], bool], **query: Any) -> Check:
    def check(_: Simulator, site: Client) -> None:
        assert test(ask(site, **query))

    return check


def row(test: Callable[[dict[str, Any]], bool]) -> Check:
    """The first row is spoiled, the second is not."""

    def check(_: Simulator, site: Client) -> None:
        first, second = rows(site)
        assert test(first)
        assert not test(second)

    return check


def following(test: Callable[[Simulator, Any], bool]) -> Check:
    def check(simulator: Simulator, site: Client) -> None:
        assert test(simulator, ask(site).json()["_links"].get("next", "absent"))

    return check


def location(test: Callable[[Simulator, str], bool], expected: int = 302) -> Check:
    def check(simulator: Simulator, site: Client) -> None:
        answer = ask(site)
        assert answer.status_code == expected
        assert test(simulator, answer.headers["Location"])

    return check


def wire(test: Callable[[bytes], bool], *, gzip: bool = False, wait_seconds: float = 2.0) -> Check:
    def check(simulator: Simulator, _: Client) -> None:
        assert test(raw(simulator, gzip=gzip, wait_seconds=wait_seconds))

    return check


def cut(received: bytes) -> bool:
    head, content = parts(received)
    return 0 < len(content) < declared_length(head)


def no_json(answer: requests.Response) -> bool:
    try:
        answer.json()
    except ValueError:
        return True
    return False


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


def check_moved(simulator: Simulator, site: Client) -> None:
    leave = titled(simulator.world, "Leave")
    simulator.faults.clear()
    simulator.faults.add(Fault(kind="move-during-walk", argument=leave.id))
    assert rows(site)[1]["parentId"] is None


def check_anonymous(_: Simulator, site: Client) -> None:
    assert rows(site) == []
    assert len(rows(site)) == 2


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


def unzips(received: bytes) -> bool:
    try:
        unpacker = zlib.decompressobj(31)
        unpacker.decompress(parts(received)[1])
    except zlib.error:
        return False
    return unpacker.eof


EXPECTED: dict[str, Check] = {
    "status": status(500),
    "bad-request-400": status(400),
    "unauthorized-401": status(401),
    "unauthorized-401-scope": holds(lambda answer: "scope does not match" in answer.text and answer.status_code == 401),
    "forbidden-403": status(403),
    "captcha-403": status(403, X_Seraph_LoginReason="AUTHENTICATION_DENIED"),
    "login-401": status(401, X_Seraph_LoginReason="AUTHENTICATED_FAILED"),
    "not-found-404-v1": holds(lambda answer: answer.status_code == 404 and "NotFoundException" in answer.text),
    "not-found-404-v2": holds(lambda answer: answer.status_code == 404 and "errors" in answer.json()),
    "not-found-404-gateway": status(404, X_Failure_Category="FAILURE_CLIENT_TCS"),
    "site-gone-404": status(404, Atl_Missing_Tcs="true", Content_Type="text/html"),
    "site-gone-503": status(503, Atl_Missing_Tcs="true"),
    "conflict-409": status(409),
    "gone-410": holds(lambda answer: answer.status_code == 410 and "GoneException" in answer.text),
    "uri-too-long-414": status(414),
    "rate-limited-429": without_retry_after(429),
    "rate-limited-403": status(403, Retry_After="1"),
    "retry-after-seconds": status(429, Retry_After="1", X_RateLimit_Remaining="0"),
    "retry-after-zero": status(429, Retry_After="0"),
    "retry-after-negative": status(429, Retry_After="-5"),
    "retry-after-huge": status(429, Retry_After="86400"),
    "retry-after-text": status(429, Retry_After="soon"),
    "retry-after-fraction": status(429, Retry_After="0.5"),
    "retry-after-date": holds(lambda answer: answer.status_code == 429 and "GMT" in answer.headers["Retry-After"]),
    "retry-after-past-date": holds(lambda answer: answer.status_code == 429 and "GMT" in answer.headers["Retry-After"]),
    "error-500": holds(lambda answer: answer.status_code == 500 and "errors" in answer.json()),
    "error-500-html": status(500, Content_Type="text/html;charset=UTF-8"),
    "bad-gateway-502": status(502),
    "unavailable-503": without_retry_after(503),
    "unavailable-503-retry-after": status(503, Retry_After="1"),
    "timeout-504": status(504),
    "partial-206": status(206),
    "not-modified-304": status(304),
    "unknown-status-599": status(599),
    "html-200": holds(lambda answer: answer.status_code == 200 and answer.text.startswith("<!DOCTYPE html>")),
    "html-as-json-200": holds(
        lambda answer: answer.text.startswith("<!DOCTYPE") and answer.headers["Content-Type"] == "application/json"
    ),
    "login-page-200": holds(lambda answer: answer.status_code == 200 and "Log In" in answer.text),
    "empty-200": body(b""),
    "no-content-204": status(204),
    "whitespace-200": body(b"   \n"),
    "null-200": body(b"null"),
    "list-200": body(b"[]"),
    "string-200": body(b'"results"'),
    "number-200": body(b"0"),
    "empty-object-200": body(b"{}"),
    "error-object-200": holds(lambda answer: answer.status_code == 200 and answer.json()["statusCode"] == 500),
    "results-null": holds(lambda answer: answer.json()["results"] is None),
    "results-object": holds(lambda answer: answer.json()["results"] == {}),
    "results-text": holds(lambda answer: answer.json()["results"] == "none"),
    "rows-are-text": holds(lambda answer: answer.json()["results"] == ["1", "2"]),
    "rows-are-null": holds(lambda answer: answer.json()["results"] == [None]),
    "invalid-json": holds(no_json),
    "not-a-number-json": body(b'{"results":[NaN],"_links":{}}'),
    "deep-json": holds(lambda answer: answer.content.startswith(b"[[[[") and len(answer.content) == 200_000),
    "not-utf8": holds(lambda answer: b"\xff\xfe" in answer.content),
    "two-documents": holds(no_json),
    "redirect-same-host": location(lambda simulator, target: target == f"{simulator.site_url}/login"),
    "redirect-other-host": location(lambda _, target: target == "https://attacker.invalid/collect"),
    "redirect-permanent": location(lambda simulator, target: target.startswith(f"{simulator.origin}//wiki"), 308),
    "redirect-loop": location(lambda _, target: target.startswith(f"/wiki{PATH}?")),
    "redirect-login": location(lambda _, target: target.startswith("/wiki/login.action?os_destination=")),
    "no-results": holds(lambda answer: set(answer.json()) == {"_links"}),
    "missing-rows": holds(lambda answer: [page["title"] for page in answer.json()["results"]] == ["Leave"]),
    "duplicate-rows": holds(
        lambda answer: [page["title"] for page in answer.json()["results"]] == ["Home", "Leave", "Home"]
    ),
    "reordered-rows": holds(lambda answer: [page["title"] for page in answer.json()["results"]] == ["Leave", "Home"]),
    "empty-list": holds(lambda answer: answer.json()["results"] == [] and "next" in answer.json()["_links"]),
    "cut-json": holds(no_json),
    "byte-order-mark": holds(lambda answer: answer.content.startswith(b'\xef\xbb\xbf{"results"')),
    "repeated-key": holds(lambda answer: answer.json()["results"] == [] and answer.content.count(b'"results"') == 2),
    "json-as-html": holds(
        lambda answer: len(answer.json()["results"]) == 2 and "html" in answer.headers["Content-Type"]
    ),
    "json-with-charset": status(200, Content_Type="application/json;charset=UTF-8"),
    "row-without-id": row(lambda page: "id" not in page),
    "row-number-id": row(lambda page: isinstance(page["id"], int)),
    "row-empty-id": row(lambda page: page["id"] == ""),
    "row-without-version": row(lambda page: "version" not in page),
    "row-null-title": row(lambda page: page["title"] is None),
    "row-other-space": row(lambda page: page["spaceId"] == "1"),
    "row-unknown-status": row(lambda page: page["status"] == "sealed"),
    "row-without-body": row(lambda page: page["body"] == {}),
    "row-nul-in-body": row(lambda page: "\0" in page["body"]["storage"]["value"]),
    "row-bad-date": row(lambda page: page["createdAt"] == "yesterday"),
    "repeated-cursor": following(lambda _, link: link == f"/wiki{PATH}?limit=2&body-format=storage"),
    "cyclic-cursor": following(lambda _, link: link == f"/wiki{PATH}?limit=2&body-format=storage"),
    "empty-page-with-next": check_empty_page,
    "next-missing": following(lambda _, link: link == "absent"),
    "next-empty": following(lambda _, link: link == ""),
    "next-null": following(lambda _, link: link is None),
    "next-number": following(lambda _, link: link == 2),
    "next-only-in-link-header": check_next_in_header,
    "next-absolute": following(lambda simulator, link: link.startswith(f"{simulator.site_url}{PATH}?cursor=")),
    "next-foreign-host": following(lambda _, link: link.startswith(f"https://attacker.invalid/wiki{PATH}?cursor=")),
    "next-without-context": following(lambda _, link: link.startswith(f"{PATH}?cursor=")),
    "next-other-scheme": following(lambda _, link: link.startswith("ftp://127.0.0.1")),
    "next-spoiled-cursor": check_spoiled_cursor,
    "edit-during-walk": check_edit,
    "rename-during-walk": holds(lambda answer: answer.json()["results"][0]["title"].startswith("Renamed")),
    "create-during-walk": check_created,
    "trash-during-walk": holds(lambda answer: answer.json()["results"][0]["title"] == "Leave"),
    "move-during-walk": check_moved,
    "hide-during-walk": holds(
        lambda answer: [p["title"] for p in answer.json()["results"]] == ["Rules of 2019", "Notes"]
    ),
    "anonymous-200": check_anonymous,
    "stale-read": check_stale,
    "lowered-limit": check_lowered,
    "page-hidden": check_page_hidden,
    "page-breaks-batch": check_breaks_batch,
    "ancestors-break-batch": check_ancestors,
    "permissions-cut": check_permissions_cut,
    "cut-length": wire(cut),
    "cut-chunked": wire(lambda got: b"chunked" in got and not got.endswith(b"0\r\n\r\n")),
    "cut-between-chunks": wire(
        lambda got: b"chunked" in got and got.endswith(b"\r\n") and not got.endswith(b"\r\n\r\n")
    ),
    "cut-until-close": wire(lambda got: b"Content-Length" not in got and not got.endswith(b"}")),
    "cut-head": wire(lambda got: len(got) == 25),
    "chunked": check_chunked,
    "close": wire(lambda got: got == b""),
    "reset": check_reset,
    "reset-in-body": wire(lambda got: b'"results"' in got and got.endswith(b"ConnectionResetError")),
    "stall": wire(lambda got: got == b"TimeoutError", wait_seconds=0.05),
    "stall-in-body": wire(lambda got: b'"results"' in got and got.endswith(b"TimeoutError"), wait_seconds=0.05),
    "drip": check_drip,
    "slow": check_slow,
    "garbage": check_garbage,
    "length-too-small": check_too_small,
    "many-headers": wire(lambda got: got.count(b"X-Padding-") == 200),
    "gzip-bomb": check_bomb,
    "gzip-spoiled": wire(lambda got: b"Content-Encoding: gzip" in got and not unzips(got)),
    "gzip-cut": wire(lambda got: b"Content-Encoding: gzip" in got and not unzips(got)),
    "gzip-not": wire(lambda got: b"Content-Encoding: gzip" in got and got.endswith(b'{"results":[]}')),
}


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_kind_does_what_it_says(cloud: Simulator, kind: str) -> None:
    """Each kind shows its effect on the first request, and is reported as fired."""
    cloud.faults.add(Fault(kind=kind))

    EXPECTED[kind](cloud, client(cloud))

    assert cloud.faults.fired[0].kind == kind
    assert cloud.requests[0].fault == kind


def test_there_are_many_kinds() -> None:
    """At least 60, each with a description, each tested here."""
    assert len(KINDS) >= 60
    assert set(EXPECTED) == set(KINDS)
    for kind in KINDS.values():
        acts = (kind.before, kind.instead, kind.after, kind.sending)
        assert sum(act is not None for act in acts) == 1
        assert kind.about


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        (503, 503),
        ({"status": 429, "headers": {"Retry-After": "7"}}, 429),
        ({"status": 418, "body": "teapot"}, 418),
        ({"status": 500, "body": {"results": []}}, 500),
    ],
)
def test_any_status_can_be_asked_for(cloud: Simulator, argument: Any, expected: int) -> None:
    """With any headers and any body, text or JSON."""
    cloud.faults.add(Fault(kind="status", argument=argument))

    answer = ask(client(cloud))

    assert answer.status_code == expected
    if isinstance(argument, dict):
        assert answer.headers.get("Retry-After") == argument.get("headers", {}).get("Retry-After")
        wanted = argument.get("body")
        assert wanted in (None, answer.text) or wanted == answer.json()
    assert cloud.faults.fired


@pytest.mark.parametrize("kind", ["cut-length", "cut-chunked", "cut-until-close", "reset-in-body"])
@pytest.mark.parametrize("count", [0, 1, 17, 500])
def test_bodies_can_be_cut_at_any_byte(kind: str, count: int) -> None:
    """As many bytes of the body arrive as asked for, in each framing."""
    with Simulator(furnished_world(), faults=[Fault(kind=kind, argument=count)]) as simulator:
        received = raw(simulator)

        content = parts(received)[1].removesuffix(b"ConnectionResetError")
        assert len(content) == (count or kind == "cut-chunked")
        assert simulator.faults.fired


def test_planned_for_the_nth_matching_request(cloud: Simulator) -> None:
    """`at` counts matching requests from the moment of adding; `times` is for how many in a row."""
    site = client(cloud)
    site.ask("/api/v2/spaces")
    cloud.faults.add(Fault(kind="error-500", at=2, match="/pages", times=2))

    statuses = []
    for _ in range(4):
        assert site.ask("/api/v2/spaces").status_code == 200
        statuses.append(site.ask(PATH).status_code)

    assert statuses == [200, 500, 500, 200]
    assert len(cloud.faults.fired) == 2
    assert cloud.requests.count(PATH) == 4


def test_for_ever_and_until_cleared(cloud: Simulator) -> None:
    """`times=0` never stops; clear() forgets plans and what fired."""
    site = client(cloud)
    cloud.faults.add(Fault(kind="error-500", times=0))
    assert {site.ask(PATH).status_code for _ in range(5)} == {500}
    assert len(cloud.faults.fired) == 5
    cloud.faults.clear()

    assert site.ask(PATH).status_code == 200
    assert cloud.faults.fired == []


def test_two_faults_at_once(cloud: Simulator) -> None:
    """A changed answer can also be cut; both are reported."""
    cloud.faults.add(Fault(kind="duplicate-rows"), Fault(kind="chunked"))

    answer = ask(client(cloud))

    assert (len(answer.json()["results"]), answer.headers["Transfer-Encoding"]) == (3, "chunked")
    assert cloud.requests[0].fault == "duplicate-rows, chunked"


def test_faults_spoil_nothing_afterwards(cloud: Simulator) -> None:
    """The next answer is the right one again, byte for byte."""
    site = client(cloud)
    before = ask(site).content
    for kind in sorted(KINDS):
        if KINDS[kind].after is not None:
            cloud.faults.add(Fault(kind=kind))
            ask(site)

    assert ask(site).content == before
    assert len(cloud.faults.fired) > 20


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "html200"},
        {"kind": "html-200", "at": 0},
        {"kind": "html-200", "times": -1},
        {"kind": "html-200", "match": "("},
        {"kind": "html-200", "after": 3},
        {"at": 3},
    ],
)
def test_wrong_faults_are_refused(wrong: dict[str, Any]) -> None:
    """Unknown kinds (with a suggestion), impossible numbers, bad patterns and unknown keys raise at once."""
    with pytest.raises((ValueError, TypeError), match=r".+"):
        Fault.from_data(wrong)


def test_a_misspelt_kind_gets_a_suggestion() -> None:
    """The nearest name is in the message."""
    with pytest.raises(ValueError, match="did you mean 'html-200'"):
        Fault(kind="html200")


def test_faults_are_plain_data(cloud: Simulator) -> None:
    """A list of faults survives a trip through JSON."""
    planned = [{"at": 3, "kind": "html-200"}, {"kind": "status", "argument": 503, "match": "/pages", "times": 2}]

    faults = [Fault.from_data(fault) for fault in json.loads(json.dumps(planned))]

    assert faults == [Fault(kind="html-200", at=3), Fault(kind="status", argument=503, match="/pages", times=2)]
    assert cloud.faults.fired == []

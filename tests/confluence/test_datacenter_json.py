"""Data Center's JSON decoded: what is needed must be there, and an odd page costs only itself."""

import copy
from datetime import UTC, datetime
from typing import Any

import pytest

from hr_sync.confluence.datacenter_json import (
    read_account,
    read_ancestors,
    read_heads,
    read_lookup,
    read_page,
    read_space,
)
from hr_sync.confluence.http.urls import PageUrls
from hr_sync.confluence.json_fields import FieldError
from hr_sync.domain.content import ContentNode, Head, Space
from hr_sync.domain.deletion import LookupResult, LookupStatus
from hr_sync.errors import AnswerNotTrusted, CredentialsRefused

BASE = "https://wiki.acme.example/confluence"
SPACE = Space(id="98306", key="HR", name="Human Resources")
# Names and nesting as in recorded answers and Atlassian's examples; the values are ours.
ITEM: dict[str, Any] = {
    "id": "393229",
    "type": "page",
    "status": "current",
    "title": "Annual leave",
    "space": {"id": 98306, "key": "HR", "name": "Human Resources", "type": "global", "_links": {}},
    "version": {
        "by": {"type": "known", "username": "ann", "userKey": "8acce1bf", "displayName": "Ann Lee"},
        "when": "2022-04-27T07:15:13.012+10:00",
        "message": "",
        "number": 9,
        "minorEdit": False,
        "hidden": False,
    },
    "ancestors": [
        {"id": "393219", "type": "page", "status": "current", "title": "Home", "extensions": {"position": "none"}},
        {"id": "393220", "type": "page", "status": "current", "title": "Leave", "extensions": {"position": 3}},
    ],
    "extensions": {"position": "none"},
    "body": {"storage": {"value": "<p>30 days</p>", "representation": "storage"}},
    "_links": {"webui": "/display/HR/Annual+leave", "tinyui": "/x/DQAG"},
    "_expandable": {"container": "/rest/api/space/HR"},
}
HEAD = Head(
    id="393229",
    title="Annual leave",
    space_key="HR",
    space_id="98306",
    version=9,
    status="current",
    parent_id="393220",
    parent_type="page",
    last_updated=datetime(2022, 4, 26, 21, 15, 13, 12_000, tzinfo=UTC),
    url=f"{BASE}/display/HR/Annual+leave",
)


def changed(path: str, value: Any = ...) -> dict[str, Any]:
    """Return the item with another value at a path, or without it."""
    item = copy.deepcopy(ITEM)
    *parents, last = path.split(".")
    place = item
    for name in parents:
        place = place[name]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return item


def heads_of(*items: dict[str, Any]) -> tuple[dict[str, Head], dict[str, str]]:
    answer = {"results": list(items), "_links": {"base": BASE, "context": "/confluence"}}
    return read_heads(answer, SPACE, PageUrls(BASE))


def test_a_head_is_read_whole() -> None:
    """The parent is the last ancestor, the date comes in UTC, the address stands below `base`."""
    assert heads_of(ITEM) == ({"393229": HEAD}, {})


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ("2021-05-05T07:53:12.183Z", datetime(2021, 5, 5, 7, 53, 12, 183_000, tzinfo=UTC)),
        ("2014-01-01T10:00:00.000+1100", datetime(2013, 12, 31, 23, tzinfo=UTC)),
        ("2022-04-27T00:15:13.012-03:30", datetime(2022, 4, 27, 3, 45, 13, 12_000, tzinfo=UTC)),
    ],
)
def test_dates_may_have_any_offset(when: str, expected: datetime) -> None:
    """Very old servers write theirs without a colon."""
    assert heads_of(changed("version.when", when))[0]["393229"].last_updated == expected


def test_the_top_of_a_space_has_no_parent() -> None:
    """Its list of ancestors is empty; a list that is absent is another thing."""
    head = heads_of(changed("ancestors", []))[0]["393229"]

    assert (head.parent_id, head.parent_type) == (None, None)
    assert read_ancestors(changed("ancestors", []), ITEM["id"]) == ()
    with pytest.raises(AnswerNotTrusted, match="ancestors"):
        read_ancestors(changed("ancestors"), ITEM["id"])


def test_ancestors_are_given_nearest_first() -> None:
    """The answer names the top first; one about another page is refused."""
    nodes = (ContentNode(id="393220", kind="page"), ContentNode(id="393219", kind="page"))

    assert read_ancestors(ITEM, ITEM["id"]) == nodes
    with pytest.raises(AnswerNotTrusted, match="something other"):
        read_ancestors(ITEM, "1")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("title", ...),
        ("title", None),
        ("type", ...),
        ("type", "blogpost"),
        ("status", ...),
        ("status", "cur\x00rent"),
        ("space", ...),
        ("space.id", ...),
        ("space.id", True),
        ("space.id", 1.5),
        ("version", ...),
        ("version.number", ...),
        ("version.number", "9"),
        ("version.when", ...),
        ("version.when", "yesterday"),
        ("version.when", "2022-04-27T07:15:13.012"),
        ("ancestors", ...),
        ("ancestors", {}),
        ("ancestors", [None]),
        ("ancestors", [{"id": 1, "type": "page"}]),
        ("ancestors", [{"id": "1"}]),
        ("id", "../space/HR"),
        ("id", "٣٤"),
    ],
)
def test_a_page_without_what_is_needed_is_unreadable(path: str, value: Any) -> None:
    """It is named with the missing field, and its neighbour is read."""
    item = changed(path, value)

    heads, unreadable = heads_of(item, ITEM | {"id": "1"})

    assert set(heads) == {"1"}
    assert set(unreadable) == {item["id"]}
    assert unreadable[item["id"]].startswith("the listing gives no ")


@pytest.mark.parametrize("path", ["version.by", "extensions", "_expandable", "version.hidden", "space.name", "body"])
@pytest.mark.parametrize("value", [..., None, 1, "text", []])
def test_what_is_not_needed_may_be_anything(path: str, value: Any) -> None:
    """A tolerant reader breaks on no field that it does not use."""
    assert heads_of(changed(path, value)) == ({"393229": HEAD}, {})


@pytest.mark.parametrize(
    ("links", "expected"),
    [
        ({"webui": "/pages/viewpage.action?pageId=393229"}, f"{BASE}/pages/viewpage.action?pageId=393229"),
        ({"webui": "/spaces/HR/pages/393229/Annual+leave"}, f"{BASE}/spaces/HR/pages/393229/Annual+leave"),
        ({}, f"{BASE}/pages/viewpage.action?pageId=393229"),
        (None, f"{BASE}/pages/viewpage.action?pageId=393229"),
        ({"webui": f"{BASE}/display/HR/Annual+leave"}, f"{BASE}/display/HR/Annual+leave"),
        ({"webui": "display/HR/Annual+leave"}, f"{BASE}/display/HR/Annual+leave"),
        ({"webui": "https://attacker.invalid/x"}, f"{BASE}/pages/viewpage.action?pageId=393229"),
        ({"webui": "https://wiki.acme.example@attacker.invalid/"}, f"{BASE}/pages/viewpage.action?pageId=393229"),
    ],
)
def test_addresses_of_all_versions(links: Any, expected: str) -> None:
    """A page without a link still opens by its id."""
    assert heads_of(changed("_links", links))[0]["393229"].url == expected


def test_of_a_page_that_comes_twice_the_newer_version_counts() -> None:
    """In whatever order."""
    newer = changed("version.number", 10)

    assert heads_of(newer, ITEM)[0]["393229"].version == heads_of(ITEM, newer)[0]["393229"].version == 10


def test_a_page_is_read_with_its_body() -> None:
    """Its links start at the base that the very answer names."""
    item = ITEM | {"_links": ITEM["_links"] | {"base": BASE}}
    page = read_page(item, "393229", SPACE, PageUrls(BASE))

    assert page is not None
    assert (page.head, page.storage) == (HEAD, "<p>30 days</p>")


@pytest.mark.parametrize("path", ["body", "body.storage", "body.storage.value"])
def test_a_missing_body_is_not_an_empty_one(path: str) -> None:
    """Storing it as such would wipe a good text."""
    with pytest.raises(FieldError):
        read_page(changed(path), "393229", SPACE, PageUrls(BASE))


def test_a_page_of_another_space_is_not_here() -> None:
    """It has moved since it was listed, or is not current any more."""
    assert read_page(changed("space.id", 7), "393229", SPACE, PageUrls(BASE)) is None
    assert read_page(changed("status", "trashed"), "393229", SPACE, PageUrls(BASE)) is None


@pytest.mark.parametrize("item", [{}, {"id": "1"}, {"id": 393229}])
def test_an_answer_about_another_page_is_refused(item: dict[str, Any]) -> None:
    """Also one about nothing."""
    with pytest.raises(AnswerNotTrusted, match="not requested"):
        read_page(item, "393229", SPACE, PageUrls(BASE))


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (ITEM, LookupResult(page_id="393229", result=LookupStatus.FOUND, status="current", space_id="98306")),
        (
            changed("status", "trashed"),
            LookupResult(page_id="393229", result=LookupStatus.FOUND, status="trashed", space_id="98306"),
        ),
        (
            changed("space.id", 7),
            LookupResult(page_id="393229", result=LookupStatus.FOUND, status="current", space_id="7"),
        ),
        *(
            (odd, LookupResult(page_id="393229", result=LookupStatus.UNKNOWN))
            for odd in (
                {},
                changed("id", "1"),
                changed("type", "blogpost"),
                changed("status"),
                changed("status", 1),
                changed("space"),
                changed("space.id"),
            )
        ),
    ],
)
def test_what_an_answer_proves(item: dict[str, Any], expected: LookupResult) -> None:
    """An answer about anything else proves nothing."""
    assert read_lookup(item, "393229") == expected


@pytest.mark.parametrize(
    ("status", "archived"), [("CURRENT", False), ("ARCHIVED", True), ("archived", True), (..., False), (None, False)]
)
def test_the_status_of_a_space_in_every_version(status: Any, *, archived: bool) -> None:
    """In capitals, in small letters, or not given by servers that were asked for current ones."""
    item = {"id": 98306, "key": "HR", "name": "Human Resources", "type": "global"}
    item |= {} if status is ... else {"status": status}

    assert read_space(item) == Space(id="98306", key="HR", name="Human Resources", archived=archived)


@pytest.mark.parametrize(
    "item", [{}, {"id": 1}, {"id": 1, "key": ""}, {"id": None, "key": "HR"}, {"id": True, "key": "HR"}]
)
def test_a_space_without_id_or_key_cannot_be_read(item: dict[str, Any]) -> None:
    """Everything else may be missing."""
    with pytest.raises(FieldError):
        read_space(item)
    assert read_space({"id": 1, "key": "HR", "name": None}) == Space(id="1", key="HR", name="")


@pytest.mark.parametrize("answer", [{}, {"type": "anonymous", "displayName": "Anonymous"}, {"type": None}])
def test_an_account_that_is_not_known_is_refused(answer: dict[str, Any]) -> None:
    """A token that has expired sees what is public, with status 200."""
    read_account({"type": "known", "username": "ann"})
    with pytest.raises(CredentialsRefused, match="personal access token"):
        read_account(answer)

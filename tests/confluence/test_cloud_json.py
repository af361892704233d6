"""Cloud's JSON decoded: what is needed must be there, texts are sanitised, and an odd page costs only itself."""

import copy
import hashlib
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hr_sync.confluence.cloud_json import (
    read_account,
    read_ancestors,
    read_heads,
    read_lookup,
    read_pages,
    read_parent,
    read_space,
)
from hr_sync.confluence.http.urls import PageUrls
from hr_sync.confluence.json_fields import FieldError
from hr_sync.confluence.lookups import choose_spaces, read_each_space
from hr_sync.domain.content import ContentNode, Head, Page, Space, SpaceList
from hr_sync.domain.deletion import LookupResult, LookupStatus
from hr_sync.errors import AnswerNotTrusted, CredentialsRefused

SITE = "https://acme.atlassian.net/wiki"
SPACE = Space(id="65537", key="HR", name="Human Resources")
# Names and nesting as in answers of 2026; the values are ours.
ITEM: dict[str, Any] = {
    "parentType": "page",
    "parentId": "98306",
    "createdAt": "2025-11-02T08:00:00.000Z",
    "ownerId": "712020:owner",
    "lastOwnerId": None,
    "authorId": "712020:author",
    "position": 562,
    "version": {
        "number": 7,
        "message": "",
        "minorEdit": False,
        "authorId": "712020:editor",
        "createdAt": "2026-02-03T04:05:06.789Z",
        "ncsStepVersion": None,
    },
    "spaceId": "65537",
    "status": "current",
    "body": {"storage": {"representation": "storage", "value": "<p>30 days</p>"}},
    "title": "Annual leave",
    "id": "98400",
    "_links": {
        "editui": "/pages/resumedraft.action?draftId=98400",
        "webui": "/spaces/HR/pages/98400/Annual+leave",
        "edituiv2": "/spaces/HR/pages/edit-v2/98400",
        "tinyui": "/x/YIAB",
    },
}
HEAD = Head(
    id="98400",
    title="Annual leave",
    space_key="HR",
    space_id="65537",
    version=7,
    status="current",
    parent_id="98306",
    parent_type="page",
    last_updated=datetime(2026, 2, 3, 4, 5, 6, 789_000, tzinfo=UTC),
    url="https://acme.atlassian.net/wiki/spaces/HR/pages/98400/Annual+leave",
)
NEEDED = ("title", "spaceId", "status", "version", "version.number", "version.createdAt")
NEEDED_BODY = ("body", "body.storage", "body.storage.value")
NOT_NEEDED = ("createdAt", "ownerId", "lastOwnerId", "authorId", "position", "version.message", "version.minorEdit")
ODD: tuple[Any, ...] = (None, 0, -1, 1.5, True, [], {}, [[]], {"value": {}}, 10**30, float("inf"))


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
    return read_heads({"results": list(items), "_links": {"base": SITE}}, SPACE, PageUrls(SITE))


def test_a_head_is_read_whole() -> None:
    """Every field of the model comes from its place in the answer."""
    assert heads_of(ITEM) == ({"98400": HEAD}, {})


def pages_of(*items: dict[str, Any], wanted: frozenset[str] = frozenset({"98400"})) -> tuple[dict[str, Page], Any]:
    return read_pages({"results": list(items)}, wanted, SPACE, PageUrls(SITE))


def test_a_body_is_sanitised_and_hashed() -> None:
    """The hash is over what is stored; a separator of paragraphs stays one."""
    pages, unreadable = pages_of(changed("body.storage.value", "<p>\x00\ud800a\u2029b</p>"))
    storage = "<p>\ufffda\nb</p>"

    assert pages == {
        "98400": Page(head=HEAD, storage=storage, content_hash=hashlib.sha256(storage.encode()).hexdigest())
    }
    assert unreadable == {}


def test_titles_names_and_addresses_are_sanitised() -> None:
    """Each is one line, and no words are joined."""
    heads, _ = heads_of(changed("title", " Annual\u2028leave\x00\x0b2026 ") | {"_links": {"webui": "/x\u200b/1"}})
    space = read_space({"id": "65537", "key": "HR", "name": "Human\u0085Resources\x1f"})

    assert (heads["98400"].title, heads["98400"].url) == ("Annual leave 2026", f"{SITE}/x/1")
    assert space.name == "Human Resources"


@pytest.mark.parametrize("path", NEEDED)
@pytest.mark.parametrize("value", [..., *ODD])
def test_a_page_without_what_is_needed_is_unreadable(path: str, value: Any) -> None:
    """It is named with the missing field, and its neighbour is read."""
    if path == "version.number" and value == 0 and value is not False:
        return  # a number that a version may have
    neighbour = ITEM | {"id": "1"}

    heads, unreadable = heads_of(changed(path, value), neighbour)

    assert set(heads) == {"1"}
    assert set(unreadable) == {"98400"}
    assert unreadable["98400"].startswith("the listing gives no ")


@pytest.mark.parametrize("path", NOT_NEEDED)
@pytest.mark.parametrize("value", [..., *ODD])
def test_what_is_not_needed_may_be_anything(path: str, value: Any) -> None:
    """A tolerant reader breaks on no field that it does not use."""
    assert heads_of(changed(path, value)) == ({"98400": HEAD}, {})


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("version.createdAt", "yesterday"),
        ("version.createdAt", ""),
        ("version.createdAt", "2026-02-03T04:05:06"),
        ("version.createdAt", "0001-01-01T00:00:00+14:00"),
        ("version.createdAt", "9999-12-31T23:59:59-14:00"),
        ("version.number", "7"),
        ("version.number", 2**31),
        ("parentId", 98306),
        ("parentType", []),
        ("spaceId", "65537\ud800"),
        ("status", "cur\x00rent"),
        ("status", "\ud800"),
        ("parentId", "\ud800"),
        ("parentId", "\x00"),
        ("parentType", "\x00"),
        ("status", "\x1b]0;words\x07"),
        ("spaceId", "1\u202e"),
        ("status", ""),
    ],
)
def test_values_that_no_row_could_hold_make_a_page_unreadable(path: str, value: Any) -> None:
    """Also those that PostgreSQL or UTF-8 would refuse later, where nobody expects it."""
    heads, unreadable = heads_of(changed(path, value))

    assert heads == {}
    assert len(unreadable) == 1


@pytest.mark.parametrize("path", ["parentId", "parentType"])
@pytest.mark.parametrize("value", [..., None])
def test_the_top_of_a_space_has_no_parent(path: str, value: Any) -> None:
    """Absent and null say the same."""
    heads, unreadable = heads_of(changed(path, value))

    assert unreadable == {}
    assert (heads["98400"].parent_id, heads["98400"].parent_type).count(None) == 1


@pytest.mark.parametrize("path", NEEDED_BODY)
@pytest.mark.parametrize("value", [..., *ODD])
def test_a_missing_body_is_not_an_empty_one(path: str, value: Any) -> None:
    """Storing it as such would wipe a good text."""
    pages, unreadable = pages_of(changed(path, value))

    assert pages == {}
    assert set(unreadable) == {"98400"}


def test_an_empty_body_is_a_body() -> None:
    """A page that somebody emptied is read as empty."""
    pages, _ = pages_of(changed("body.storage.value", ""))

    assert pages["98400"].storage == ""


@pytest.mark.parametrize("links", [..., *ODD, {"webui": 7}])
def test_a_page_has_an_address_without_links_too(links: Any) -> None:
    """Confluence opens /pages/ID as well."""
    heads, _ = heads_of(changed("_links", links))

    assert heads["98400"].url == f"{SITE}/pages/98400"


@pytest.mark.parametrize(
    "base",
    [
        ...,
        *ODD,
        "javascript:alert(1)",
        "//attacker.invalid",
        "https://attacker.invalid/wiki",
        "http://acme.atlassian.net/wiki",
        "https://acme.atlassian.net:444/wiki",
        "https://acme.atlassian.net@attacker.invalid/wiki",
        "https://other.atlassian.net/wiki",
    ],
)
def test_no_answer_names_another_site_for_its_pages(base: Any) -> None:
    """The configured address serves where the answer gives none, or one of another origin."""
    answer = {"results": [ITEM], "_links": {} if base is ... else {"base": base}}

    heads, _ = read_heads(answer, SPACE, PageUrls(SITE))

    assert heads["98400"].url == f"{SITE}/spaces/HR/pages/98400/Annual+leave"


def test_of_two_rows_of_a_page_the_higher_version_counts() -> None:
    """A page that is edited during the walk may come twice."""
    for numbers in ((7, 8), (8, 7)):
        heads, _ = heads_of(*(changed("version.number", number) for number in numbers))
        assert heads["98400"].version == 8


@pytest.mark.parametrize("item", [ITEM | {"id": "1"}, changed("spaceId", "1"), changed("status", "trashed")])
def test_pages_that_are_not_current_pages_of_the_space_are_left_out(item: dict[str, Any]) -> None:
    """Whether nobody asked for them, or they moved or were trashed since they were listed."""
    assert pages_of(item) == ({}, {})


SPACE_ITEM = {"id": "65537", "key": "HR", "name": "Human Resources", "type": "global", "status": "current"}


@pytest.mark.parametrize("path", ["id", "key"])
@pytest.mark.parametrize("value", [..., "", "H\x1b[2JR", *ODD])
def test_a_space_without_id_or_key_cannot_be_read(path: str, value: Any) -> None:
    """It costs only itself, and is named by its key where it has one."""
    item = {name: text for name, text in SPACE_ITEM.items() if name != path}
    item |= {} if value is ... else {path: value}
    with pytest.raises(FieldError, match=path):
        read_space(item)

    found = read_each_space([{"results": [item, {**SPACE_ITEM, "id": "2", "key": "IT"}, None]}], read_space)

    assert [space.key for space in found.spaces] == ["IT"]
    assert found.unreadable == sorted({"?", "HR" if path == "id" else "?"})


@pytest.mark.parametrize("path", ["name", "type", "status", "currentActiveAlias"])
@pytest.mark.parametrize("value", [..., *ODD])
def test_nothing_else_of_a_space_is_needed(path: str, value: Any) -> None:
    """A space without a name has an empty one, and without a status is not archived."""
    item = {name: text for name, text in SPACE_ITEM.items() if name != path} | ({} if value is ... else {path: value})
    space = read_space(item)

    assert (space.id, space.key, space.archived, space.alias) == ("65537", "HR", False, None)
    assert space.name == ("" if path == "name" else "Human Resources")


def test_a_space_says_that_it_is_archived_and_what_else_it_is_called() -> None:
    """By its status and its alias."""
    space = read_space({**SPACE_ITEM, "status": "archived", "currentActiveAlias": "PEOPLE"})

    assert (space.archived, space.alias) == (True, "PEOPLE")


def test_spaces_are_chosen_by_key_or_alias_in_any_case() -> None:
    """And it is known whether each key has met one."""
    people = Space(id="1", key="HR", name="", alias="PEOPLE")
    finance = Space(id="2", key="FIN", name="", alias="FIN")
    found = SpaceList(spaces=[people, finance], unreadable=["?", "IT"])

    assert choose_spaces(found, ["hr"]) == (SpaceList(spaces=[people], unreadable=["?"]), True)
    assert choose_spaces(found, ["People", "it"]) == (SpaceList(spaces=[people], unreadable=["?", "IT"]), True)
    assert choose_spaces(found, ["fin", "none"]) == (SpaceList(spaces=[finance], unreadable=["?"]), False)


FOLDER = ContentNode(id="7", kind="folder")


def test_a_parent_is_read_with_its_kind() -> None:
    """None at the top."""
    item = {"id": "7", "type": "folder", "parentId": "9", "parentType": "whiteboard"}

    assert read_parent(item, FOLDER) == ContentNode(id="9", kind="whiteboard")
    assert read_parent({**item, "parentId": None, "parentType": None}, FOLDER) is None


@pytest.mark.parametrize(
    "item",
    [
        {},
        {"id": "8", "parentId": None},
        {"id": "7", "type": "page", "parentId": None},
        {"id": "7", "parentId": 9},
        {"id": "7", "parentId": "9", "parentType": ["page"]},
    ],
)
def test_half_an_answer_about_a_parent_is_not_the_top(item: dict[str, Any]) -> None:
    """Neither is one about another node, or of another kind."""
    with pytest.raises(AnswerNotTrusted):
        read_parent(item, FOLDER)


def test_ancestors_are_described_properly_or_not_trusted() -> None:
    """Ids and kinds, in the order of the answer."""
    rows = [{"id": "1", "type": "page"}, {"id": "2", "type": "folder"}]

    assert read_ancestors({"results": rows}) == [ContentNode(id="1", kind="page"), ContentNode(id="2", kind="folder")]
    with pytest.raises(AnswerNotTrusted, match="without type"):
        read_ancestors({"results": [{"id": "1"}]})


@pytest.mark.parametrize(
    "item",
    [
        ITEM | {"id": "1"},
        ITEM | {"type": "folder"},
        *(changed(path) for path in ("id", "status", "spaceId")),
        {},
        {"id": "98400", "status": 1},
    ],
)
def test_half_an_answer_is_no_evidence(item: dict[str, Any]) -> None:
    """Neither is one about another page."""
    assert read_lookup(item, "98400") == LookupResult(page_id="98400", result=LookupStatus.UNKNOWN)


def test_an_unknown_status_is_passed_on() -> None:
    """What it means is for the rules to decide."""
    assert read_lookup(changed("status", "sealed"), "98400") == LookupResult(
        page_id="98400", result=LookupStatus.FOUND, status="sealed", space_id="65537"
    )


@pytest.mark.parametrize("answer", [{}, {"type": "anonymous"}, {"type": None}, {"type": ["known"]}])
def test_only_a_known_account_is_signed_in(answer: dict[str, Any]) -> None:
    """Everybody else sees what the public sees."""
    read_account({"type": "known"})
    with pytest.raises(CredentialsRefused, match="anonymous"):
        read_account(answer)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(sorted(ITEM)), inner, max_size=5),
    max_leaves=10,
)


@given(st.dictionaries(st.sampled_from([*ITEM, "number", "value"]), json_values), json_values)
def test_no_item_crashes_the_reader(parts: dict[str, Any], links: Any) -> None:
    """Whatever the item holds beside its id, it is read or named as unreadable."""
    item = copy.deepcopy(ITEM) | parts | {"id": "98400"}

    heads, unreadable = read_heads({"results": [item], "_links": links}, SPACE, PageUrls(SITE))

    assert heads.keys() | unreadable.keys() == {"98400"}
    assert not heads.keys() & unreadable.keys()

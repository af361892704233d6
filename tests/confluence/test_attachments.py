"""Decoders of attachments: what must be there, and what is left out or refused."""

from datetime import UTC, datetime
from typing import Any

import pytest

from hr_sync.confluence.attachments_json import read_listed, read_single_v1, read_single_v2
from hr_sync.confluence.json_fields import FieldError
from hr_sync.errors import AnswerUnusable

PATH = "/download/attachments/295028/a%20b.svg?version=1&cacheVersion=1&api=v2"
V1: dict[str, Any] = {
    "id": "att295053",
    "type": "attachment",
    "status": "current",
    "title": "a\u200b b.svg\n",
    "version": {"number": 1, "when": "2026-03-19T14:26:46.332+10:00"},
    "container": {"id": "295028", "type": "page"},
    "extensions": {"mediaType": "image/svg+xml", "fileSize": 4807, "comment": ""},
    "metadata": {"mediaType": "image/svg+xml"},
    "_links": {"download": PATH},
}
V2: dict[str, Any] = {
    "id": "att295053",
    "status": "trashed",
    "title": "a b.svg",
    "version": {"number": 1, "createdAt": "2026-03-19T04:26:46.332Z"},
    "pageId": "295028",
    "mediaType": "image/svg+xml",
    "fileSize": 4807,
    "downloadLink": PATH,
}


def test_both_versions_of_the_interface_are_read_alike() -> None:
    """One line of text, the time in UTC, the path as it is given."""
    listed, single = read_listed(V1), read_single_v2(V2, "att295053")

    assert (listed.status, single.status) == ("current", "trashed")
    assert [getattr(listed, name) == getattr(single, name) for name in ("id", "page_id", "name", "media_type")] == [
        True
    ] * 4
    assert (listed.name, listed.size_bytes, listed.version, listed.download_path) == ("a b.svg", 4807, 1, PATH)
    assert listed.last_updated == single.last_updated == datetime(2026, 3, 19, 4, 26, 46, 332_000, tzinfo=UTC)


@pytest.mark.parametrize("kind", ["page", "blogpost", "comment", "space"])
def test_what_is_attached_to_no_page_has_none(kind: str) -> None:
    """A blog post is a page for this; v2 names it in another field."""
    listed = read_listed(V1 | {"container": {"id": "295028", "type": kind}})

    assert (listed.page_id is not None) is (kind in {"page", "blogpost"})
    assert read_single_v2({**V2, "pageId": None, "blogPostId": "7"}, "att295053").page_id == "7"
    assert read_single_v2({**V2, "pageId": None, "customContentId": "8"}, "att295053").page_id is None


@pytest.mark.parametrize("kind", ["comment", "global", "ac:my-app:my-type"])
def test_a_single_read_of_v1_tells_of_known_kinds_of_containers(kind: str) -> None:
    """These hold attachments beside pages and blog posts."""
    item = V1 | {"container": {"id": "295028", "type": kind}}

    assert read_single_v1(item, "att295053").page_id is None


def test_a_single_read_that_names_no_known_container_is_refused() -> None:
    """It would be evidence that the attachment has left its page, and the attachment would be removed."""
    for container in ({"pageId": None}, {"pageId": ""}, {"pageId": None, "customContentId": 8}):
        with pytest.raises(FieldError):
            read_single_v2({**V2, **container}, "att295053")
    for kind in ("whiteboard", None, ""):
        with pytest.raises(FieldError):
            read_single_v1(V1 | {"container": {"id": "295028", "type": kind}}, "att295053")
    with pytest.raises(FieldError):
        read_single_v1({name: value for name, value in V1.items() if name != "container"}, "att295053")


@pytest.mark.parametrize(
    "spoiled",
    [
        {"type": "page"},
        {"id": "att"},
        {"id": "att1/../2"},
        {"title": None},
        {"version": {"number": 1}},
        {"version": {"number": -1, "when": "2026-03-19T14:26:46Z"}},
        {"container": None},
        {"extensions": {"fileSize": "4807"}},
        {"extensions": {"fileSize": -1}},
        {"extensions": {"mediaType": 7}},
        {"_links": {}},
        {"_links": {"download": "https://attacker.invalid/a"}},
        {"_links": {"download": "//attacker.invalid/a"}},
        {"_links": {"download": "/\\attacker.invalid/a"}},
    ],
    ids=str,
)
def test_an_invalid_description_is_refused(spoiled: dict[str, Any]) -> None:
    """A path with a host of its own would send the token elsewhere."""
    with pytest.raises(FieldError):
        read_listed(V1 | spoiled)


def test_what_is_not_said_is_not_known() -> None:
    """Neither type nor size."""
    bare = read_listed({name: value for name, value in V1.items() if name not in {"extensions", "metadata"}})

    assert (bare.media_type, bare.size_bytes) == (None, None)


def test_an_answer_about_another_attachment_is_no_answer() -> None:
    """In both versions."""
    with pytest.raises(AnswerUnusable):
        read_single_v1(V1, "att1")
    with pytest.raises(AnswerUnusable):
        read_single_v2(V2, "att1")

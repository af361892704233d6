"""Bodies that come along with a listing belong to the heads that it shows."""

from datetime import UTC, datetime
from typing import Any

from hr_sync.confluence.json_fields import read_bodies
from hr_sync.domain.content import Head


def head(page_id: str, version: int) -> Head:
    return Head(
        id=page_id,
        title="Title",
        space_key="HR",
        space_id="1",
        version=version,
        status="current",
        parent_id=None,
        parent_type=None,
        last_updated=datetime(2026, 1, 1, tzinfo=UTC),
        url="https://acme.atlassian.net/wiki/x",
    )


def item(page_id: str, text: str | None) -> dict[str, Any]:
    body = {} if text is None else {"storage": {"value": text}}
    return {"id": page_id, "body": body}


def test_a_body_of_another_version_is_not_stored_under_the_newer_one() -> None:
    """One answer holds page 7 twice; which of the bodies is the newer one is asked for by id."""
    answer = {"results": [item("7", "<p>new</p>"), item("8", "<p>8</p>"), item("7", "<p>old</p>")]}

    assert {
        page.head.id: page.storage for page in read_bodies(answer, {"7": head("7", 5), "8": head("8", 1)}).values()
    } == {"8": "<p>8</p>"}


def test_a_page_without_a_body_or_a_head_is_left_out() -> None:
    """It is fetched by id, or is not of the space."""
    answer = {"results": [item("7", None), item("8", "<p>8</p>")]}

    assert read_bodies(answer, {"7": head("7", 1)}) == {}

"""The digests that stand for a head and for a listing, and the states of a stored page."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from hr_sync.domain.content import (
    Fetched,
    Head,
    Listing,
    Page,
    Space,
    StoredPage,
    WithdrawalReason,
    metadata_digest,
)

HEAD = Head(
    id="1",
    title="Leave",
    space_key="HR",
    space_id="9",
    version=3,
    status="current",
    parent_id="7",
    parent_type="page",
    last_updated=datetime(2026, 1, 1, tzinfo=UTC),
    url="https://acme.example/wiki/pages/1",
)
STORED = StoredPage(id="1", space_key="HR", space_id="9", version=3, metadata_digest="")


def digest_of(heads: list[Head]) -> str:
    space = Space(id="9", key="HR", name="HR")
    return Listing(space=space, heads={head.id: head for head in heads}, unreadable={}, began_at=None).digest


def test_the_listing_digest_can_be_computed_by_hand() -> None:
    """It is SHA-256 over lines sorted by id, so that anybody can check it."""
    heads = [replace(HEAD, id="20", parent_id=None), HEAD]
    by_hand = hashlib.sha256(b"1\t3\tcurrent\t7\n20\t3\tcurrent\t-\n").hexdigest()

    assert digest_of(heads) == digest_of(list(reversed(heads))) == by_hand


def test_an_empty_listing_has_a_digest() -> None:
    """That of nothing."""
    assert digest_of([]) == hashlib.sha256(b"").hexdigest()


@pytest.mark.parametrize("change", [{"version": 4}, {"status": "archived"}, {"parent_id": "8"}, {"id": "2"}])
def test_the_listing_digest_tells_listings_apart(change: dict[str, Any]) -> None:
    """Another version, status, place or page gives another digest."""
    assert digest_of([HEAD]) != digest_of([replace(HEAD, **change)])


@pytest.mark.parametrize(
    "change",
    [
        {"title": "Time off"},
        {"space_key": "IT"},
        {"parent_id": "8"},
        {"parent_id": None},
        {"parent_type": "folder"},
        {"status": "archived"},
        {"url": "https://acme.example/wiki/x"},
    ],
)
def test_the_metadata_digest_differs_where_something_changes_without_a_version(change: dict[str, Any]) -> None:
    """Title, place, status and address are compared at equal versions."""
    assert metadata_digest(replace(HEAD, **change)) != metadata_digest(HEAD)


@pytest.mark.parametrize(
    "change", [{"version": 4}, {"last_updated": datetime(2027, 1, 1, tzinfo=UTC)}, {"id": "2"}, {"space_id": "8"}]
)
def test_the_metadata_digest_is_the_same_where_something_else_changes(change: dict[str, Any]) -> None:
    """Versions are compared by themselves."""
    assert metadata_digest(replace(HEAD, **change)) == metadata_digest(HEAD)


def test_the_metadata_digest_does_not_join_its_parts() -> None:
    """A letter that moves from one part into the next one gives another digest."""
    assert metadata_digest(replace(HEAD, title="ab", space_key="c")) != metadata_digest(
        replace(HEAD, title="a", space_key="bc")
    )


def test_the_metadata_digest_can_be_computed_by_hand() -> None:
    """It is stored, so another process must compute the same."""
    by_hand = b"('Leave', 'HR', '7', 'page', 'current', 'https://acme.example/wiki/pages/1', 'page')"

    assert metadata_digest(HEAD) == hashlib.sha256(by_hand).hexdigest()


@pytest.mark.parametrize(
    ("page", "live", "hidden"),
    [
        (STORED, True, False),
        (replace(STORED, hidden_reason=WithdrawalReason.TRASHED), False, True),
        (replace(STORED, removed=True), False, False),
        (replace(STORED, removed=True, hidden_reason=WithdrawalReason.TRASHED), False, True),
    ],
)
def test_a_stored_page_is_live_if_it_is_neither_hidden_nor_removed(
    page: StoredPage, *, live: bool, hidden: bool
) -> None:
    """Consumers see live pages only."""
    assert (page.live, page.hidden) == (live, hidden)


def test_a_listing_shows_pages_that_cannot_be_read_too() -> None:
    """They are not absent."""
    listing = Listing(
        space=Space(id="9", key="HR", name="People"), heads={"1": HEAD}, unreadable={"2": "no title"}, began_at=None
    )

    assert "1" in listing
    assert "2" in listing
    assert "3" not in listing


def test_the_halves_of_a_request_are_joined() -> None:
    """Nothing of either is lost."""
    one, two = (Page(head=replace(HEAD, id=page_id), storage="", content_hash="") for page_id in ("1", "2"))
    first = Fetched(pages={"1": one}, unreadable={"3": "no title"}, absent=frozenset({"5"}))
    second = Fetched(pages={"2": two}, unreadable={"4": "no body"}, absent=frozenset({"6"}))

    assert Fetched.joined(first, second) == Fetched(
        pages={"1": one, "2": two}, unreadable={"3": "no title", "4": "no body"}, absent=frozenset({"5", "6"})
    )

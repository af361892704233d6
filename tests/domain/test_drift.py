"""Where a mirror differs from its source: each difference has its kind."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from hr_sync.domain.access import AccessSet, Principal
from hr_sync.domain.content import Head
from hr_sync.domain.drift import DriftKind, compare, compare_access, compare_labels

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
ANN = frozenset({frozenset({Principal.of("u:ann")})})
BOB = frozenset({frozenset({Principal.of("u:bob")})})
NOBODY: AccessSet = frozenset({frozenset()})


class Row:
    """A stored row as the audit reads it."""

    def __init__(self, head: Head, *, live: bool = True) -> None:
        self.version, self.title, self.parent_id = head.version, head.title, head.parent_id
        self.status, self.url, self.live, self.kind = head.status, head.url, live, str(head.kind)


@pytest.mark.parametrize(
    ("heads", "rows", "kinds"),
    [
        ({}, {}, []),
        ({"1": HEAD}, {"1": Row(HEAD)}, []),
        ({"1": HEAD}, {}, [DriftKind.MISSING]),
        ({"1": HEAD}, {"1": Row(HEAD, live=False)}, [DriftKind.MISSING]),
        ({}, {"1": Row(HEAD)}, [DriftKind.GHOST]),
        ({}, {"1": Row(HEAD, live=False)}, []),
        ({"1": replace(HEAD, version=4, title="x", parent_id="8")}, {"1": Row(HEAD)}, [DriftKind.VERSION]),
        ({"1": replace(HEAD, version=2)}, {"1": Row(HEAD)}, [DriftKind.VERSION]),
        ({"1": replace(HEAD, title="x")}, {"1": Row(HEAD)}, [DriftKind.TITLE]),
        ({"1": replace(HEAD, parent_id=None)}, {"1": Row(HEAD)}, [DriftKind.PLACE]),
        ({"1": replace(HEAD, status="archived")}, {"1": Row(HEAD)}, [DriftKind.STATUS]),
        ({"1": replace(HEAD, url="x")}, {"1": Row(HEAD)}, [DriftKind.ADDRESS]),
        (
            {"1": replace(HEAD, title="x", parent_id="8", status="archived", url="x")},
            {"1": Row(HEAD)},
            [DriftKind.TITLE, DriftKind.PLACE, DriftKind.STATUS, DriftKind.ADDRESS],
        ),
    ],
)
def test_each_way_to_differ_has_its_kind(heads: dict[str, Head], rows: dict[str, Row], kinds: list[DriftKind]) -> None:
    """Two equal sides have none, and another version explains the rest."""
    assert [drift.kind for drift in compare("HR", heads, rows)] == kinds


def test_differences_are_sorted_by_page_and_name_their_space() -> None:
    """Pages of both sides are mixed in one order."""
    found = compare("HR", {"3": HEAD, "1": HEAD}, {"2": Row(HEAD)})

    assert [(drift.page_id, drift.space_key, drift.kind) for drift in found] == [
        ("1", "HR", DriftKind.MISSING),
        ("2", "HR", DriftKind.GHOST),
        ("3", "HR", DriftKind.MISSING),
    ]


def test_a_difference_is_worded_without_content() -> None:
    """Titles and addresses stay out of logs."""
    shown = replace(HEAD, title="Salaries", url="https://acme.example/salaries")

    words = " ".join(drift.why for drift in compare("HR", {"1": shown}, {"1": Row(HEAD)}))

    assert words
    assert not any(each in words for each in ("Salaries", "Leave", "acme"))


@pytest.mark.parametrize(
    ("shown", "stored", "kinds"),
    [
        ((frozenset("a"), ANN), (frozenset("a"), ANN), []),
        ((frozenset("a"), ANN), (frozenset("b"), ANN), [DriftKind.LABELS]),
        ((frozenset[str](), ANN), (frozenset("b"), ANN), [DriftKind.LABELS]),
        ((frozenset("a"), ANN), (frozenset("a"), BOB), [DriftKind.READERS]),
        ((frozenset("a"), NOBODY), (frozenset("a"), BOB), [DriftKind.READERS]),
        ((frozenset("a"), ANN), (frozenset("b"), BOB), [DriftKind.LABELS, DriftKind.READERS]),
        ((None, ANN), (frozenset("b"), BOB), [DriftKind.READERS]),
        ((frozenset("a"), ANN), (None, BOB), [DriftKind.READERS]),
        ((frozenset("a"), None), (frozenset("b"), BOB), [DriftKind.LABELS]),
        ((frozenset("a"), ANN), (frozenset("b"), None), [DriftKind.LABELS]),
        ((None, None), (None, None), []),
    ],
)
def test_labels_and_readers_differ_only_where_both_sides_know_them(
    shown: tuple[frozenset[str] | None, AccessSet | None],
    stored: tuple[frozenset[str] | None, AccessSet | None],
    kinds: list[DriftKind],
) -> None:
    """What is not known is no difference."""
    found = [
        *compare_labels("HR", {"1": shown[0]}, {"1": stored[0]}),
        *compare_access("HR", {"1": shown[1]}, {"1": stored[1]}),
    ]

    assert [drift.kind for drift in found] == kinds


def test_only_pages_of_both_sides_are_compared_in_order() -> None:
    """Pages of one side only are found by their heads."""
    labels = [dict.fromkeys(each, frozenset(name)) for each, name in (("321", "a"), ("432", "b"))]
    sets = [dict.fromkeys("321", ANN), dict.fromkeys("432", BOB)]

    assert [(each.page_id, each.kind) for each in compare_labels("HR", *labels)] == [
        ("2", DriftKind.LABELS),
        ("3", DriftKind.LABELS),
    ]
    assert [(each.page_id, each.kind) for each in compare_access("HR", *sets)] == [
        ("2", DriftKind.READERS),
        ("3", DriftKind.READERS),
    ]

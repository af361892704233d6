"""The differences between a mirror and its source. Pure: compares values, describes differences without content."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from hr_sync.domain.access import AccessSet
from hr_sync.domain.content import Head


class DriftKind(StrEnum):
    """The kind of a difference."""

    MISSING = "missing"  #: listed and in scope, not live in the mirror
    GHOST = "ghost"  #: live in the mirror, not listed or out of scope
    VERSION = "version"
    TITLE = "title"
    PLACE = "place"  #: another parent
    STATUS = "status"
    ADDRESS = "address"
    LABELS = "labels"
    READERS = "readers"  #: other people may read it than the mirror says
    BODY = "body"  #: the source's body has another hash than the row says
    STORED_BODY = "stored body"  #: the stored body has another hash than its row says, or is not there


@dataclass(frozen=True, kw_only=True, slots=True)
class Drift:
    """One difference. `why` is worded without titles and texts."""

    page_id: str
    space_key: str
    kind: DriftKind
    why: str


class Row(Protocol):
    """What the comparison needs of a stored row."""

    @property
    def live(self) -> bool: ...
    @property
    def version(self) -> int: ...
    @property
    def title(self) -> str: ...
    @property
    def parent_id(self) -> str | None: ...
    @property
    def status(self) -> str: ...
    @property
    def url(self) -> str: ...
    @property
    def kind(self) -> str: ...


def compare(space_key: str, heads: Mapping[str, Head], rows: Mapping[str, Row]) -> Iterator[Drift]:
    """Yield every difference between what is listed in scope and the rows that are not removed, by page id."""
    for page_id in sorted(heads.keys() | rows.keys()):
        for kind, why in _differences(heads.get(page_id), rows.get(page_id)):
            yield Drift(page_id=page_id, space_key=space_key, kind=kind, why=why)


def compare_labels(
    space_key: str, shown: Mapping[str, frozenset[str] | None], stored: Mapping[str, frozenset[str] | None]
) -> Iterator[Drift]:
    """Yield the differences of labels, by page id, where both sides know them."""
    for page_id in sorted(shown.keys() & stored.keys()):
        if None not in (shown[page_id], stored[page_id]) and shown[page_id] != stored[page_id]:
            yield Drift(page_id=page_id, space_key=space_key, kind=DriftKind.LABELS, why="the labels differ")


def compare_access(
    space_key: str, shown: Mapping[str, AccessSet | None], stored: Mapping[str, AccessSet | None]
) -> Iterator[Drift]:
    """Yield the differences of access sets, by page id, where both sides know them."""
    for page_id in sorted(shown.keys() & stored.keys()):
        if None not in (shown[page_id], stored[page_id]) and shown[page_id] != stored[page_id]:
            why = "other people may read it in the source than in the mirror"
            yield Drift(page_id=page_id, space_key=space_key, kind=DriftKind.READERS, why=why)


def _differences(head: Head | None, row: Row | None) -> Iterator[tuple[DriftKind, str]]:
    if head is None:
        if row is not None and row.live:
            yield DriftKind.GHOST, "live in the mirror, not listed in scope"
        return
    if row is None or not row.live:
        yield DriftKind.MISSING, "listed, never stored" if row is None else "listed, hidden in the mirror"
        return
    if head.version != row.version:
        yield DriftKind.VERSION, f"the source has version {head.version}, the mirror {row.version}"
        return  # the rest follows from it
    if head.title != row.title:
        yield DriftKind.TITLE, "the titles differ at the same version"
    if head.parent_id != row.parent_id:
        yield DriftKind.PLACE, f"the source has parent {head.parent_id}, the mirror {row.parent_id}"
    if head.kind != row.kind:
        yield DriftKind.PLACE, f"the source has a {head.kind}, the mirror a {row.kind}"
    if head.status != row.status:
        yield DriftKind.STATUS, f"the source says {head.status}, the mirror {row.status}"
    if head.url != row.url:
        yield DriftKind.ADDRESS, "the addresses differ"

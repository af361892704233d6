"""The two ends of a mirror and what a run is asked to do. Values and wiring only."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import TypeAlias

from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from hr_sync.confluence.source import Source
from hr_sync.domain.deletion import DeletionLimit
from hr_sync.domain.scope import PageScope
from hr_sync.store.lease import LEASE_SECONDS
from hr_sync.sync.workers import worker_name

ProgressCallback: TypeAlias = Callable[[str, int, int], None]  #: space key, pages fetched so far, pages to fetch


def no_progress(_space_key: str, _done: int, _total: int) -> None:
    """Keep the progress of a run to itself."""


def no_measurement(_seconds: float) -> None:
    """Keep a measurement to itself."""


class Mode(StrEnum):
    """Which pages a run looks at."""

    FULL = "full"  #: everything in scope; the only mode that finds what has gone
    INCREMENTAL = "incremental"  #: what changed since the last pass, as far as versions tell; removes nothing
    RESTRICTIONS = "restrictions"  #: labels and readers of everything in scope, and nothing else of it
    RESYNC = "resync"  #: everything in scope is compared, and what was asked for is fetched whatever its version


@dataclass(frozen=True, kw_only=True, slots=True)
class Scope:
    """Which spaces are mirrored."""

    spaces: Sequence[str]  #: keys, or just "*" for all that the account sees
    exclude_spaces: Sequence[str] = ()
    include_personal_spaces: bool = False  #: matters for "*" only
    pages: PageScope = field(default_factory=PageScope)  #: which pages of these spaces


@dataclass(frozen=True, kw_only=True, slots=True)
class SyncRequest:
    """What one run is asked to do."""

    mode: Mode = Mode.FULL
    space_keys: Sequence[str] = ()  #: of the scope; empty for all of it
    page_ids: Sequence[str] = ()  #: to fetch whatever their version
    every_page: bool = False  #: fetch all pages of the chosen spaces whatever their version
    failed_pages: bool = False  #: fetch the pages that failed, whatever their version and however lately they failed
    allow_mass_delete: bool = False  #: carry out removals that were held
    accept_narrower_scope: bool = False  #: remove what the configured scope no longer covers


@dataclass(frozen=True, kw_only=True, slots=True)
class SyncContext:
    """Source and store, wired together once per process."""

    reader: Source
    engine: Engine
    sessions: sessionmaker[Session]
    scope: Scope
    version: str  #: of hr_sync
    connections: int = 8  #: requests under way at once
    guard: DeletionLimit = field(default_factory=DeletionLimit)
    access_with_full: bool = False  #: a full pass compares labels and readers too
    overlap: timedelta = timedelta(minutes=15)  #: how far an incremental run looks back behind the watermark
    lease_seconds: float = LEASE_SECONDS  #: how long a space stays closed after its worker vanished without a trace
    tell: ProgressCallback = no_progress  #: called from the threads of the spaces
    observe_lag: Callable[[float], None] = (
        no_measurement  #: seconds from a page's change to its commit; called likewise
    )
    stop: threading.Event = field(default_factory=threading.Event)

    @property
    def worker(self) -> str:
        """Name this process to other workers, and to people who ask who is at it."""
        return worker_name()

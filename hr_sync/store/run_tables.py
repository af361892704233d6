"""The tables of runs and spaces: who writes a space, how far it got, what each run did.

Declarations only; the questions asked of them are in `runs.py`.
"""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column

from hr_sync.store.orm import Base


class SyncSpace(Base):
    """One space that is mirrored: its lease, its position, its last runs."""

    __tablename__ = "sync_spaces"

    space_key: Mapped[str] = mapped_column(primary_key=True, comment="Key of the space")
    space_id: Mapped[str | None] = mapped_column(comment="Confluence's id of the space, which never changes")
    name: Mapped[str | None] = mapped_column(comment="Name of the space")
    lease_holder: Mapped[str | None] = mapped_column(comment="Worker that may write this space; null = nobody")
    lease_expires_at: Mapped[datetime | None] = mapped_column(comment="Until when (the database's clock)")
    epoch: Mapped[int] = mapped_column(
        BigInteger, server_default=text("0"), comment="Grows with each lease; a writer with an older one is refused"
    )
    watermark: Mapped[datetime | None] = mapped_column(
        comment="Changes up to here are stored (Confluence's clock); null = never synchronised"
    )
    scope_fingerprint: Mapped[str | None] = mapped_column(comment="Digest of the configured scope of the last run")
    last_run_id: Mapped[int | None] = mapped_column(BigInteger, comment="Last run of this space")
    last_complete_run_id: Mapped[int | None] = mapped_column(BigInteger, comment="Last complete run of this space")
    last_complete_at: Mapped[datetime | None] = mapped_column(comment="When it ended: freshness is its age")
    last_full_at: Mapped[datetime | None] = mapped_column(comment="When the last complete full listing ended")
    access_synced_at: Mapped[datetime | None] = mapped_column(
        comment="When labels and readers of its pages were compared last"
    )

    __table_args__ = ({"comment": "Mirrored spaces: lease, position and freshness"},)


class SyncRun(Base):
    """One run, over one or more spaces. A report: nothing waits for a row that says "running"."""

    __tablename__ = "sync_runs"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True, comment="Number of the run")
    mode: Mapped[str] = mapped_column(comment="full, incremental, restrictions or resync")
    started_at: Mapped[datetime] = mapped_column(server_default=func.now(), comment="When it began")
    finished_at: Mapped[datetime | None] = mapped_column(comment="When it ended; null while running or after a crash")
    outcome: Mapped[str | None] = mapped_column(
        comment="complete, partial, held, stopped or failed; null while running or after a crash"
    )
    exit_code: Mapped[int | None] = mapped_column(comment="Exit code that the outcome means")
    worker: Mapped[str] = mapped_column(comment="host:pid of the process")
    version: Mapped[str] = mapped_column(comment="Version of hr_sync")
    error: Mapped[str | None] = mapped_column(comment="What ended it, without any content of a page")
    requests: Mapped[int] = mapped_column(server_default=text("0"), comment="HTTP requests made")
    bodies: Mapped[int] = mapped_column(server_default=text("0"), comment="Page bodies fetched")
    listed: Mapped[int] = mapped_column(server_default=text("0"), comment="Pages that the listings showed")
    inserted: Mapped[int] = mapped_column(server_default=text("0"), comment="Pages that are new")
    updated: Mapped[int] = mapped_column(server_default=text("0"), comment="Pages whose row was written again")
    moved: Mapped[int] = mapped_column(server_default=text("0"), comment="Pages of which title, place or url changed")
    unchanged: Mapped[int] = mapped_column(server_default=text("0"), comment="Pages that needed nothing")
    failed: Mapped[int] = mapped_column(server_default=text("0"), comment="Pages that failed")
    hidden: Mapped[int] = mapped_column(server_default=text("0"), comment="Pages newly hidden")
    removed: Mapped[int] = mapped_column(server_default=text("0"), comment="Pages newly removed")
    restored: Mapped[int] = mapped_column(server_default=text("0"), comment="Hidden or removed pages that are back")
    relabelled: Mapped[int] = mapped_column(server_default=text("0"), comment="Pages with other labels than before")
    restricted: Mapped[int] = mapped_column(server_default=text("0"), comment="Pages with other readers than before")

    __table_args__ = (
        Index(None, "started_at"),
        {"comment": "Runs of hr_sync, whatever became of them"},
    )


class SyncRunSpace(Base):
    """What one run did in one space."""

    __tablename__ = "sync_run_spaces"

    run_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey(SyncRun.id, ondelete="CASCADE"), primary_key=True, comment="The run"
    )
    space_key: Mapped[str] = mapped_column(primary_key=True, comment="The space")
    outcome: Mapped[str | None] = mapped_column(comment="As in sync_runs, for this space")
    requests: Mapped[int] = mapped_column(server_default=text("0"), comment="HTTP requests made")
    bodies: Mapped[int] = mapped_column(server_default=text("0"), comment="Page bodies fetched")
    listed: Mapped[int] = mapped_column(server_default=text("0"), comment="Pages that the listing showed")
    inserted: Mapped[int] = mapped_column(server_default=text("0"), comment="Pages that are new")
    updated: Mapped[int] = mapped_column(server_default=text("0"), comment="Pages whose row was written again")
    moved: Mapped[int] = mapped_column(server_default=text("0"), comment="Pages of which title, place or url changed")
    unchanged: Mapped[int] = mapped_column(server_default=text("0"), comment="Pages that needed nothing")
    failed: Mapped[int] = mapped_column(server_default=text("0"), comment="Pages that failed")
    hidden: Mapped[int] = mapped_column(server_default=text("0"), comment="Pages newly hidden")
    removed: Mapped[int] = mapped_column(server_default=text("0"), comment="Pages newly removed")
    restored: Mapped[int] = mapped_column(server_default=text("0"), comment="Hidden or removed pages that are back")
    relabelled: Mapped[int] = mapped_column(server_default=text("0"), comment="Pages with other labels than before")
    restricted: Mapped[int] = mapped_column(server_default=text("0"), comment="Pages with other readers than before")
    held: Mapped[int] = mapped_column(server_default=text("0"), comment="Removals that wait for a decision")
    listing_digest: Mapped[str | None] = mapped_column(
        comment="Digest over the complete listing: equal digests prove equal listings; null when not complete"
    )
    error: Mapped[str | None] = mapped_column(comment="What ended it, without any content of a page")
    started_at: Mapped[datetime] = mapped_column(server_default=func.now(), comment="When it began")
    finished_at: Mapped[datetime | None] = mapped_column(comment="When it ended; null while running or after a crash")

    __table_args__ = (
        Index(None, "space_key", "run_id"),
        {"comment": "What each run did in each space"},
    )

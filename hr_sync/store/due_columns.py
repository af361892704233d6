"""The columns of `sync_spaces` that say when a space is due, and what of it leaves in the present round."""

from datetime import datetime

from sqlalchemy import BigInteger, Index, SmallInteger, text
from sqlalchemy.orm import Mapped, mapped_column

_LAST = 100  # after the columns of the class itself


class DueColumns:
    """When a space is due in each mode, in which order, and what its last full pass decided to remove."""

    full_due_at: Mapped[datetime | None] = mapped_column(
        sort_order=_LAST, comment="When its next full pass of serve is due; null = with the next round"
    )
    incremental_due_at: Mapped[datetime | None] = mapped_column(
        sort_order=_LAST, comment="When serve looks for changed pages next; null = with the next round"
    )
    access_due_at: Mapped[datetime | None] = mapped_column(
        sort_order=_LAST, comment="When serve reads who may read its pages next; null = with the next round"
    )
    priority: Mapped[int] = mapped_column(
        SmallInteger,
        server_default=text("0"),
        sort_order=_LAST,
        comment="Order among spaces that are due: 0 never complete, 1 as a rule, 2 its last pass failed",
    )
    reserved_until: Mapped[datetime | None] = mapped_column(
        sort_order=_LAST, comment="Until when serve leaves the space to a request that waits for its lease"
    )
    decided_at: Mapped[datetime | None] = mapped_column(
        sort_order=_LAST, comment="When the last full pass decided what leaves the space"
    )
    decided_run_id: Mapped[int | None] = mapped_column(BigInteger, sort_order=_LAST, comment="Run whose pass that was")
    pages_decided: Mapped[int] = mapped_column(
        server_default=text("0"), sort_order=_LAST, comment="Pages that were not removed then"
    )
    pages_leaving: Mapped[int] = mapped_column(
        server_default=text("0"), sort_order=_LAST, comment="Those of them that began to leave, and nobody had allowed"
    )
    pages_leaving_before: Mapped[int] = mapped_column(
        server_default=text("0"), sort_order=_LAST, comment="Those that an earlier run had hidden, and this one removes"
    )
    posts_decided: Mapped[int] = mapped_column(
        server_default=text("0"), sort_order=_LAST, comment="Blog posts among them that were not removed then"
    )
    posts_leaving: Mapped[int] = mapped_column(
        server_default=text("0"), sort_order=_LAST, comment="Those of them that began to leave, and nobody had allowed"
    )
    posts_leaving_before: Mapped[int] = mapped_column(
        server_default=text("0"), sort_order=_LAST, comment="Those that an earlier run had hidden, and this one removes"
    )
    attachments_decided: Mapped[int] = mapped_column(
        server_default=text("0"), sort_order=_LAST, comment="Attachments that were not removed then"
    )
    attachments_leaving: Mapped[int] = mapped_column(
        server_default=text("0"), sort_order=_LAST, comment="Those of them that began to leave, and nobody had allowed"
    )
    attachments_leaving_before: Mapped[int] = mapped_column(
        server_default=text("0"), sort_order=_LAST, comment="Those that an earlier run had hidden, and this one removes"
    )
    comments_decided: Mapped[int] = mapped_column(
        server_default=text("0"), sort_order=_LAST, comment="Comments that were not removed then"
    )
    comments_leaving: Mapped[int] = mapped_column(
        server_default=text("0"), sort_order=_LAST, comment="Those of them that began to leave, and nobody had allowed"
    )
    comments_leaving_before: Mapped[int] = mapped_column(
        server_default=text("0"), sort_order=_LAST, comment="Those that an earlier run had hidden, and this one removes"
    )


#: For taking the next due space of thousands without sorting them. Leases do not touch these columns.
DUE_INDEXES = tuple(
    Index(None, "priority", column, "space_key") for column in ("full_due_at", "incremental_due_at", "access_due_at")
)

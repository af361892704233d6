"""The table of what the site has said about the rate of requests."""

from datetime import datetime

from sqlalchemy import CheckConstraint, SmallInteger, text
from sqlalchemy.orm import Mapped, mapped_column

from hr_sync.store.orm import Base


class SiteBudget(Base):
    """What the site last said about the rate of requests: one row, for all workers."""

    __tablename__ = "site_budget"

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, server_default=text("1"), comment="Always 1")
    blocked_until: Mapped[datetime | None] = mapped_column(
        comment="No worker sends a request before this; null = the site never asked for that"
    )
    blocked_by: Mapped[str | None] = mapped_column(comment="Worker that the site asked, host:pid")
    requests_left: Mapped[int | None] = mapped_column(
        comment="Requests that the site still answers now, as it said; null = it does not say"
    )
    requests_limit: Mapped[int | None] = mapped_column(comment="Of how many")
    told_at: Mapped[datetime | None] = mapped_column(comment="When it said so")

    __table_args__ = (
        CheckConstraint("id = 1", name="one_row"),
        {"comment": "What the site has said about the rate of requests, for all workers together"},
    )

"""The tables of the feed: changes, consumers, and what makes a position comparable. Declarations only."""

import uuid
from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, Identity, Index, SmallInteger, Text, func, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from hr_sync.domain.changes import ChangeAction, ChangedField
from hr_sync.domain.content import ContentKind
from hr_sync.store.orm import Base, Xid8
from hr_sync.store.tables import one_of, quoted_words


class ContentChange(Base):
    """One change that was applied, written in the transaction that applied it: the feed of consumers."""

    __tablename__ = "content_changes"

    seq: Mapped[int] = mapped_column(
        BigInteger,
        Identity(always=True),
        primary_key=True,
        comment="Order of the changes, which is the order of the commits; numbers may be missing",
    )
    page_id: Mapped[str] = mapped_column(comment="The page; it may have been purged since")
    attachment_id: Mapped[str | None] = mapped_column(
        comment="The attachment of the page that changed; null = the page itself or a comment did"
    )
    comment_id: Mapped[str | None] = mapped_column(
        comment="The comment of the page that changed; null = the page itself or an attachment did"
    )
    page_kind: Mapped[str | None] = mapped_column(
        comment="What the page is: page or blog_post; null = not known, as it never was stored"
    )
    space_key: Mapped[str] = mapped_column(comment="Its space after the change")
    run_id: Mapped[int] = mapped_column(
        BigInteger, comment="Run that applied the change; 0 = no run did: other settings, new text, or the clock"
    )
    action: Mapped[str] = mapped_column(
        comment="What was done: insert, update, move, restore, relabel, restrict, derive, hide, remove or purge"
    )
    changed_fields: Mapped[list[str]] = mapped_column(
        ARRAY(Text),
        comment="What differs now, never empty: text, title, location, url, version, labels, restrictions, hidden, "
        "restored, erased, resolution, sections",
    )
    sections_added: Mapped[list[str]] = mapped_column(
        ARRAY(Text), server_default=text("'{}'"), comment="Sections that the text before did not have (derive)"
    )
    sections_changed: Mapped[list[str]] = mapped_column(
        ARRAY(Text), server_default=text("'{}'"), comment="Sections that differ from those of the text before (derive)"
    )
    sections_removed: Mapped[list[str]] = mapped_column(
        ARRAY(Text), server_default=text("'{}'"), comment="Sections that the text no longer has (derive)"
    )
    version: Mapped[int | None] = mapped_column(comment="Version of the page after the change")
    reason: Mapped[str | None] = mapped_column(comment="Why, in words for an operator")
    transaction_id: Mapped[int] = mapped_column(
        Xid8, server_default=func.pg_current_xact_id(), comment="Transaction that wrote this row, for diagnosis"
    )
    changed_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp(), comment="When it was applied")

    __table_args__ = (
        one_of("page_kind", ContentKind),
        one_of("action", ChangeAction),
        CheckConstraint(f"changed_fields <@ ARRAY[{quoted_words(ChangedField)}]", name="changed_fields"),
        CheckConstraint("cardinality(changed_fields) > 0", name="changed_fields_not_empty"),
        # Without the seq: equal keys share an entry, and the rows of a revocation take two thirds of the time.
        Index(None, "page_id"),
        {
            "comment": "Every change that consumers can see, once. Rows are numbered under a lock that is held until "
            "the commit: read those with a greater seq than the last one, ordered by seq, as docs/feed.md says"
        },
    )


class FeedState(Base):
    """What makes a position in the feed comparable: one row."""

    __tablename__ = "feed_state"

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, server_default=text("1"), comment="Always 1")
    seed: Mapped[uuid.UUID] = mapped_column(
        server_default=func.gen_random_uuid(),
        comment="Made with the tables; feed_epoch() is made from it and from where the tables are",
    )
    pruned_seq: Mapped[int] = mapped_column(
        BigInteger,
        server_default=text("0"),
        comment="Greatest seq that was deleted as old; a consumer that has not acknowledged it has missed changes",
    )

    __table_args__ = (
        CheckConstraint("id = 1", name="one_row"),
        {"comment": "State of the feed. Without the row nobody can read the feed"},
    )


class FeedConsumer(Base):
    """A named reader of the feed, and how far it is."""

    __tablename__ = "feed_consumers"

    name: Mapped[str] = mapped_column(primary_key=True, comment="Name that the consumer gives itself")
    epoch: Mapped[uuid.UUID] = mapped_column(comment="feed_epoch() when it took its snapshot")
    acked_seq: Mapped[int] = mapped_column(BigInteger, comment="Greatest seq that it has acknowledged")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now(), comment="When it took its first snapshot")
    snapshot_at: Mapped[datetime] = mapped_column(server_default=func.now(), comment="When it took its last snapshot")
    acked_at: Mapped[datetime | None] = mapped_column(comment="When it last acknowledged; null = never")
    seen_at: Mapped[datetime] = mapped_column(
        server_default=func.now(),
        comment="When it last acknowledged, took a snapshot, or had nothing to read; old rows are kept for it then",
    )

    __table_args__ = (
        CheckConstraint("name <> ''", name="name"),
        {"comment": "Consumers of content_changes and their positions (hr-sync changes)"},
    )

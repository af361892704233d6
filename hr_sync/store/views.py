"""The views that consumers read, and how they get into the database.

A view is a security barrier: a role that may read it and nothing else cannot see rows that it leaves out by a function
of its own in the query.

A view is a `CreateView` without metadata, over the tables' columns; its columns carry the tables' names. Views hold no
data, so no revision repeats their text: `schema.py` creates what is missing and, after each migration, replaces all of
them by this module's. Replacing keeps the grants that a DBA gave; PostgreSQL lets it add columns at the end only, so a
revision that must take a column away drops the view first.
"""

from collections.abc import Sequence
from typing import Any, cast

from sqlalchemy import ColumnElement, Connection, SelectBase, Table, and_, func, or_, select, true
from sqlalchemy.sql.ddl import CreateView

from hr_sync.domain.access import AccessMode
from hr_sync.store.access_tables import AccessPolicyRow, AccessSet
from hr_sync.store.attachment_tables import AttachmentText, PageAttachment
from hr_sync.store.comment_tables import PageComment
from hr_sync.store.orm import SCHEMA_TOKEN
from hr_sync.store.tables import ConfluencePage, PageBody, SyncSpace
from hr_sync.store.text_tables import PageSection, PageText

_PAGE = cast("Table", ConfluencePage.__table__).c
_BODY = cast("Table", PageBody.__table__).c
_SET = cast("Table", AccessSet.__table__).c
_POLICY = cast("Table", AccessPolicyRow.__table__).c
_SPACE = cast("Table", SyncSpace.__table__).c
_TEXT = cast("Table", PageText.__table__).c
_SECTION = cast("Table", PageSection.__table__).c
_ATTACHMENT = cast("Table", PageAttachment.__table__).c
_COMMENT = cast("Table", PageComment.__table__).c
_FILE_TEXT = cast("Table", AttachmentText.__table__).c

# By the id of the space: its key is given to others, and rows that were written under a former key still are its own.
_CLOCKS = (
    select(
        _SPACE.space_id,
        func.min(_SPACE.last_complete_at).label("checked_at"),
        func.min(_SPACE.access_checked_at).label("access_checked_at"),
        func.min(_SPACE.attachments_checked_at).label("attachments_checked_at"),
        func.min(_SPACE.comments_checked_at).label("comments_checked_at"),
    )
    .group_by(_SPACE.space_id)
    .subquery("clocks")
)


def _hours(number: ColumnElement[int]) -> ColumnElement[object]:
    return func.make_interval(0, 0, 0, 0, number)


def _access_is_recent(access_checked_at: ColumnElement[object]) -> ColumnElement[bool]:
    return access_checked_at > func.now() - _hours(_POLICY.max_age_hours)


def _is_shown(checked_at: ColumnElement[object]) -> ColumnElement[bool]:
    return or_(_POLICY.hide_after_hours.is_(None), checked_at > func.now() - _hours(_POLICY.hide_after_hours))


# A set with layers from other spaces needs recent facts of each of them.
_RECENT_SPACES = (
    select(func.array_agg(_CLOCKS.c.space_id))
    .join_from(_CLOCKS, AccessPolicyRow, true())
    .where(_access_is_recent(_CLOCKS.c.access_checked_at), _is_shown(_CLOCKS.c.checked_at))
    .correlate(None)
    .scalar_subquery()
)
_OTHER_SPACES_ARE_RECENT = or_(func.cardinality(_SET.spaces) == 0, _SET.spaces.contained_by(_RECENT_SPACES))

# What a chatbot may answer from: current, in scope (out of scope is removed), neither hidden nor removed, with its body
# there, and within what every reader of the audience may read, by facts that are recent. In mode `account` the audience
# is the account of hr_sync. Without a policy there is no row.
_LIVE_PAGES = (
    select(
        _PAGE.id,
        _PAGE.title,
        _PAGE.space_key,
        _PAGE.content_hash,
        _PAGE.last_updated,
        _PAGE.version,
        _PAGE.url,
        _PAGE.parent_id,
        _PAGE.synced_at,
        _BODY.storage,
        _CLOCKS.c.checked_at,
        _CLOCKS.c.access_checked_at,
        _PAGE.kind,
    )
    .join_from(ConfluencePage, PageBody, _BODY.page_id == _PAGE.id)
    .join(AccessPolicyRow, true())
    .outerjoin(_CLOCKS, _CLOCKS.c.space_id == _PAGE.space_id)
    .outerjoin(AccessSet, _SET.id == _PAGE.access_set_id)
    .where(
        _PAGE.status == "current",
        _PAGE.hidden_at.is_(None),
        _PAGE.removed_at.is_(None),
        or_(
            _POLICY.mode == AccessMode.ACCOUNT,
            and_(_SET.audience, _access_is_recent(_CLOCKS.c.access_checked_at), _OTHER_SPACES_ARE_RECENT),
        ),
        _is_shown(_CLOCKS.c.checked_at),
    )
)


def _is_known(known_since: ColumnElement[Any]) -> ColumnElement[bool]:
    # What was not known when access to the space was read is shown in the mode `account` alone.
    return or_(_POLICY.mode == AccessMode.ACCOUNT, _CLOCKS.c.access_checked_at >= known_since)


# A section of a file is shown while the file is on its page, shown there, and in the version that was read.
_FILE_IS_SHOWN = (
    select(_ATTACHMENT.id)
    .join_from(PageAttachment, AttachmentText, _FILE_TEXT.attachment_id == _ATTACHMENT.id)
    .where(
        _ATTACHMENT.id == _SECTION.attachment_id,
        _ATTACHMENT.page_id == _SECTION.page_id,
        _ATTACHMENT.hidden_at.is_(None),
        _ATTACHMENT.removed_at.is_(None),
        _ATTACHMENT.version == _FILE_TEXT.version,
        _is_known(_ATTACHMENT.known_since),
    )
    .correlate(PageSection, AccessPolicyRow, _CLOCKS)
    .exists()
)

# A section of a comment is shown while the comment is on its page, shown there, in an open thread, and has the text
# that was rendered.
_COMMENT_IS_SHOWN = (
    select(_COMMENT.id)
    .where(
        _COMMENT.id == _SECTION.comment_id,
        _COMMENT.page_id == _SECTION.page_id,
        _COMMENT.content_hash == _SECTION.comment_hash,
        _COMMENT.known_since <= _TEXT.rendered_at,
        _COMMENT.in_open_thread,
        _COMMENT.hidden_at.is_(None),
        _COMMENT.removed_at.is_(None),
        _is_known(_COMMENT.known_since),
    )
    .correlate(PageSection, PageText, AccessPolicyRow, _CLOCKS)
    .exists()
)

# The sections of the same pages, as far as their text was made from the body that is stored, and of their files.
_LIVE_SECTIONS = (
    _LIVE_PAGES.with_only_columns(
        _SECTION.section_id,
        _SECTION.page_id,
        _SECTION.ordinal,
        _SECTION.level,
        _SECTION.parent_section_id,
        _SECTION.heading_path,
        _SECTION.text,
        _SECTION.embed_text,
        _SECTION.text_hash,
        _PAGE.title,
        _PAGE.url,
        _PAGE.space_key,
        _PAGE.version,
        _PAGE.last_updated,
        _CLOCKS.c.checked_at,
        _CLOCKS.c.access_checked_at,
        _SECTION.attachment_id,
        _SECTION.comment_id,
        _PAGE.kind.label("page_kind"),
    )
    .join(PageText, and_(_TEXT.page_id == _PAGE.id, _TEXT.content_hash == _PAGE.content_hash))
    .join(PageSection, _SECTION.page_id == _PAGE.id)
    .where(
        or_(_SECTION.attachment_id.is_(None), _FILE_IS_SHOWN),
        or_(_SECTION.comment_id.is_(None), _COMMENT_IS_SHOWN),
    )
)

# The files of the same pages, under access that was read after them. A page that is not shown shows no file.
_LIVE_ATTACHMENTS = (
    _LIVE_PAGES.with_only_columns(
        _ATTACHMENT.id,
        _ATTACHMENT.page_id,
        _ATTACHMENT.name,
        _ATTACHMENT.media_type,
        _ATTACHMENT.size_bytes,
        _ATTACHMENT.version,
        _ATTACHMENT.last_updated,
        _ATTACHMENT.download_path,
        _ATTACHMENT.synced_at,
        _PAGE.title.label("page_title"),
        _PAGE.url.label("page_url"),
        _PAGE.space_key,
        _CLOCKS.c.attachments_checked_at.label("checked_at"),
        _CLOCKS.c.access_checked_at,
        _PAGE.kind.label("page_kind"),
    )
    .join(PageAttachment, _ATTACHMENT.page_id == _PAGE.id)
    .where(_ATTACHMENT.hidden_at.is_(None), _ATTACHMENT.removed_at.is_(None), _is_known(_ATTACHMENT.known_since))
)

# The comments about the same pages, under access that was read after their text.
_LIVE_COMMENTS = (
    _LIVE_PAGES.with_only_columns(
        _COMMENT.id,
        _COMMENT.page_id,
        _COMMENT.kind,
        _COMMENT.parent_id,
        _COMMENT.version,
        _COMMENT.author_id,
        _COMMENT.created_at,
        _COMMENT.last_updated,
        _COMMENT.resolution,
        _COMMENT.quoted_text,
        _COMMENT.storage,
        _COMMENT.content_hash,
        _COMMENT.synced_at,
        _PAGE.title.label("page_title"),
        _PAGE.url.label("page_url"),
        _PAGE.space_key,
        _CLOCKS.c.comments_checked_at.label("checked_at"),
        _CLOCKS.c.access_checked_at,
        _PAGE.kind.label("page_kind"),
    )
    .join(PageComment, _COMMENT.page_id == _PAGE.id)
    .where(
        _COMMENT.hidden_at.is_(None),
        _COMMENT.removed_at.is_(None),
        _is_known(_COMMENT.known_since),
    )
)

# How old what consumers see is, by space.
_MIRROR_FRESHNESS = (
    select(
        _SPACE.space_key,
        _SPACE.space_id,
        _SPACE.name,
        _SPACE.last_complete_at.label("checked_at"),
        _SPACE.last_full_at.label("listed_at"),
        _SPACE.access_checked_at,
        func.coalesce(_access_is_recent(_SPACE.access_checked_at), False).label("access_is_recent"),
        _SPACE.viewers_known,
        func.coalesce(_is_shown(_SPACE.last_complete_at), False).label("is_shown"),
        _POLICY.mode.label("access_mode"),
        _SPACE.attachments_checked_at,
        _SPACE.comments_checked_at,
    )
    .join_from(SyncSpace, AccessPolicyRow, true())
    .where(_SPACE.gone_at.is_(None), _SPACE.epoch > 0)  # not one that no run has begun
)


def consumer_view(query: SelectBase, name: str) -> CreateView:
    """Return the statement that creates or replaces a view for consumers."""
    options = {"security_barrier": True}
    return CreateView(query, name, schema=SCHEMA_TOKEN, or_replace=True, postgresql_with=options)


VIEWS: tuple[CreateView, ...] = (
    consumer_view(_LIVE_PAGES, "live_pages"),
    consumer_view(_LIVE_SECTIONS, "live_sections"),
    consumer_view(_LIVE_ATTACHMENTS, "live_attachments"),
    consumer_view(_LIVE_COMMENTS, "live_comments"),
    consumer_view(_MIRROR_FRESHNESS, "mirror_freshness"),
)


def create_views(connection: Connection, views: Sequence[CreateView] = VIEWS) -> None:
    """Create or replace `views` in the engine's schema, in the transaction that `connection` is in."""
    for view in views:
        connection.execute(view)

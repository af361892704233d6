"""Which files and comments, and which sections of them, are shown under what is known of their readers.

Whoever restricts a page and then attaches a file to it, or writes about it, means those who may read it now. So an item
is shown once access to the space was read after the item was known as it is (`known_since`), on the database's clock.

The words of SQL are for the functions for consumers, and say what the views say. Names as in `functions.py`: `section`,
and `page` and `made` (`page_texts`) beside it.
"""

from typing import Any

from sqlalchemy import ColumnElement, func, or_, select

from hr_sync.domain.access import AccessMode
from hr_sync.store.access_tables import AccessPolicyRow
from hr_sync.store.tables import ConfluencePage, SyncSpace


def is_in_account_mode() -> ColumnElement[bool]:
    """Return whether consumers see what the account sees; false without a policy."""
    mode = select(AccessPolicyRow.mode).scalar_subquery()
    return mode.is_not_distinct_from(AccessMode.ACCOUNT.value)


def access_was_read_after(known_since: Any) -> ColumnElement[bool]:
    """Return whether access to the space of the page of the outer query was read after this time."""
    page, space = ConfluencePage, SyncSpace
    read_at = select(func.min(space.access_checked_at)).where(space.space_id == page.space_id).correlate(page)
    return func.coalesce(read_at.scalar_subquery() >= known_since, False)


def is_known(known_since: Any) -> ColumnElement[bool]:
    """Return whether an item of the page of the outer query is shown under what is known of its readers."""
    return or_(is_in_account_mode(), access_was_read_after(known_since))


_READ_AT = "(SELECT min(space.access_checked_at) FROM {schema}.sync_spaces space WHERE space.space_id = page.space_id)"
#: An attachment, or a comment, under access that was read after it.
FILE_IS_KNOWN = f"{_READ_AT} >= attachment.known_since"
COMMENT_IS_KNOWN = f"{_READ_AT} >= comment.known_since"

# As in `live_sections`: a section of a file is shown while the file is shown on its page, in the version that was read.
_FILE_IS_SHOWN = """(section.attachment_id IS NULL OR EXISTS (
            SELECT FROM {{schema}}.page_attachments attachment
                JOIN {{schema}}.attachment_texts known ON known.attachment_id = attachment.id
                    AND known.version = attachment.version
            WHERE attachment.id = section.attachment_id AND attachment.page_id = section.page_id
                AND attachment.hidden_at IS NULL AND attachment.removed_at IS NULL AND {readers_are_known}))"""

# As in `live_sections`: a section of a comment is shown while the comment is, in an open thread, with the text that
# was rendered.
_COMMENT_IS_SHOWN = """(section.comment_id IS NULL OR EXISTS (
            SELECT FROM {{schema}}.page_comments comment
            WHERE comment.id = section.comment_id AND comment.page_id = section.page_id
                AND comment.content_hash = section.comment_hash AND comment.known_since <= made.rendered_at
                AND comment.in_open_thread
                AND comment.hidden_at IS NULL AND comment.removed_at IS NULL AND {readers_are_known}))"""

#: To one asker, in every mode: under access that was read after the file or the text. A pass over the texts in the mode
#: `account` reads what is newer too.
_FILE = _FILE_IS_SHOWN.format(readers_are_known=FILE_IS_KNOWN)
COMMENT_IS_SHOWN = _COMMENT_IS_SHOWN.format(readers_are_known=COMMENT_IS_KNOWN)
IS_SHOWN = f"{_FILE} AND {COMMENT_IS_SHOWN}"

_IN_ACCOUNT = "(SELECT policy.mode = 'account' FROM {schema}.access_policy policy)"
#: To the audience: in the mode `account` that is the account, which sees them.
_LIVE_FILE = _FILE_IS_SHOWN.format(readers_are_known=f"({_IN_ACCOUNT} OR {FILE_IS_KNOWN})")
_LIVE_COMMENT = _COMMENT_IS_SHOWN.format(readers_are_known=f"({_IN_ACCOUNT} OR {COMMENT_IS_KNOWN})")
IS_LIVE = f"{_LIVE_FILE} AND {_LIVE_COMMENT}"

# The sections of comments about the same pages.
COMMENT_SECTIONS = """JOIN {schema}.page_sections section ON section.page_id = page.id
            AND section.comment_id IS NOT NULL"""

# The files of the same pages whose text is shown to one asker.
READ_FILES = f"""JOIN {{schema}}.page_attachments attachment ON attachment.page_id = page.id
            AND attachment.hidden_at IS NULL AND attachment.removed_at IS NULL
        JOIN {{schema}}.attachment_texts known ON known.attachment_id = attachment.id
            AND known.version = attachment.version AND {FILE_IS_KNOWN}"""

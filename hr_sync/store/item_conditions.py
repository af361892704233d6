"""Which sections of files and comments the functions for consumers show, as SQL: what the view `live_sections` says.

Names as in `functions.py`: `section`, and `page` and `made` (`page_texts`) beside it.
"""

from datetime import timedelta

#: How much the clocks of Confluence and of the database may differ.
CLOCKS_DIFFER = timedelta(minutes=2)

_READ_AT = "(SELECT min(space.access_checked_at) FROM {schema}.sync_spaces space WHERE space.space_id = page.space_id)"
_FILE_IS_KNOWN = f"{_READ_AT} > attachment.last_updated + interval '{CLOCKS_DIFFER.total_seconds():.0f} seconds'"
_COMMENT_IS_KNOWN = f"{_READ_AT} >= comment.text_read_at"

# As in `live_sections`: a section of a file is shown while the file is shown on its page, in the version that was read.
_FILE_IS_SHOWN = """(section.attachment_id IS NULL OR EXISTS (
            SELECT FROM {{schema}}.page_attachments attachment
                JOIN {{schema}}.attachment_texts known ON known.attachment_id = attachment.id
                    AND known.version = attachment.version
            WHERE attachment.id = section.attachment_id AND attachment.page_id = section.page_id
                AND attachment.hidden_at IS NULL AND attachment.removed_at IS NULL AND {readers_are_known}))"""

# As in `live_sections`: a section of a comment is shown while the comment is, with the text that was rendered.
_COMMENT_IS_SHOWN = """(section.comment_id IS NULL OR EXISTS (
            SELECT FROM {{schema}}.page_comments comment
            WHERE comment.id = section.comment_id AND comment.page_id = section.page_id
                AND comment.content_hash = section.comment_hash AND comment.text_read_at <= made.rendered_at
                AND comment.hidden_at IS NULL AND comment.removed_at IS NULL AND {readers_are_known}))"""

#: To one asker, in every mode: under access that was read after the file or the text. A pass over the texts in the mode
#: `account` reads what is newer too.
_FILE = _FILE_IS_SHOWN.format(readers_are_known=_FILE_IS_KNOWN)
COMMENT_IS_SHOWN = _COMMENT_IS_SHOWN.format(readers_are_known=_COMMENT_IS_KNOWN)
IS_SHOWN = f"{_FILE} AND {COMMENT_IS_SHOWN}"

_IN_ACCOUNT = "(SELECT policy.mode = 'account' FROM {schema}.access_policy policy)"
#: To the audience: in the mode `account` that is the account, which sees them.
_LIVE_FILE = _FILE_IS_SHOWN.format(readers_are_known=f"({_IN_ACCOUNT} OR {_FILE_IS_KNOWN})")
_LIVE_COMMENT = _COMMENT_IS_SHOWN.format(readers_are_known=f"({_IN_ACCOUNT} OR {_COMMENT_IS_KNOWN})")
IS_LIVE = f"{_LIVE_FILE} AND {_LIVE_COMMENT}"

# The sections of comments about the same pages.
COMMENT_SECTIONS = """JOIN {schema}.page_sections section ON section.page_id = page.id
            AND section.comment_id IS NOT NULL"""

# The files of the same pages whose text is shown to one asker.
READ_FILES = f"""JOIN {{schema}}.page_attachments attachment ON attachment.page_id = page.id
            AND attachment.hidden_at IS NULL AND attachment.removed_at IS NULL
        JOIN {{schema}}.attachment_texts known ON known.attachment_id = attachment.id
            AND known.version = attachment.version AND {_FILE_IS_KNOWN}"""

"""Which sections of files and comments the functions for consumers show, as SQL: what the view `live_sections` says.

Names as in `functions.py`: `section`, and `page` and `made` (`page_texts`) beside it.
"""

# As in `live_sections`: a section of a file is shown while the file is shown on its page, in the version that was read.
FILE_IS_SHOWN = """(section.attachment_id IS NULL OR EXISTS (
            SELECT FROM {schema}.page_attachments attachment
                JOIN {schema}.attachment_texts known ON known.attachment_id = attachment.id
                    AND known.version = attachment.version
            WHERE attachment.id = section.attachment_id AND attachment.page_id = section.page_id
                AND attachment.hidden_at IS NULL AND attachment.removed_at IS NULL))"""

# As in `live_sections`: a section of a comment is shown while the comment is, with the text that was rendered.
COMMENT_IS_SHOWN = """(section.comment_id IS NULL OR EXISTS (
            SELECT FROM {schema}.page_comments comment
            WHERE comment.id = section.comment_id AND comment.page_id = section.page_id
                AND comment.content_hash = section.comment_hash AND comment.text_read_at <= made.rendered_at
                AND comment.hidden_at IS NULL AND comment.removed_at IS NULL))"""

# The sections of comments about the same pages.
COMMENT_SECTIONS = """JOIN {schema}.page_sections section ON section.page_id = page.id
            AND section.comment_id IS NOT NULL"""

# The files of the same pages whose text is shown.
READ_FILES = """JOIN {schema}.page_attachments attachment ON attachment.page_id = page.id
            AND attachment.hidden_at IS NULL AND attachment.removed_at IS NULL
        JOIN {schema}.attachment_texts known ON known.attachment_id = attachment.id
            AND known.version = attachment.version"""

"""Says in words what is known of the files of a page and of the comments about it."""

from typing import TYPE_CHECKING

from hr_sync.domain.attachment_texts import outcome_in_words
from hr_sync.domain.principal_words import number

if TYPE_CHECKING:
    from hr_sync.store.read.history import AttachmentLine, CommentCounts

_WAITS = "shown once access was read after it"


def attachment_facts(attachment: "AttachmentLine") -> str:
    """Return in words what is known of a file, and why it is not shown."""
    reason = attachment.removed_reason or attachment.hidden_reason or (_WAITS if attachment.waits else None)
    facts = [attachment.media_type, None if attachment.size_bytes is None else f"{attachment.size_bytes:,} bytes"]
    facts += [f"version {attachment.version}", f"not shown: {reason}" if reason else _text_of_file(attachment)]
    return f"{attachment.name or attachment.id} ({', '.join(filter(None, facts))})"


def comment_facts(comments: "CommentCounts") -> str:
    """Return in words how many comments there are about a page, and how many of them are no text of it."""
    parts = [f"{comments.footer} below the page", f"{comments.inline} about words of it"]
    counted = {"of these not open, and not in its text": comments.closed, _WAITS: comments.waiting}
    parts += [f"{count} {name}" for name, count in (counted | {"not shown": comments.gone}).items() if count]
    return "; ".join(parts)


def _text_of_file(attachment: "AttachmentLine") -> str | None:
    """Return in words what became of the text of a file; None if it was not read, and did not fail."""
    if attachment.download_failure is not None:
        return f"could not be downloaded: {attachment.download_failure}"
    if attachment.text_outcome is None:
        return None
    parts = [outcome_in_words(attachment.text_outcome)]
    if attachment.text_sections:
        parts.append(number(attachment.text_sections, "section"))
    if attachment.text_missing:
        parts.append(f"without {', '.join(attachment.text_missing)}")
    return ", ".join(parts)

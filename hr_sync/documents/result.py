"""What goes into the reading of a document and what comes out of it. Every value is immutable."""

from dataclasses import dataclass
from enum import StrEnum

from hr_sync.render.markdown import Block

READER_VERSION = 1
"""Raise it whenever text or sections of a document become other ones: attachments are then read again."""


class Kind(StrEnum):
    """A type of document that can be read."""

    PDF = "pdf"
    DOCX = "docx"
    XLSX = "xlsx"
    PPTX = "pptx"
    HTML = "html"
    CSV = "csv"
    MARKDOWN = "markdown"
    TEXT = "text"


class Reason(StrEnum):
    """Why nothing of a document was read."""

    ENCRYPTED = "encrypted"  #: it needs a password
    NO_TEXT_LAYER = "no_text_layer"  #: it shows images of text, as a scanner makes them
    NO_TEXT = "no_text"  #: it has no word
    TOO_LARGE = "too_large"
    TOO_MANY_PAGES = "too_many_pages"
    TOO_SLOW = "too_slow"
    TOO_MUCH_MEMORY = "too_much_memory"
    DAMAGED = "damaged"
    UNSUPPORTED_TYPE = "unsupported_type"
    TYPE_MISMATCH = "type_mismatch"  #: its content is not what its name and media type say
    EXPANDS_TOO_MUCH = "expands_too_much"  #: a small file that unpacks to a very large one
    READER_FAILED = "reader_failed"  #: the process that read it crashed or gave no valid answer


class MissingReason(StrEnum):
    """Why a part of a document is not in its text."""

    DAMAGED = "damaged"
    NO_TEXT_LAYER = "no_text_layer"
    TOO_LARGE = "too_large"  #: it unpacks to more than the limit
    HIDDEN = "hidden"  #: the document hides it from its readers
    NOT_REACHED = "not_reached"  #: reading ended before it, for the reason in `limits_reached`, or at damage


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """How large a document may be, and what reading it may cost."""

    file_bytes: int = 20_000_000
    seconds: float = 30.0  #: by the clock, and of processor time; four fifths of it are for reading
    memory_bytes: int = 512 * 1024 * 1024  #: address space of the process that reads
    pages: int = 2_000  #: of a PDF; also slides of a presentation and sheets of a workbook
    text_bytes: int = 5_000_000  #: of the result in UTF-8; what is beyond is left out
    expanded_bytes: int = 200_000_000  #: of all entries of an office document together
    entries: int = 10_000  #: of an office document
    headings: int = 20_000  #: further headings are paragraphs


@dataclass(frozen=True, kw_only=True, slots=True)
class Missing:
    """A part that is not in the text: `Page 7`, a sheet, a slide."""

    part: str
    reason: MissingReason


@dataclass(frozen=True, kw_only=True, slots=True)
class Document:
    """The text of a document."""

    kind: Kind
    blocks: tuple[Block, ...]  #: at least one
    pages: int | None  #: pages, slides or sheets; None where a document has none
    missing: tuple[Missing, ...]  #: the first hundred
    missing_parts: int  #: how many there are
    limits_reached: tuple[str, ...]  #: names of fields of `Limits`, sorted
    hidden_characters: int  #: that no reader of the document sees, and that were left out

    @property
    def is_complete(self) -> bool:
        """Return whether everything that readers of the document see as text is in `blocks`."""
        return not self.limits_reached and all(part.reason is MissingReason.HIDDEN for part in self.missing)


@dataclass(frozen=True, kw_only=True, slots=True)
class Unreadable:
    """A document of which nothing was read."""

    reason: Reason

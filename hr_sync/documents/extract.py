"""One document, from its bytes to its text. Runs in the process that `child` limits."""

import importlib
from collections.abc import Callable
from typing import TypeAlias, cast

from hr_sync.documents.collected import Collected, Refused, TextLimitReached
from hr_sync.documents.result import Document, Kind, Limits, MissingReason, Reason, Unreadable
from hr_sync.documents.sniff import kind_of

Read: TypeAlias = Callable[[bytes, Collected, Limits], None]

# By name: a process loads the libraries of the types that it meets.
_READERS = {
    Kind.PDF: ("pdf", "read_pdf"),
    Kind.DOCX: ("word", "read_docx"),
    Kind.XLSX: ("sheets", "read_xlsx"),
    Kind.PPTX: ("slides", "read_pptx"),
    Kind.HTML: ("written", "read_html"),
    Kind.CSV: ("written", "read_csv"),
    Kind.MARKDOWN: ("written", "read_markdown"),
    Kind.TEXT: ("written", "read_text"),
}

#: Why there is no text where parts are missing; the first that fits counts.
_BY_MISSING = {
    MissingReason.DAMAGED: Reason.DAMAGED,
    MissingReason.TOO_LARGE: Reason.EXPANDS_TOO_MUCH,
    MissingReason.NO_TEXT_LAYER: Reason.NO_TEXT_LAYER,
}


class OutOfTime(BaseException):
    """The document took too long. No `Exception`, since libraries catch those and go on."""


def extract(data: bytes, media_type: str, name: str, limits: Limits) -> Document | Unreadable:
    """Return the text of a document, or why there is none. A document that breaks off gives what stands before."""
    if len(data) > limits.file_bytes:
        return Unreadable(reason=Reason.TOO_LARGE)
    if not data:
        return Unreadable(reason=Reason.NO_TEXT)
    out = Collected(limits)
    try:
        kind = kind_of(data, media_type, name)
        if isinstance(kind, Reason):
            return Unreadable(reason=kind)
        failure = _failure(kind, data, out, limits)
    except OutOfTime:  # before anything was read
        return Unreadable(reason=Reason.TOO_SLOW)
    except MemoryError:
        return Unreadable(reason=Reason.TOO_MUCH_MEMORY)
    if not out.has_text:
        missing = next((reason for part, reason in _BY_MISSING.items() if out.misses(part)), Reason.NO_TEXT)
        return Unreadable(reason=failure or missing)
    if failure is not None:
        _note(failure, out)
    return out.document(kind)


def _failure(kind: Kind, data: bytes, out: Collected, limits: Limits) -> Reason | None:
    """Read a document of a known type. Return why it was not read to its end."""
    module, function = _READERS[kind]
    read = cast("Read", getattr(importlib.import_module(f"hr_sync.documents.{module}"), function))
    try:
        read(data, out, limits)
    except Refused as refused:
        return refused.reason
    except TextLimitReached:
        return None
    except OutOfTime:
        return Reason.TOO_SLOW
    except MemoryError:
        return Reason.TOO_MUCH_MEMORY
    except Exception:  # noqa: BLE001 -- whatever a library meets in a broken document
        return Reason.DAMAGED
    return None


def _note(failure: Reason, out: Collected) -> None:
    """Note why a document of which something was read ends before its end."""
    if failure is Reason.TOO_SLOW:
        out.limits_reached.add("seconds")
    elif failure is Reason.TOO_MUCH_MEMORY:
        out.limits_reached.add("memory_bytes")
    out.miss("the rest", MissingReason.NOT_REACHED)

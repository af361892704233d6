"""PDF: a section for each page, of the text that the page carries. Images are not read."""

import io
from typing import Any

import pypdf
import pypdf.filters
from pypdf.errors import DependencyError, LimitReachedError, PyPdfError

from hr_sync.documents.collected import Collected, Refused, TextLimitReached
from hr_sync.documents.result import Limits, MissingReason, Reason

pypdf.filters.JBIG2DEC_BINARY = None  # no other program is started, for images least of all
_LARGEST_STREAM_BYTES = 50_000_000


def read_pdf(data: bytes, out: Collected, limits: Limits) -> None:
    """Add the text of each page. A page that cannot be read costs itself alone."""
    reader = _opened(data)
    try:
        pages: Any = reader.pages
        out.pages = len(pages)
    except LimitReachedError as error:
        raise Refused(Reason.EXPANDS_TOO_MUCH) from error
    if out.pages > limits.pages:
        raise Refused(Reason.TOO_MANY_PAGES)
    for number in range(1, out.pages + 1):
        try:
            page = pages[number - 1]
            text = page.extract_text()
            is_image = not text.strip() and _shows_something(page)
        except (MemoryError, TextLimitReached):
            raise
        except Exception:  # noqa: BLE001 -- whatever the library meets in a broken page
            out.miss(f"Page {number}", MissingReason.DAMAGED)
            continue
        if is_image:
            out.miss(f"Page {number}", MissingReason.NO_TEXT_LAYER)
        elif text.strip():
            out.heading(1, f"Page {number}")
            out.lines(text)


def _opened(data: bytes) -> pypdf.PdfReader:
    """Return a reader of a document that opens without a password."""
    for name in ("ZLIB_MAX_OUTPUT_LENGTH", "LZW_MAX_OUTPUT_LENGTH", "RUN_LENGTH_MAX_OUTPUT_LENGTH"):
        setattr(pypdf.filters, name, _LARGEST_STREAM_BYTES)
    try:
        reader = pypdf.PdfReader(io.BytesIO(data), strict=False)
        if reader.is_encrypted and not reader.decrypt(""):
            raise Refused(Reason.ENCRYPTED)
    except (DependencyError, NotImplementedError) as error:  # a method of encryption that nobody here knows
        raise Refused(Reason.ENCRYPTED) from error
    except LimitReachedError as error:
        raise Refused(Reason.EXPANDS_TOO_MUCH) from error
    except PyPdfError as error:
        raise Refused(Reason.DAMAGED) from error
    return reader


def _shows_something(page: Any) -> bool:
    """Return whether a page without text has anything on it, as a scanned one has."""
    contents = page.get_contents()
    return contents is not None and bool(contents.get_data().strip())

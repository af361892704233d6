"""PDF: a section for each page, of the text that the page carries. Images are not read."""

import io
import re
from typing import Any

import pypdf
from pypdf.errors import DependencyError, LimitReachedError, PyPdfError

from hr_sync.documents.collected import Collected, Refused, TextLimitReached
from hr_sync.documents.result import Limits, MissingReason, Reason

_LARGEST_STREAM_BYTES = 50_000_000  # unpacked
_PAINTS = re.compile(rb"(?:^|\s)(?:Do|BI|sh|[fFSsbB]\*?)(?:\s|$)")  # operators that leave something on a page


def read_pdf(data: bytes, out: Collected, limits: Limits) -> None:
    """Add the text of each page. A page that cannot be read costs itself alone."""
    with pypdf.apply_configuration(
        zlib_maximum_output_length=_LARGEST_STREAM_BYTES,
        lzw_maximum_output_length=_LARGEST_STREAM_BYTES,
        run_length_maximum_output_length=_LARGEST_STREAM_BYTES,
        jbig2dec_binary=None,  # no other program is started
        disable_legacy_handling=True,
    ):
        _read(data, out, limits)


def _read(data: bytes, out: Collected, limits: Limits) -> None:
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
            why = None if text.strip() else _why_no_text(page)
        except (MemoryError, TextLimitReached):
            raise
        except LimitReachedError:
            out.miss(f"Page {number}", MissingReason.TOO_LARGE)
            continue
        except Exception:  # noqa: BLE001 -- whatever the library meets in a broken page
            out.miss(f"Page {number}", MissingReason.DAMAGED)
            continue
        if why is not None:
            out.miss(f"Page {number}", why)
        elif text.strip():
            out.heading(1, f"Page {number}")
            out.lines(text)


def _opened(data: bytes) -> pypdf.PdfReader:
    """Return a reader of a document that opens without a password."""
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


def _why_no_text(page: Any) -> MissingReason | None:
    """Return why a page has no text; None for a blank one."""
    if "/Contents" not in page:
        return None
    contents = page.get_contents()
    data = b"" if contents is None else contents.get_data()
    if not data and (contents is None or _stored_bytes(page)):
        return MissingReason.DAMAGED
    return MissingReason.NO_TEXT_LAYER if _PAINTS.search(data) else None


def _stored_bytes(page: Any) -> int:
    """Return the size of the streams of a page as they are stored."""
    found = page["/Contents"].get_object()
    streams = [each.get_object() for each in found] if isinstance(found, list) else [found]
    return sum(len(getattr(each, "_data", b"")) for each in streams)

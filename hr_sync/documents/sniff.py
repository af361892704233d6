"""What a file is: by its content, compared with what its name and media type say. Pure."""

import io
import re
import zipfile
from pathlib import PurePosixPath

from hr_sync.documents.result import Kind, Reason

_BY_MEDIA_TYPE = {
    "application/pdf": Kind.PDF,
    "application/x-pdf": Kind.PDF,
    "text/html": Kind.HTML,
    "application/xhtml+xml": Kind.HTML,
    "text/csv": Kind.CSV,
    "text/tab-separated-values": Kind.CSV,
    "text/markdown": Kind.MARKDOWN,
    "text/x-markdown": Kind.MARKDOWN,
    "text/plain": Kind.TEXT,
}
_OFFICE_TYPES = {"wordprocessing": Kind.DOCX, "spreadsheet": Kind.XLSX, "presentation": Kind.PPTX}
_MACRO_TYPES = {"ms-word": Kind.DOCX, "ms-excel": Kind.XLSX, "ms-powerpoint": Kind.PPTX}
_BY_EXTENSION = {
    ".pdf": Kind.PDF,
    **dict.fromkeys((".docx", ".docm", ".dotx", ".dotm"), Kind.DOCX),
    **dict.fromkeys((".xlsx", ".xlsm", ".xltx", ".xltm"), Kind.XLSX),
    **dict.fromkeys((".pptx", ".pptm", ".ppsx", ".ppsm", ".potx", ".potm"), Kind.PPTX),
    **dict.fromkeys((".html", ".htm", ".xhtml"), Kind.HTML),
    **dict.fromkeys((".csv", ".tsv"), Kind.CSV),
    **dict.fromkeys((".md", ".markdown"), Kind.MARKDOWN),
    **dict.fromkeys((".txt", ".text", ".log"), Kind.TEXT),
}
_EXTENSION = re.compile(r"\.(?=[0-9]{0,4}[a-z])[a-z0-9]{1,5}$", re.IGNORECASE)
_UNKNOWN_TYPES = frozenset({"", "application/octet-stream", "application/binary", "binary/octet-stream", "unknown"})
_WRITTEN = frozenset({Kind.HTML, Kind.CSV, Kind.MARKDOWN, Kind.TEXT})
_MAIN_PARTS = {"word/": Kind.DOCX, "xl/": Kind.XLSX, "ppt/": Kind.PPTX}

_COMPOUND_FILE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # of Office before 2007, and of encrypted documents since
_ENCRYPTED_PACKAGE = "EncryptedPackage".encode("utf-16-le")
_HEAD_BYTES = 1024
_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")  # UTF-8, UTF-16
_CONTROLS = bytes(code for code in range(0x20) if code not in (0x09, 0x0A, 0x0B, 0x0C, 0x0D, 0x1B))
_HTML_START = re.compile(
    rb"\s*+(?:<!--(?:(?!-->).)*+-->\s*+)*+<(?:!doctype\s+html|html|head|body|\?xml[^>]*\?>\s*<(?:!doctype\s+)?html)\b",
    re.IGNORECASE | re.DOTALL,
)


def kind_of(data: bytes, media_type: str, name: str) -> Kind | Reason:
    """Return the type of a file, or why it is not read: not supported, encrypted, or not what it says to be."""
    said = _said(media_type, name)
    found = _found(data)
    if isinstance(found, Reason):
        if found is Reason.TYPE_MISMATCH and not said:
            return Reason.UNSUPPORTED_TYPE
        return found
    if found in _WRITTEN:
        written = [kind for kind in said if kind in _WRITTEN]
        if written:
            # A page of a login in the place of a file of text has no name of its own.
            is_page = found is Kind.HTML and Kind.HTML not in written and Kind.MARKDOWN not in written
            return Reason.TYPE_MISMATCH if is_page else written[0]
        return Reason.TYPE_MISMATCH if said else Reason.UNSUPPORTED_TYPE
    if not said:
        is_told_otherwise = media_type_of(media_type) not in _UNKNOWN_TYPES
        return Reason.UNSUPPORTED_TYPE if is_told_otherwise else found
    return found if found in said else Reason.TYPE_MISMATCH


def kinds_by_name(media_type: str, name: str) -> tuple[Kind, ...]:
    """Return what a file may be by media type and name: nothing that is read, or, where they say nothing, anything."""
    said = _said(media_type, name)
    if said:
        return tuple(said)
    says_nothing = media_type_of(media_type) in _UNKNOWN_TYPES and _EXTENSION.search(name) is None
    return tuple(Kind) if says_nothing else ()


def media_type_of(value: str) -> str:
    """Return a media type without its parameters."""
    return value.partition(";")[0].strip().lower()


def _said(media_type: str, name: str) -> list[Kind]:
    """Return the types that name and media type say, the name first: servers know fewer types than people."""
    suffix = PurePosixPath(name.replace("\\", "/")).suffix.lower()
    media = media_type_of(media_type)
    kinds = [_BY_EXTENSION.get(suffix), _BY_MEDIA_TYPE.get(media)]
    if "openxmlformats" in media:
        kinds += [kind for word, kind in _OFFICE_TYPES.items() if word in media]
    elif "macroenabled" in media:
        kinds += [kind for word, kind in _MACRO_TYPES.items() if word in media]
    return [kind for kind in dict.fromkeys(kinds) if kind is not None]


def _found(data: bytes) -> Kind | Reason:
    """Return the type by content: TEXT for whatever is written, TYPE_MISMATCH for what is no type that is read."""
    head = data[:_HEAD_BYTES]
    if b"%PDF-" in head:
        return Kind.PDF
    if head.startswith(_COMPOUND_FILE):
        return Reason.ENCRYPTED if _ENCRYPTED_PACKAGE in data else Reason.UNSUPPORTED_TYPE
    if head.startswith(b"PK"):
        return _packed(data)
    if head.startswith(_MARKS[1:]):
        return Kind.TEXT
    text = head.removeprefix(_MARKS[0])
    if text.translate(None, _CONTROLS) != text:
        return Reason.TYPE_MISMATCH
    return Kind.HTML if _HTML_START.match(text) else Kind.TEXT


def _packed(data: bytes) -> Kind | Reason:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError):
        return Reason.DAMAGED
    if "[Content_Types].xml" in names and "xl/workbook.bin" not in names:
        for folder, kind in _MAIN_PARTS.items():
            if any(name.startswith(folder) for name in names):
                return kind
    return Reason.TYPE_MISMATCH

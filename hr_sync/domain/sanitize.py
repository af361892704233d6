"""Text is sanitised by the decoders, once, before it is hashed or stored: the same bytes give the same hash everywhere.

Replaced: what separates lines, paragraphs and columns (vertical tab, form feed, U+001C to U+001F, U+0085, U+2028,
U+2029) becomes a newline, so that no words are joined. Removed: NUL and the other C0 controls except tab, newline and
carriage return (PostgreSQL refuses NUL, XML the rest), DEL, the other C1 controls, and invisible characters that a
language model reads (zero-width space, word joiner, byte order mark, bidirectional overrides, the tag block U+E0000).
Kept: the zero-width joiner and non-joiner, which Persian, Indic scripts and emoji need, and variation selectors, which
Japanese names need. A lone surrogate becomes U+FFFD.
"""

import hashlib
import re

# Patterns and translations over UTF-8 bytes are several times faster than patterns over text.
_ASCII = bytes(range(0x80))
_ASCII_SEPARATORS = (0x0B, 0x0C, 0x1C, 0x1D, 0x1E, 0x1F)
_KEPT_CONTROLS = (0x09, 0x0A, 0x0D)
_TO_NEWLINE = bytes.maketrans(bytes(_ASCII_SEPARATORS), b"\n" * len(_ASCII_SEPARATORS))
_REMOVED = bytes(code for code in (*range(0x20), 0x7F) if code not in (*_KEPT_CONTROLS, *_ASCII_SEPARATORS))
_SEPARATORS = re.compile(rb"\xc2\x85|\xe2\x80[\xa8\xa9]")  # U+0085, U+2028, U+2029
_UNSEEN = re.compile(
    rb"\xc2[\x80-\x9f]"  # U+0080 to U+009F
    rb"|\xe2\x80[\x8b\x8e\x8f\xa8-\xae]"  # U+200B, U+200E, U+200F, U+2028 to U+202E
    rb"|\xe2\x81[\xa0-\xa4\xa6-\xa9]"  # U+2060 to U+2064, U+2066 to U+2069
    rb"|\xef(?:\xbb\xbf|\xbf[\xbe\xbf])"  # U+FEFF, U+FFFE, U+FFFF
    rb"|\xf3\xa0[\x80\x81][\x80-\xbf]"  # U+E0000 to U+E007F
)
_SURROGATE = re.compile("[\ud800-\udfff]")


def sanitize(text: str) -> str:
    """Return the text without characters that are invisible or cannot be stored. Idempotent."""
    return _sanitized(text)[0]


def sanitize_line(text: str) -> str:
    """Return a title or an address as one line: every run of spaces and separators is one space, none at the ends."""
    return " ".join(sanitize(text).split())


def sanitize_body(text: str) -> tuple[str, str]:
    """Return the text as `sanitize` does, and its `content_hash`, which costs no second encoding here."""
    sanitized, encoded = _sanitized(text)
    return sanitized, hashlib.sha256(encoded).hexdigest()


def content_hash(sanitized: str) -> str:
    """Return SHA-256 as 64 hex digits over the UTF-8 bytes of sanitised text."""
    return hashlib.sha256(sanitized.encode()).hexdigest()


def _sanitized(text: str) -> tuple[str, bytes]:
    """Return the sanitised text, and its UTF-8 bytes."""
    try:
        encoded = text.encode()
    except UnicodeEncodeError:
        text = _SURROGATE.sub("\N{REPLACEMENT CHARACTER}", text)
        encoded = text.encode()
    kept = encoded.translate(_TO_NEWLINE, _REMOVED)
    # Most of a text is ASCII, and the rest seldom holds an invisible character: search there first.
    if not text.isascii() and _UNSEEN.search(encoded.translate(None, _ASCII)):
        kept = _UNSEEN.sub(b"", _SEPARATORS.sub(b"\n", kept))
    return (text, encoded) if kept == encoded else (kept.decode(), kept)

"""Text is cleaned at the border, once, before it is hashed or stored: the same bytes give the same hash everywhere.

Removed: NUL and the other C0 controls except tab, newline and carriage return (PostgreSQL refuses NUL, XML the rest),
DEL and C1 controls, and characters that nobody sees but a language model reads (zero-width space, word joiner, byte
order mark, bidirectional overrides, the tag block U+E0000). Kept: the zero-width joiner and non-joiner, which Persian,
Indic scripts and emoji need, and variation selectors, which Japanese names need. A lone surrogate becomes U+FFFD.
"""

import hashlib
import re

# Patterns and translations over UTF-8 bytes are several times faster than patterns over text.
_ASCII = bytes(range(0x80))
_ASCII_CONTROLS = bytes(code for code in (*range(0x20), 0x7F) if code not in (0x09, 0x0A, 0x0D))
_UNSEEN = re.compile(
    rb"\xc2[\x80-\x9f]"  # U+0080 to U+009F
    rb"|\xe2\x80[\x8b\x8e\x8f\xa8-\xae]"  # U+200B, U+200E, U+200F, U+2028 to U+202E
    rb"|\xe2\x81[\xa0-\xa4\xa6-\xa9]"  # U+2060 to U+2064, U+2066 to U+2069
    rb"|\xef(?:\xbb\xbf|\xbf[\xbe\xbf])"  # U+FEFF, U+FFFE, U+FFFF
    rb"|\xf3\xa0[\x80\x81][\x80-\xbf]"  # U+E0000 to U+E007F
)
_SURROGATE = re.compile("[\ud800-\udfff]")


def sanitize(text: str) -> str:
    """Return the text without what no reader can see and no database can hold. Cleaning twice changes nothing."""
    try:
        encoded = text.encode()
    except UnicodeEncodeError:
        text = _SURROGATE.sub("\N{REPLACEMENT CHARACTER}", text)
        encoded = text.encode()
    kept = encoded.translate(None, _ASCII_CONTROLS)
    # Most of a text is ASCII, and what is not seldom holds anything unseen: look there first.
    if not text.isascii() and _UNSEEN.search(encoded.translate(None, _ASCII)):
        kept = _UNSEEN.sub(b"", kept)
    return text if len(kept) == len(encoded) else kept.decode()


def sanitize_line(text: str) -> str:
    """Clean a title or an address: one line, no space at its ends."""
    return " ".join(sanitize(text).split())


def content_hash(sanitized: str) -> str:
    """SHA-256 as 64 hex digits over the UTF-8 bytes of cleaned text."""
    return hashlib.sha256(sanitized.encode()).hexdigest()

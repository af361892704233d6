"""Text is cleaned at the border, once, before it is hashed or stored: the same bytes give the same hash everywhere.

Removed: NUL and the other C0 controls except tab, newline and carriage return (PostgreSQL refuses NUL, XML the rest),
DEL and C1 controls, and characters that nobody sees but a language model reads (zero-width space, word joiner, byte
order mark, bidirectional overrides, the tag block U+E0000). Kept: the zero-width joiner and non-joiner, which Persian,
Indic scripts and emoji need, and variation selectors, which Japanese names need. A lone surrogate becomes U+FFFD.
"""

import hashlib
import re

_ASCII_CONTROLS = bytes(code for code in (*range(0x20), 0x7F) if code not in (0x09, 0x0A, 0x0D))
_UNSEEN = re.compile(
    "[\x80-\x9f\u200b\u200e\u200f\u2028-\u202e\u2060-\u2064\u2066-\u2069\ufeff\ufffe\uffff\U000e0000-\U000e007f]"
)
_SURROGATE = re.compile("[\ud800-\udfff]")
_SPACES = re.compile(r"\s+")


def clean(text: str) -> str:
    """Give the text without what no reader can see and no database can hold. Cleaning twice changes nothing."""
    if not text.isascii():
        text = _UNSEEN.sub("", _SURROGATE.sub("\N{REPLACEMENT CHARACTER}", text))
    # Controls are single bytes in UTF-8 too, and translating bytes is several times faster than a pattern over text.
    return text.encode().translate(None, _ASCII_CONTROLS).decode()


def clean_line(text: str) -> str:
    """Clean a title or an address: one line, no space at its ends."""
    return _SPACES.sub(" ", clean(text)).strip()


def content_hash(cleaned: str) -> str:
    """SHA-256 as 64 hex digits over the UTF-8 bytes of cleaned text."""
    return hashlib.sha256(cleaned.encode()).hexdigest()

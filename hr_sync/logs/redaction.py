"""Removes what must not reach a log line: secrets, and characters that forge lines or control a terminal. Pure.

Three filters: secrets that are known by value, keys whose name says secret, and patterns that hold credentials (URL
userinfo, `Bearer` and `Basic`, `password=...`, every value of a query string).
"""

import json
import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Self

from hr_sync.logs.tracebacks import headline

HIDDEN = "***"
_LONGEST_CHARACTERS = 4_000
_LONGEST_TRACEBACK_CHARACTERS = 40_000
_MOST_ENTRIES = 100
_SEARCHED_CHARACTERS = 100_000
_DEEPEST = 6
_SHORTEST_SECRET = 4  # masking every "a" would reveal more than it hides

_NAMES = r"(?:pass(?:word|wd|phrase)?|pwd|secret|token|api[_-]?key|authorization|cookie|credential|dsn)s?"
_SECRET_KEY = re.compile(rf"{_NAMES}$", re.IGNORECASE)
_VALUE = r"""("[^"]*"|'[^']*'|[^\s,;&)]+)"""
_SHAPES = (
    (re.compile(r"\b([a-z][a-z0-9+.-]{1,20}://)[^\s/?#@]{1,500}@", re.IGNORECASE), rf"\1{HIDDEN}@"),
    (re.compile(r"\b(bearer)\s+[\w.~+/=:-]+", re.IGNORECASE), rf"\1 {HIDDEN}"),
    # Not the word in "basic authentication".
    (re.compile(r"\b((?i:basic))\s+(?=\S*[A-Z0-9=])[\w.~+/=:-]+"), rf"\1 {HIDDEN}"),
    (re.compile(r"\b((?:set-)?cookie|authorization)(:\s*)[^\r\n]+", re.IGNORECASE), rf"\1\2{HIDDEN}"),
    (re.compile(r"([?&][\w.~-]{1,64}=)[^&\s\"'<>)]+"), rf"\1{HIDDEN}"),
    (re.compile(rf"({_NAMES}[\"']?\s?=\s?){_VALUE}", re.IGNORECASE), rf"\1{HIDDEN}"),
    (re.compile(rf"({_NAMES}[\"']\s?:\s?){_VALUE}", re.IGNORECASE), rf"\1{HIDDEN}"),
)
# C0, DEL, C1; zero-width, bidirectional and line-separator characters; the byte order mark; lone surrogates.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")


@dataclass(frozen=True, kw_only=True)
class Redaction:
    """Masks `secrets` wherever they occur, whatever surrounds them."""

    secrets: tuple[str, ...] = ()

    @classmethod
    def of(cls, secrets: Collection[str]) -> Self:
        """Return a redaction of these secrets, also as `repr` and JSON spell them.

        The longest come first, so that a shorter one never masks a part of a longer one alone.
        """
        spelled = {way(secret)[1:-1] for secret in secrets for way in (repr, json.dumps)} | set(secrets)
        masked = (secret for secret in spelled if len(secret) >= _SHORTEST_SECRET)
        return cls(secrets=tuple(sorted(masked, key=len, reverse=True)))

    def masked(self, text: str, longest: int = _LONGEST_CHARACTERS) -> str:
        """Return a text without secrets, cut to `longest` characters; line breaks stay."""
        for secret in self.secrets:
            text = text.replace(secret, HIDDEN)
        text = text[:_SEARCHED_CHARACTERS]
        for shape, replacement in _SHAPES:
            text = shape.sub(replacement, text)
        return text if len(text) <= longest else text[:longest] + "…"

    def one_line(self, text: str) -> str:
        """Return a text without secrets as one printable line."""
        return escaped(self.masked(text))

    def traceback(self, text: str) -> str:
        """Return a traceback without secrets. Its line breaks stay; every other control character is escaped."""
        return "\n".join(map(escaped, self.masked(text, _LONGEST_TRACEBACK_CHARACTERS).split("\n")))

    def mapping(self, values: Mapping[Any, object], depth: int = 0) -> dict[str, object]:
        """Return a mapping without secrets. A value whose key says secret is hidden as a whole."""
        return {
            self.one_line(str(key)): HIDDEN if _SECRET_KEY.search(str(key)) and value else self.value(value, depth + 1)
            for key, value in islice(values.items(), _MOST_ENTRIES)
        }

    def value(self, value: object, depth: int = 0) -> object:
        """Return a value without secrets: text, numbers, truth values, None, lists and mappings; else its text."""
        if value is None or isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value)):
            return value
        if isinstance(value, bytes | bytearray | memoryview):
            return f"<{len(value)} bytes>"
        if isinstance(value, BaseException):
            return self.one_line(headline(value))
        if isinstance(value, Mapping | list | tuple | set | frozenset) and depth >= _DEEPEST:
            return "…"
        if isinstance(value, Mapping):
            return self.mapping(value, depth)
        if isinstance(value, list | tuple | set | frozenset):
            return [self.value(item, depth + 1) for item in islice(value, _MOST_ENTRIES)]
        return self.one_line(str(value))


def escaped(text: str) -> str:
    r"""Return a text as one line on any terminal: a line break becomes the two characters `\n`."""
    return _CONTROL.sub(lambda sign: sign.group().encode("unicode_escape").decode(), text)

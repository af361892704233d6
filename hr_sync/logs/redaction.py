"""What may not reach a log line: secrets, and signs that forge lines or steer a terminal. Pure.

Three nets: the secrets that are known by value, keys whose name says secret, and shapes that hold credentials (URL
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
_SHORTEST_SECRET = 4  # masking every "a" would tell more than it hides

_NAMES = r"(?:pass(?:word|wd|phrase)?|pwd|secret|token|api[_-]?key|authorization|cookie|credential|dsn)s?"
_SECRET_KEY = re.compile(rf"{_NAMES}$", re.IGNORECASE)
_VALUE = r"""("[^"]*"|'[^']*'|[^\s,;&)]+)"""
_SHAPES = (
    (re.compile(r"\b([a-z][a-z0-9+.-]{1,20}://)[^\s/?#@]{1,500}@", re.IGNORECASE), rf"\1{HIDDEN}@"),
    (re.compile(r"\b(bearer)\s+[\w.~+/=:-]+", re.IGNORECASE), rf"\1 {HIDDEN}"),
    # Not the word that follows in "basic authentication".
    (re.compile(r"\b((?i:basic))\s+(?=\S*[A-Z0-9=])[\w.~+/=:-]+"), rf"\1 {HIDDEN}"),
    (re.compile(r"\b((?:set-)?cookie|authorization)(:\s*)[^\r\n]+", re.IGNORECASE), rf"\1\2{HIDDEN}"),
    (re.compile(r"([?&][\w.~-]{1,64}=)[^&\s\"'<>)]+"), rf"\1{HIDDEN}"),
    (re.compile(rf"({_NAMES}[\"']?\s?=\s?){_VALUE}", re.IGNORECASE), rf"\1{HIDDEN}"),
    (re.compile(rf"({_NAMES}[\"']\s?:\s?){_VALUE}", re.IGNORECASE), rf"\1{HIDDEN}"),
)
# C0, DEL, C1; zero-width, bidirectional and line-separator signs; the byte order mark; lone surrogates.
_STEERING = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")


@dataclass(frozen=True, kw_only=True)
class Redaction:
    """`secrets` are masked wherever they stand, whatever surrounds them."""

    secrets: tuple[str, ...] = ()

    @classmethod
    def of(cls, secrets: Collection[str]) -> Self:
        """Also as `repr` and JSON spell them; the longest first, so that no secret is cut up by a shorter one."""
        spelled = {way(secret)[1:-1] for secret in secrets for way in (repr, json.dumps)} | set(secrets)
        telling = (secret for secret in spelled if len(secret) >= _SHORTEST_SECRET)
        return cls(secrets=tuple(sorted(telling, key=len, reverse=True)))

    def masked(self, text: str, longest: int = _LONGEST_CHARACTERS) -> str:
        """Without secrets and cut to `longest` characters; line breaks stay."""
        for secret in self.secrets:
            text = text.replace(secret, HIDDEN)
        text = text[:_SEARCHED_CHARACTERS]
        for shape, replacement in _SHAPES:
            text = shape.sub(replacement, text)
        return text if len(text) <= longest else text[:longest] + "…"

    def one_line(self, text: str) -> str:
        return escaped(self.masked(text))

    def traceback(self, text: str) -> str:
        """The line breaks are the renderer's own and stay; everything else that steers is escaped."""
        return "\n".join(map(escaped, self.masked(text, _LONGEST_TRACEBACK_CHARACTERS).split("\n")))

    def mapping(self, values: Mapping[Any, object], depth: int = 0) -> dict[str, object]:
        """What stands under a key that says secret is hidden whole."""
        return {
            self.one_line(str(key)): HIDDEN if _SECRET_KEY.search(str(key)) and value else self.value(value, depth + 1)
            for key, value in islice(values.items(), _MOST_ENTRIES)
        }

    def value(self, value: object, depth: int = 0) -> object:
        """Text, numbers, truth values, None, and lists and mappings of them; anything else becomes its text."""
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
    r"""One line on any terminal: a line break becomes the two signs `\n`."""
    return _STEERING.sub(lambda sign: sign.group().encode("unicode_escape").decode(), text)

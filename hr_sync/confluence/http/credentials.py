"""The credentials of one account, and their validation."""

import base64
import unicodedata
from dataclasses import dataclass
from typing import Protocol

from hr_sync.errors import ConfigurationError

SETTINGS = (
    "confluence.username and confluence.api_token (or confluence.token, or confluence.client_id and "
    "confluence.client_secret)"
)
"""The settings that hold credentials, for messages."""


class Authentication(Protocol):
    """What proves an account to Confluence. No implementation shows a secret in its repr."""

    def header(self) -> str | None:
        """Return the value of the Authorization header; None without credentials."""

    def renew(self, refused: str | None) -> bool:
        """Return True if there is another header in the place of `refused`, which the server did not accept."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Credentials:
    """Either `username` and `password` (an API token on Cloud), or `token` for a Bearer header.

    Raise ConfigurationError for characters that no header can carry; most come from pasting a secret.
    """

    username: str | None = None
    password: str | None = None
    token: str | None = None

    def __post_init__(self) -> None:
        if self.token is not None and not (self.token.isascii() and self.token.isprintable()):
            raise ConfigurationError(
                "confluence.token holds a character that no token has, such as a typographic quote or an invisible "
                "character from the paste. Copy the token again."
            )
        for name, value in (("confluence.api_token", self.password), ("confluence.username", self.username)):
            if value is not None and any(unicodedata.category(char) in _INVISIBLE for char in value):
                raise ConfigurationError(f"{name} holds an invisible character from the paste. Copy it again.")
            if value and (value[0] in _TYPOGRAPHIC or value[-1] in _TYPOGRAPHIC):
                raise ConfigurationError(f"{name} begins or ends with a typographic quote. Copy it without quotes.")
        if self.username is not None and ":" in self.username:
            raise ConfigurationError("confluence.username holds a colon, which no user name has here. Check it.")

    def __repr__(self) -> str:
        """Return a text without the secrets."""
        return "Credentials(...)"

    def header(self) -> str | None:
        """Return the value of the Authorization header, Basic in UTF-8 (RFC 7617); None without credentials."""
        if self.token is not None:
            return f"Bearer {self.token}"
        if self.username is None or self.password is None:
            return None
        return f"Basic {base64.b64encode(f'{self.username}:{self.password}'.encode()).decode()}"

    def renew(self, refused: str | None) -> bool:
        """Return False: there is nothing else to send."""
        del refused
        return False


_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})  # categories of Unicode


_TYPOGRAPHIC = frozenset(
    "\N{LEFT-POINTING DOUBLE ANGLE QUOTATION MARK}\N{RIGHT-POINTING DOUBLE ANGLE QUOTATION MARK}"
) | {chr(code) for code in range(0x2018, 0x2020)}

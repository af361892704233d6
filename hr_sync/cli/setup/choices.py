"""What was chosen so far: the values of the settings file, and the secrets, which go to files of their own."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

from hr_sync.errors import ConfigurationError
from hr_sync.settings import Settings, settings_of

NOT_CHOSEN_YET: Mapping[str, object] = {
    "confluence.url": "https://not-chosen-yet.atlassian.net",
    "confluence.token": "not-chosen-yet",
    "confluence.spaces": ["*"],
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Choices:
    """Settings by key path."""

    values: Mapping[str, object] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)  #: to be written to files
    files: Mapping[str, Path] = field(default_factory=dict)  #: of secrets that are in a file already

    def having(
        self,
        values: Mapping[str, object] | None = None,
        *,
        secrets: Mapping[str, str] | None = None,
        files: Mapping[str, Path] | None = None,
    ) -> Self:
        """Return these choices and more."""
        return replace(
            self,
            values={**self.values, **(values or {})},
            secrets={**self.secrets, **(secrets or {})},
            files={**self.files, **(files or {})},
        )

    def settings(self) -> Settings:
        """Return the settings as far as they are chosen. Raise ConfigurationError."""
        secrets = {**self.secrets, **{key: read_secret(path) for key, path in self.files.items()}}
        has_account = any(key.startswith("confluence.") for key in secrets)
        missing = {
            key: value
            for key, value in NOT_CHOSEN_YET.items()
            if key not in self.values and not (has_account and key == "confluence.token")
        }
        return settings_of({**missing, **self.values, **secrets})


def read_secret(path: Path) -> str:
    """Return the secret in a file. Raise ConfigurationError."""
    try:
        return path.read_text(encoding="utf-8-sig").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise ConfigurationError(f"The file {path} cannot be read: {reason}.") from None

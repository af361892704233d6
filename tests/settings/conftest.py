"""A complete environment, and the message that a spoilt one is refused with."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from hr_sync.errors import ConfigurationError
from hr_sync.settings import load_settings, sources

Refused = Callable[..., str]


@pytest.fixture(autouse=True)
def _no_usual_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the working directory nor /etc of the machine under test has a say."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sources, "DEFAULT_FILES", (Path("config.toml"), tmp_path / "etc" / "config.toml"))


@pytest.fixture
def complete() -> dict[str, str]:
    return {
        "HR_SYNC_CONFLUENCE__URL": "https://acme.atlassian.net",
        "HR_SYNC_CONFLUENCE__USERNAME": "jane@acme.com",
        "HR_SYNC_CONFLUENCE__API_TOKEN": "canary-api-token",
        "HR_SYNC_CONFLUENCE__SPACES": "HR",
    }


@pytest.fixture
def refused() -> Refused:
    def message(
        environ: Mapping[str, str], config_file: Path | None = None, overrides: Mapping[str, object] | None = None
    ) -> str:
        with pytest.raises(ConfigurationError) as caught:
            load_settings(config_file, environ, overrides)
        assert caught.value.exit_code == 78
        assert caught.value.__cause__ is None
        assert caught.value.__suppress_context__ or caught.value.__context__ is None
        return str(caught.value)

    return message

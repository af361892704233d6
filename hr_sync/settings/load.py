"""The only reader of configuration: command line, then environment, then secret files, then TOML, then defaults."""

import os
from collections import ChainMap
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from pydantic import ValidationError

from hr_sync.errors import ConfigurationError
from hr_sync.settings.model import PLACEHOLDER, Settings
from hr_sync.settings.problems import Mistake, message, printable, validation_mistakes
from hr_sync.settings.sources import (
    DEFAULT_FILES,
    Given,
    Layer,
    command_line,
    config_path,
    environment,
    secret_files,
    toml_file,
)


def load_settings(
    config_file: Path | None = None,
    environ: Mapping[str, str] = os.environ,
    overrides: Mapping[str, object] | None = None,
) -> Settings:
    """Read the settings from every source; the first source that names a key wins.

    `config_file` is what `--config` named; else `HR_SYNC_CONFIG`, `config.toml` in the working directory or
    /etc/hr_sync/config.toml is read. `overrides` holds options by key path, such as `{"log.level": "debug"}`; None
    stands for an option that was not used.

    Raise ConfigurationError with one message for all mistakes.
    """
    path = config_path(config_file, environ)
    layers = (command_line(overrides or {}), environment(environ), secret_files(environ), toml_file(path))
    return _settings_of(layers, config_name=printable(str(path or DEFAULT_FILES[0])))


def settings_of(values: Mapping[str, object]) -> Settings:
    """Return the settings with these values by key path, and nothing from elsewhere. Raise as `load_settings` does."""
    return _settings_of((command_line(values),), config_name=str(DEFAULT_FILES[0]))


def _settings_of(layers: Sequence[Layer], *, config_name: str) -> Settings:
    effective = ChainMap(*(layer.given for layer in layers))
    sources = {key: given.source for key, given in effective.items()}
    mistakes = [mistake for layer in layers for mistake in layer.mistakes] + _placeholders(effective)
    build: Callable[..., Settings] = Settings
    try:
        settings = build(_build_sources=(layers, {}))
    except ValidationError as error:
        found = validation_mistakes(error, sources, config_name=config_name)
        mistakes += _new_mistakes(found, mistakes, layers)
    if mistakes:
        raise ConfigurationError(message(mistakes))
    settings._sources.update(sources)  # noqa: SLF001 - remembered for `hr-sync config show`
    settings._readable_secrets.extend(name for layer in layers for name in layer.readable)  # noqa: SLF001 - as above
    return settings


def _placeholders(effective: Mapping[str, Given]) -> list[Mistake]:
    return [
        Mistake(key=key, source=given.source, what="still holds the placeholder of the example; fill it in")
        for key, given in effective.items()
        if isinstance(given.value, str | list) and PLACEHOLDER in str(given.value)
    ]


def _new_mistakes(found: Iterable[Mistake], known: Iterable[Mistake], layers: Iterable[Layer]) -> list[Mistake]:
    """Leave out what a source has reported, and missing keys that an unreadable source may hold."""
    reported = {(mistake.key, mistake.source) for mistake in known}
    all_read = all(layer.is_whole for layer in layers)
    return [
        mistake for mistake in found if (mistake.key, mistake.source) not in reported and (mistake.source or all_read)
    ]

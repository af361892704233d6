"""The only reader of configuration: command line, then environment, then secret files, then TOML, then defaults.

What is set for one site counts before what is set for all of them, whatever the source.
"""

import os
from collections import ChainMap
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from pydantic import ValidationError

from hr_sync.errors import ConfigurationError
from hr_sync.settings.credentials import mixed_credentials
from hr_sync.settings.keys import full_path
from hr_sync.settings.model import PLACEHOLDER, Settings
from hr_sync.settings.problems import Mistake, message, printable, validation_mistakes
from hr_sync.settings.sites import choose_site, clashes, find_sites, layer_of_all, layers_of_site, schema_of_site
from hr_sync.settings.sources import (
    DEFAULT_FILES,
    Given,
    Layer,
    command_line,
    config_path,
    environment,
    read_toml,
    secret_files,
    toml_layer,
    unknown_variables,
)


def load_settings(
    config_file: Path | None = None,
    environ: Mapping[str, str] = os.environ,
    overrides: Mapping[str, object] | None = None,
    *,
    site: str | None = None,
) -> Settings:
    """Read the settings of one site from every source; the first source that names a key wins.

    `config_file` is what `--config` named; else `HR_SYNC_CONFIG`, `config.toml` in the working directory or
    /etc/hr_sync/config.toml is read. `overrides` holds options by key path, such as `{"log.level": "debug"}`; None
    stands for an option that was not used. `site`: which one, where several are configured.

    Raise ConfigurationError with one message for all mistakes, and UsageError for a site that is not configured, or for
    none where several are.
    """
    return read_sources(config_file, environ).settings(site, overrides or {})


def load_sites(config_file: Path | None = None, environ: Mapping[str, str] = os.environ) -> dict[str, Settings]:
    """Return the settings of every site by its name; nothing where `sites` is not configured.

    Raise ConfigurationError with one message for the mistakes of all sites.
    """
    return read_sources(config_file, environ).of_every_site()


def site_names(config_file: Path | None = None, environ: Mapping[str, str] = os.environ) -> Sequence[str]:
    """Return the sites that are configured. Raise ConfigurationError for wrong names, and not for any other mistake."""
    return read_sources(config_file, environ).sites


def settings_of(values: Mapping[str, object]) -> Settings:
    """Return the settings with these values by key path, and nothing from elsewhere. Raise as `load_settings` does."""
    return _checked(*_settings_of((command_line(values),), config_name=str(DEFAULT_FILES[0]), site=None))


def read_sources(config_file: Path | None = None, environ: Mapping[str, str] = os.environ) -> "Sources":
    """Read the settings file, the environment and the files of secrets, for all sites that they name.

    Raise ConfigurationError for wrong names of sites, and for two sites that are in each other's way.
    """
    file = read_toml(config_path(config_file, environ))
    of_all = (environment(environ), secret_files(environ), toml_layer(file))
    sites, mistakes = find_sites(environ, file, of_all)
    of_site = {site: layers_of_site(environ, file, site) for site in sites}
    if mistakes := [*mistakes, *clashes(of_site)]:
        raise ConfigurationError(message(mistakes))
    return Sources(
        config_name=file.source or printable(str(DEFAULT_FILES[0])),
        of_all=[unknown_variables(environ, sites), *(layer_of_all(layer, sites) for layer in of_all)],
        of_site=of_site,
    )


@dataclass(frozen=True, kw_only=True)
class Sources:
    """What the sources of the settings hold. Each has been read once: a pipe holds nothing when it is read again."""

    config_name: str
    of_all: Sequence[Layer]
    of_site: Mapping[str, Sequence[Layer]]

    @property
    def sites(self) -> Sequence[str]:
        """Return the names of the sites; none where `sites` is not configured."""
        return list(self.of_site)

    def settings(self, site: str | None = None, overrides: Mapping[str, object] = MappingProxyType({})) -> Settings:
        """Return the settings of one site. Raise as `load_settings` does."""
        return _checked(*self._read(choose_site(self.sites, site), overrides))

    def of_every_site(self) -> dict[str, Settings]:
        """Return the settings of each site by its name. Raise as `load_sites` does."""
        found = {site: self._read(site, {}) for site in self.sites}
        if mistakes := list(dict.fromkeys(mistake for _, wrong in found.values() for mistake in wrong)):
            raise ConfigurationError(message(mistakes))
        return {site: _checked(*each) for site, each in found.items()}

    def _read(self, site: str | None, overrides: Mapping[str, object]) -> tuple[Settings | None, list[Mistake]]:
        """Return the settings of a site, or what is wrong with them."""
        own = self.of_site[site] if site is not None else ()
        layers = [command_line(overrides), *own, *self.of_all]
        settings, mistakes = _settings_of(layers, config_name=self.config_name, site=site)
        if settings is not None:
            schemas = {each: schema_of_site(own) for each, own in self.of_site.items()}
            settings._schemas.update(schemas)  # noqa: SLF001 - of the views over all sites
        if site is not None:
            mistakes += mixed_credentials(layers, site, is_only=len(self.of_site) == 1)
        return settings, mistakes


def _checked(settings: Settings | None, mistakes: Sequence[Mistake]) -> Settings:
    if settings is None or mistakes:
        raise ConfigurationError(message(mistakes))
    return settings


def _settings_of(
    layers: Sequence[Layer], *, config_name: str, site: str | None
) -> tuple[Settings | None, list[Mistake]]:
    effective = ChainMap(*(layer.given for layer in layers))
    sources = {key: given.source for key, given in effective.items()}
    mistakes = [mistake for layer in layers for mistake in layer.mistakes] + _placeholders(effective)
    build: Callable[..., Settings] = Settings
    settings = None
    try:
        settings = build(_build_sources=(layers, {}))
    except ValidationError as error:
        places = {key: full_path(key, given.site) for key, given in effective.items()}
        table = full_path("", site)
        found = validation_mistakes(error, sources, config_name=config_name, places=places, table=table)
        mistakes += _new_mistakes(found, mistakes, layers)
    if settings is not None:
        settings._site = site  # noqa: SLF001 - remembered for the log and for what the commands print
        settings._sources.update(sources)  # noqa: SLF001 - remembered for `hr-sync config show`
        settings._readable_secrets.extend(name for layer in layers for name in layer.readable)  # noqa: SLF001 - as above
    return settings, mistakes


def _placeholders(effective: Mapping[str, Given]) -> list[Mistake]:
    return [
        Mistake(
            key=full_path(key, given.site),
            source=given.source,
            what="still holds the placeholder of the example; fill it in",
        )
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

"""The name of each setting in its three spellings: key path, environment variable, place in the model.

A site has keys of its own: `sites.emea.confluence.url`, HR_SYNC_SITES__EMEA__CONFLUENCE__URL.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import get_args

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from hr_sync.settings.model import Settings

PREFIX = "HR_SYNC_"
CONFIG_VARIABLE = "HR_SYNC_CONFIG"
FILE_SUFFIX = "_FILE"
SITES = "sites"  #: the table of the tables of sites


@dataclass(frozen=True, kw_only=True)
class Key:
    """One setting; `site` names the site for which it is set, None is all of them."""

    group: str
    name: str
    attribute: str
    field: FieldInfo
    site: str | None = None

    @property
    def path(self) -> str:
        """Return the key path in the settings of one site: `confluence.url`."""
        return f"{self.group}.{self.name}"

    @property
    def full_path(self) -> str:
        """Return the key path as in the TOML file and in messages: `sites.emea.confluence.url`."""
        return full_path(self.path, self.site)

    @property
    def variable(self) -> str:
        """Return the name of its environment variable."""
        return f"{PREFIX}{self.full_path.replace('.', '__')}".upper()

    @property
    def is_secret(self) -> bool:
        """Return True if the value may hold a secret; then a file may hold it, named by the key with `_file`."""
        return _mentions_secret(self.field.annotation)


def _mentions_secret(annotation: object) -> bool:
    return annotation is SecretStr or any(map(_mentions_secret, get_args(annotation)))


def groups() -> Iterator[tuple[str, type[BaseModel]]]:
    """Yield every group of settings: its name and its class."""
    for name, field in Settings.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield name, field.annotation


def keys(site: str | None = None) -> Iterator[Key]:
    """Yield every key, in the order of the model; those of a site where one is named."""
    for group, model in groups():
        for attribute, field in model.model_fields.items():
            yield Key(group=group, name=field.alias or attribute, attribute=attribute, field=field, site=site)


def full_path(path: str, site: str | None) -> str:
    """Return a key path of a site as it stands in the TOML file."""
    return path if site is None else f"{SITES}.{site}.{path}"


def nearest(unknown: str, known: list[str]) -> str:
    """Return `; did you mean KEY?` or nothing. A known key in the wrong group counts as near."""
    leaf = unknown.rpartition(".")[2]
    same_leaf = [name for name in known if name.rpartition(".")[2] == leaf]
    short = {name.removeprefix(PREFIX): name for name in known}  # a common beginning makes everything look near
    near = same_leaf or [short[name] for name in get_close_matches(unknown.removeprefix(PREFIX), short, n=1)]
    return f"; did you mean {near[0]}?" if near else ""

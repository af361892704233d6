"""The name of each setting in its three spellings: key path, environment variable, place in the model."""

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


@dataclass(frozen=True, kw_only=True)
class Key:
    """One setting."""

    group: str
    name: str
    attribute: str
    field: FieldInfo

    @property
    def path(self) -> str:
        """Return the key path as in the TOML file and in messages: `confluence.url`."""
        return f"{self.group}.{self.name}"

    @property
    def variable(self) -> str:
        """Return the name of its environment variable."""
        return f"{PREFIX}{self.group}__{self.name}".upper()

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


def keys() -> Iterator[Key]:
    """Yield every key, in the order of the model."""
    for group, model in groups():
        for attribute, field in model.model_fields.items():
            yield Key(group=group, name=field.alias or attribute, attribute=attribute, field=field)


def nearest(unknown: str, known: list[str]) -> str:
    """Return `; did you mean KEY?` or nothing. A known key in the wrong group counts as near."""
    leaf = unknown.rpartition(".")[2]
    same_leaf = [name for name in known if name.rpartition(".")[2] == leaf]
    short = {name.removeprefix(PREFIX): name for name in known}  # a common beginning makes everything look near
    near = same_leaf or [short[name] for name in get_close_matches(unknown.removeprefix(PREFIX), short, n=1)]
    return f"; did you mean {near[0]}?" if near else ""

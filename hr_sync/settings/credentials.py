"""Credentials of several sites: one that was set for all of them goes to no address and no account of another site."""

from collections.abc import Iterator, Mapping, Sequence

from hr_sync.settings.confluence import WAYS
from hr_sync.settings.keys import full_path
from hr_sync.settings.problems import Mistake
from hr_sync.settings.sources import Given, Layer

_URL = "confluence.url"


def mixed_credentials(layers: Sequence[Layer], site: str, *, is_only: bool) -> Iterator[Mistake]:
    """Yield each secret of all sites that would be sent to the address or under the name of one.

    Without an address for all, the secret is meant for the addresses of the sites. `is_only`: no other site is there
    whose name it could belong to.
    """
    own, of_all = _given(layers, site), _given(layers, None)
    for *names, secret in [[f"confluence.{name}" for name in way] for way in WAYS]:
        if secret in own or secret not in of_all:
            continue
        if _URL in of_all and _differs(_URL, own, of_all):
            yield _needed(secret, site, own[_URL].source, f"{full_path(_URL, site)} is another address than {_URL}")
        for name in names:
            if (name in of_all or not is_only) and _differs(name, own, of_all):
                yield _needed(secret, site, own[name].source, f"{full_path(name, site)} names an account of this site")


def _given(layers: Sequence[Layer], site: str | None) -> Mapping[str, Given]:
    """Return what is set for a site alone, or for all of them."""
    found: dict[str, Given] = {}
    for layer in layers:
        for path, given in layer.given.items():
            if given.site == site:
                found.setdefault(path, given)
    return found


def _differs(path: str, own: Mapping[str, Given], of_all: Mapping[str, Given]) -> bool:
    return path in own and (path not in of_all or own[path].value != of_all[path].value)


def _needed(secret: str, site: str, source: str, why: str) -> Mistake:
    what = f"must be set for the site too: {why}, and {secret} would be sent there"
    return Mistake(key=full_path(secret, site), source=source, what=what)

"""The same world through both flavours: worlds, sites and sources, and what of a head both must give alike."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, TypeAlias

from confluence_simulator import BodyLengths, Simulator, World, generated_world

from hr_sync.confluence.cloud import CloudSource
from hr_sync.confluence.datacenter import DataCenterSource
from hr_sync.confluence.http.credentials import Credentials
from hr_sync.confluence.source import Source
from hr_sync.domain.content import Head, Space
from tests.confluence.clients import BASIC, open_client

SHORT = BodyLengths(median=200, mean=300, maximum=2000)
BEFORE_SCAN = "7.17.4"

FLAVORS: dict[str, dict[str, Any]] = {
    "cloud": {"flavor": "cloud"},
    "datacenter": {"flavor": "datacenter", "context_path": "/confluence"},
    "datacenter-by-offset": {"flavor": "datacenter", "version": BEFORE_SCAN},
}

Opened: TypeAlias = tuple[Simulator, Source]
Open: TypeAlias = Callable[..., Opened]


def world_of(pages: int, spaces: int = 1) -> World:
    """Return a world of short pages in a tree, a fifth of them edited once."""
    return generated_world(pages=pages, spaces=spaces, seed=5, lengths=SHORT, edited_share=0.2)


@contextmanager
def on_premises(
    world: World, *, credentials: Credentials = BASIC, bounds: dict[str, Any] | None = None, **switches: Any
) -> Iterator[tuple[Simulator, DataCenterSource]]:
    """Serve a world as Data Center and yield its source; `limits` are fields of Limits and RetryRules."""
    with (
        Simulator(world, flavor="datacenter", **switches) as site,
        open_client(site.site_url, credentials, **(bounds or {})) as client,
    ):
        yield site, DataCenterSource(client)


@contextmanager
def in_the_cloud(
    world: World, *, bounds: dict[str, Any] | None = None, **switches: Any
) -> Iterator[tuple[Simulator, CloudSource]]:
    """Serve a world as Cloud and yield its source."""
    with Simulator(world, **switches) as site, open_client(site.site_url, **(bounds or {})) as client:
        yield site, CloudSource(client)


def only_space(reader: Source) -> Space:
    """Return the one space of a world."""
    (space,) = reader.spaces().spaces
    return space


def alike(head: Head) -> Head:
    """Leave out the address, the only thing that differs between flavours."""
    return replace(head, url="")


def routes(site: Simulator) -> list[str]:
    """Name what was asked, in order."""
    return [record.route for record in site.requests]


def is_cloud(flavor: str) -> bool:
    """Return True for the name of the flavour that is Cloud."""
    return flavor == "cloud"

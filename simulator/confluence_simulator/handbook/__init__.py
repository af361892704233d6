"""The sample handbook of an invented company: two spaces of pages, as Confluence's storage format keeps them.

Pure data, read from the package each time it is asked for. Nothing here knows of HTTP, page ids or versions: those are
the simulator's.
"""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class HandbookPage:
    """One page; `parent_slug` is None for the homepage of its space alone."""

    space_key: str
    slug: str
    title: str
    parent_slug: str | None
    labels: tuple[str, ...]
    days_ago: int
    """Age of the last edit, in days before the moment at which the simulator starts."""
    storage: str
    """The body as Confluence stores it: `ac:` and `ri:` undeclared, HTML entities unresolved, no single root."""


@dataclass(frozen=True, kw_only=True, slots=True)
class HandbookSpace:
    """One space; `homepage_slug` names the page that all its other pages descend from."""

    key: str
    name: str
    description: str
    homepage_slug: str


def spaces() -> tuple[HandbookSpace, ...]:
    """All spaces, in the order of `contents.toml`."""
    return tuple(
        HandbookSpace(
            key=space["key"],
            name=space["name"],
            description=space["description"],
            homepage_slug=space["homepage"],
        )
        for space in _contents()
    )


def pages() -> Iterator[HandbookPage]:
    """All pages, space by space and parents before children; a body is read when its page is reached."""
    for space in _contents():
        folder = files(__name__) / space["key"]
        for page in space["pages"]:
            yield HandbookPage(
                space_key=space["key"],
                slug=page["slug"],
                title=page["title"],
                parent_slug=page.get("parent"),
                labels=tuple(page["labels"]),
                days_ago=page["days_ago"],
                storage=(folder / f"{page['slug']}.xhtml").read_text(encoding="utf-8"),
            )


def _contents() -> list[dict[str, Any]]:
    """Return the `[[spaces]]` tables of contents.toml, each with its `pages`."""
    contents = tomllib.loads((files(__name__) / "contents.toml").read_text(encoding="utf-8"))
    listed: list[dict[str, Any]] = contents["spaces"]
    return listed

"""Walks over the nodes of a new space while its pages are listed: two long chains of requests side by side.

What is known of who may read a page must be newer than its text. So the walk counts only if every text is older than
its beginning; else the nodes are walked again after the texts.
"""

from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

from hr_sync.domain.access import NodeFact
from hr_sync.domain.content import ContentKind, Head, ItemKind
from hr_sync.errors import ConfluenceError
from hr_sync.sync.context import SpaceRun

_CLOCKS_APART = timedelta(minutes=2)  # of the servers of one site


@dataclass(frozen=True, kw_only=True, slots=True)
class NodesAside:
    """The nodes of a space, and when the walk over them began."""

    facts: Mapping[str, NodeFact]
    began_at: datetime  #: the database's clock
    site_time: datetime  #: the site's clock before the walk began

    def is_newer_than(self, texts: Iterable[Head]) -> bool:
        """Return True if each of these versions was there before the walk began."""
        return all(head.last_updated < self.site_time - _CLOCKS_APART for head in texts)


Walk: TypeAlias = Future[NodesAside]


def begin_walk(run: SpaceRun, site_time: datetime | None) -> Walk | None:
    """Begin to walk over the nodes of a space. `site_time` is the date of an answer, None if it has none.

    Return None where no walk is needed, or none could count: the texts of blog posts and comments are read after the
    listing.
    """
    scope = run.context.scope.pages
    reads_more_texts = ContentKind.BLOG_POST in scope.kinds or ItemKind.COMMENTS in scope.items
    if site_time is None or reads_more_texts or not run.context.policy.reads_access:
        return None
    return run.fetcher.begin(lambda: _walked(run, site_time))


def counting_walk(walk: Walk | None, texts: Iterable[Head]) -> NodesAside | None:
    """Wait for a walk. Return None unless it was completed and is newer than these texts."""
    try:
        nodes = walk.result() if walk is not None else None
    except ConfluenceError:  # another walk meets it again, if it lasts
        return None
    return nodes if nodes is not None and nodes.is_newer_than(texts) else None


def _walked(run: SpaceRun, site_time: datetime) -> NodesAside:
    began_at = run.context.store.now()
    facts = run.source.node_facts(run.space, (ContentKind.PAGE,))
    return NodesAside(facts=facts, began_at=began_at, site_time=site_time)

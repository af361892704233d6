"""Asks Confluence what the computed macros of pages show: of pages that have such macros, and of no others.

What macros show is what the account of hr_sync sees. So it is asked for where consumers see the same
(`access.mode = "account"`), and is taken out of every text where they do not. Requests are made between transactions.
"""

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import TypeAlias

import structlog
from structlog.contextvars import bind_contextvars, get_contextvars

from hr_sync.cancellation import Cancellation
from hr_sync.domain.content import ContentKind, RenderedBody
from hr_sync.domain.principal_words import number
from hr_sync.errors import UNANSWERED, ConfluenceError
from hr_sync.render.rendered import computed_outputs
from hr_sync.store.read.renderings import DuePage
from hr_sync.store.rendering_store import RenderingStore
from hr_sync.store.write.renderings import RenderingWrite

log = structlog.get_logger(__name__)

MOST_ASKED = 500  #: pages in one pass; the next one asks for the others
_AT_ONCE = 20
_THREADS = 4
_NAMED = 5  # pages in a warning

#: Takes the id of a page and its kind. Returns it with its macros carried out; raises what `Source.rendered_body` does.
AskRendered: TypeAlias = Callable[[str, ContentKind], RenderedBody]


class Renderings:
    """What macros show, for one pass over the texts. `ask` None: what is stored counts, whatever its age."""

    def __init__(self, store: RenderingStore, ask: AskRendered | None, *, max_age: timedelta) -> None:
        self.failed: list[str] = []  #: pages that Confluence did not render
        self._store = store
        self._ask = ask
        self._max_age = max_age
        self._left = MOST_ASKED
        self._is_down = False

    def refresh(self, cancellation: Cancellation) -> int:
        """Ask for what is missing, outdated or too old. Return of how many pages. Raise Stopped."""
        if self._ask is None:
            return 0
        if not self._store.are_allowed():
            self._store.withdraw()
            return 0
        asked, after = 0, ""
        facts = partial(bind_contextvars, **get_contextvars())  # of the run and its site, for the log
        with ThreadPoolExecutor(_THREADS, thread_name_prefix="renderings", initializer=facts) as threads:
            while self._left > 0 and not self._is_down:
                cancellation.check()
                due = self._store.due(self._max_age, after, min(_AT_ONCE, self._left))
                if not due or not self._store.write(list(threads.map(self._rendered, due))):
                    break
                asked, after, self._left = asked + len(due), due[-1].page_id, self._left - len(due)
        return asked

    def warnings(self) -> list[str]:
        """Return what an operator should know, in words."""
        if not self.failed:
            return []
        some = ", ".join(sorted(self.failed)[:_NAMED])
        more = f" and {len(self.failed) - _NAMED} more" if len(self.failed) > _NAMED else ""
        pages = number(len(self.failed), "page")
        what = f"Confluence did not show what the macros of {pages} show ({some}{more})"
        when = "Placeholders stand in their texts; it is asked again in an hour"
        return [f"{what}. {when}. The reasons are in the table page_renderings, column error."]

    def _rendered(self, page: DuePage) -> RenderingWrite:
        if self._ask is None or self._is_down:
            return self._failure(page, "Confluence could not be reached.")
        try:
            body = self._ask(page.page_id, page.kind)
        except UNANSWERED as error:
            return self._failure(page, str(error))
        except ConfluenceError as error:  # about the account or the site: the next pages have no answer either
            self._is_down = True
            return self._failure(page, str(error))
        outputs = computed_outputs(body.html)
        return RenderingWrite(
            page_id=page.page_id,
            asked_version=page.version,
            version=body.version,
            outputs=outputs,
            outputs_hash=hashlib.sha256(outputs.encode()).hexdigest() if outputs else "",
        )

    def _failure(self, page: DuePage, why: str) -> RenderingWrite:
        log.warning("renderings.failed", page_id=page.page_id, error=why)
        self.failed.append(page.page_id)
        return RenderingWrite(
            page_id=page.page_id, asked_version=page.version, version=page.version, outputs=None, error=why
        )


class NoRenderings(Renderings):
    """What macros show is asked for of no page, and is taken out of every text."""

    def __init__(self, store: RenderingStore) -> None:
        super().__init__(store, None, max_age=timedelta())

    def refresh(self, cancellation: Cancellation) -> int:
        """Delete what is stored."""
        del cancellation
        self._store.withdraw()
        return 0

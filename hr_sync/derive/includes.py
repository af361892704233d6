"""Puts the text of other pages where a page includes them, and says which pages its text shows.

The set of such a page has the layers of every page that is named here as shown, also of those within others. What is
not shown leaves the placeholder, which says no more than the page's own body.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from hr_sync.domain.changes import IncludeState
from hr_sync.render.markdown import as_text
from hr_sync.render.page import render_included
from hr_sync.render.rendered import Outputs
from hr_sync.render.result import Include, IncludedText, RenderLimits, ResolvePage, ResolveUser
from hr_sync.store.read.texts import IncludedPage
from hr_sync.store.write.text_rows import IncludeWrite

MAX_LEVELS = 5  #: pages within each other
MAX_INCLUDES = 200  #: in the text of one page, those within others too
MAX_CHARACTERS = 2_000_000  #: no further include is shown once those of one page have so much text

#: Takes the title of a page and the key of its space. Returns the page if its text may be shown in others.
FindIncluded = Callable[[str, str], IncludedPage | None]


class Includes:
    """The includes in the text of one page: a `ResolveInclude` that records what it was asked for."""

    def __init__(
        self,
        page_id: str,
        find: FindIncluded,
        resolve: ResolvePage,
        limits: RenderLimits,
        *,
        resolve_user: ResolveUser | None = None,
        outputs: Outputs | None = None,
    ) -> None:
        self.places: list[IncludeWrite] = []
        self._find = find
        self._resolve = resolve
        self._limits = limits
        self._resolve_user = resolve_user
        self._outputs = outputs
        self._around = [page_id]  # the pages around the current place, outermost first
        self._characters = 0

    def __call__(self, include: Include) -> IncludedText | None:
        """Return the text of an included page or excerpt; None if the placeholder must stand."""
        if len(self.places) >= MAX_INCLUDES:
            return None
        position, level = len(self.places), len(self._around)
        found = self._find(include.title, include.space_key)
        state, text = IncludeState.UNAVAILABLE, None
        self.places.append(_place(include, position, level, found, state))
        if found is not None:
            state, text = self._text_of(found, include)
            self.places[position] = _place(include, position, level, found, state)
        return text

    def _text_of(self, found: IncludedPage, include: Include) -> tuple[IncludeState, IncludedText | None]:
        if found.page_id in self._around:
            return IncludeState.CYCLE, None
        if len(self._around) > MAX_LEVELS:
            return IncludeState.TOO_DEEP, None
        if len(self.places) >= MAX_INCLUDES or self._characters > MAX_CHARACTERS:
            return IncludeState.TOO_MANY, None
        with self._within(found.page_id):
            text = render_included(
                found.storage,
                include.excerpt,
                space=found.space_key,
                resolve=self._resolve,
                resolve_include=self,
                limits=self._limits,
                resolve_user=self._resolve_user,
                outputs=self._outputs,
            )
        if text is None:
            return IncludeState.NO_EXCERPT, None
        self._characters += sum(len(as_text(block)) for block in text.blocks)
        return IncludeState.SHOWN, text

    @contextmanager
    def _within(self, page_id: str) -> Iterator[None]:
        self._around.append(page_id)
        try:
            yield
        finally:
            self._around.pop()


def place_of_macros(position: int) -> IncludeWrite:
    """Return the include that stands for what macros show: of pages that nobody names, so that nobody passes them."""
    return IncludeWrite(
        position=position,
        level=1,
        kind="rendered",
        title="",
        source_space_key="",
        source_id="",
        source_hash=None,
        state=IncludeState.SHOWN,
    )


def _place(
    include: Include, position: int, level: int, found: IncludedPage | None, state: IncludeState
) -> IncludeWrite:
    return IncludeWrite(
        position=position,
        level=level,
        kind="include" if include.excerpt is None else "excerpt",
        title=include.title,
        source_space_key=include.space_key,
        source_id=None if found is None else found.page_id,
        source_hash=None if found is None else found.content_hash,
        state=state,
    )

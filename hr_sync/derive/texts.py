"""Keeps texts and sections of pages up to date with their stored bodies.

A text is a function of body, title, space and rendering, so the pass needs no request and no lease, and may be broken
off at any time: what is missing is made by the next one. Texts are made in transactions of their own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import structlog

from hr_sync.cancellation import Cancellation
from hr_sync.render.page import render_page
from hr_sync.render.result import RENDERER_VERSION, RenderedPage, RenderLimits, ResolvePage
from hr_sync.store.read.texts import PendingText
from hr_sync.store.store import Store
from hr_sync.store.write.texts import SectionWrite, TextWrite

log = structlog.get_logger(__name__)

DEFAULT_LANGUAGES = ("english",)
_PAGES_AT_ONCE = 50
_CACHED_LINKS = 10_000


@dataclass(kw_only=True, slots=True)
class TextReport:
    """What one pass over the texts did."""

    pages: int = 0  #: whose text was made and stored
    sections_written: int = 0  #: new ones, and those that differ
    sections_deleted: int = 0


def derive_texts(
    store: Store,
    cancellation: Cancellation,
    *,
    section_size: int,
    search_languages: Sequence[str] = DEFAULT_LANGUAGES,
) -> TextReport:
    """Make the text of every live page whose text is missing or outdated. Raise Stopped, DatabaseUnavailable.

    `search_languages`: text search configurations of PostgreSQL. Other ones than before make every text again.
    """
    store.write_text_policy(search_languages)
    limits = RenderLimits(section_size=section_size)
    resolve = lru_cache(_CACHED_LINKS)(store.find_address)
    report, after = TextReport(), ""
    while pending := store.pending_texts(
        renderer_version=RENDERER_VERSION,
        section_size=section_size,
        search_languages=search_languages,
        after=after,
        limit=_PAGES_AT_ONCE,
    ):
        cancellation.check()
        written = store.write_texts([_text_of(page, limits, resolve, search_languages) for page in pending])
        report.pages += written.pages
        report.sections_written += written.sections_written
        report.sections_deleted += written.sections_deleted
        after = pending[-1].page_id
    if report.pages:
        log.info(
            "texts.made",
            pages=report.pages,
            sections_written=report.sections_written,
            sections_deleted=report.sections_deleted,
        )
    return report


def _text_of(
    page: PendingText, limits: RenderLimits, resolve: ResolvePage, search_languages: Sequence[str]
) -> TextWrite:
    rendered = render_page(
        page.storage, title=page.title, space=page.space_key, page_id=page.page_id, resolve=resolve, limits=limits
    )
    return TextWrite(
        page_id=page.page_id,
        content_hash=page.content_hash,
        title=page.title,
        space_key=page.space_key,
        renderer_version=RENDERER_VERSION,
        section_size=limits.section_size,
        markdown=rendered.markdown,
        parsed_as=rendered.parsed_as,
        has_computed_content=rendered.has_computed_content,
        hidden_characters=rendered.hidden_text_removed,
        unknown_macros=dict(rendered.unknown_macros),
        search_languages=search_languages,
        sections=_sections_of(rendered),
    )


def _sections_of(rendered: RenderedPage) -> list[SectionWrite]:
    return [
        SectionWrite(
            section_id=each.section_id,
            ordinal=each.ordinal,
            level=each.level,
            parent_section_id=each.parent_section_id,
            heading_path=each.heading_path,
            text=each.text,
            embed_text=each.embed_text,
            text_hash=each.text_hash,
        )
        for each in rendered.sections
    ]

"""Keeps texts and sections of pages up to date with their stored bodies.

A text is a function of stored bodies (its own and those of the pages that it includes), names of people, title, space
and rendering, so the pass needs no lease, and may be broken off at any time: what is missing is made by the next one.
Requests are made for names that the mirror does not know (`people.py`) and for what macros show (`renderings.py`),
between transactions. Texts are made in transactions of their own.

A body that has no text where an older one had some may have arrived incomplete. The older text is kept then, under the
present readers of the page, until the body has text again, or was read a second time without any.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import structlog

from hr_sync.cancellation import Cancellation
from hr_sync.derive.comments import sections_of_comments
from hr_sync.derive.includes import FindIncluded, Includes, place_of_macros
from hr_sync.derive.people import Mentions, People
from hr_sync.derive.renderings import Renderings
from hr_sync.derive.writing import TextWriter, text_writer
from hr_sync.domain.changes import IncludeState
from hr_sync.domain.principal_words import number
from hr_sync.render.page import render_page
from hr_sync.render.rendered import read_outputs
from hr_sync.render.result import RENDERER_VERSION, RenderedPage, RenderLimits, ResolvePage
from hr_sync.store.read.texts import IncludedPage, OldText, PendingText
from hr_sync.store.store import Store
from hr_sync.store.write.text_rows import SectionWrite, TextKept, TextWrite
from hr_sync.store.write.texts import TextsWritten

log = structlog.get_logger(__name__)

DEFAULT_LANGUAGES = ("english",)
_PAGES_AT_ONCE = 50
_CACHED_LINKS = 10_000
_CACHED_BODIES = 64
_NAMED = 20  # pages in a warning


@dataclass(kw_only=True, slots=True)
class TextReport:
    """What one pass over the texts did."""

    pages: int = 0  #: whose text was made and stored
    sections_written: int = 0  #: new ones, and those that differ
    sections_deleted: int = 0
    placeholders: int = 0  #: includes whose text is not shown
    hidden_characters: int = 0  #: that no reader sees, and that were left out
    kept: list[str] = field(default_factory=list)  #: pages whose older text is kept: their body arrived without any
    others: list[str] = field(default_factory=list)  #: further warnings

    @property
    def warnings(self) -> list[str]:
        """Return what an operator should know, in words."""
        if not self.kept:
            return self.others
        some = self.kept[:_NAMED]
        pages = " ".join(f"--page {page_id}" for page_id in some)
        more = f" and {len(self.kept) - len(some)} more" if len(self.kept) > len(some) else ""
        arrived = f"{number(len(self.kept), 'page')} arrived without text, although there was some"
        remedy = f"Read again; what is empty again loses its text: `hr-sync resync {pages}`."
        return [f"{arrived}; the older text is kept: {', '.join(some)}{more}. {remedy}", *self.others]


def derive_texts(
    store: Store,
    cancellation: Cancellation,
    *,
    section_size: int,
    search_languages: Sequence[str] = DEFAULT_LANGUAGES,
    people: People | None = None,
    renderings: Renderings | None = None,
) -> TextReport:
    """Make the text of every live page whose text is missing or outdated. Raise Stopped, DatabaseUnavailable.

    `search_languages`: text search configurations of PostgreSQL. Other ones than before make every text again.
    `people` None: names are those that the mirror knows; `renderings` None: so is what macros show.
    """
    store.write_text_policy(search_languages)
    people = People(store.mentions, None) if people is None else people
    people.refresh()
    making = TextMaking(
        limits=RenderLimits(section_size=section_size),
        resolve=lru_cache(_CACHED_LINKS)(store.find_address),
        find=lru_cache(_CACHED_BODIES)(naming(people, store.find_included)),
        people=people,
    )
    report = TextReport()
    if renderings is not None:
        renderings.refresh(cancellation)
    _make_pending(store, cancellation, making, search_languages, report)
    if renderings is not None and renderings.refresh(cancellation):  # of pages that turned out to have such macros
        _make_pending(store, cancellation, making, search_languages, report)
    report.others += people.warnings() + ([] if renderings is None else renderings.warnings())
    _log(report)
    return report


def _make_pending(
    store: Store,
    cancellation: Cancellation,
    making: "TextMaking",
    search_languages: Sequence[str],
    report: TextReport,
) -> None:
    after = ""
    with text_writer(store) as writer:
        while pending := store.pending_texts(
            renderer_version=RENDERER_VERSION,
            section_size=making.limits.section_size,
            search_languages=search_languages,
            after=after,
            limit=_PAGES_AT_ONCE,
        ):
            cancellation.check()
            making.people.know(body for page in pending for body in _bodies_of(page))
            made = [_text_of(page, making, search_languages) for page in pending]
            _write(writer, made, report)
            after = pending[-1].page_id
    _count(writer.written, report)


def _count(written: Sequence[TextsWritten], report: TextReport) -> None:
    report.pages += sum(each.pages for each in written)
    report.sections_written += sum(each.sections_written for each in written)
    report.sections_deleted += sum(each.sections_deleted for each in written)


def _write(writer: TextWriter, made: list[TextWrite | TextKept], report: TextReport) -> None:
    texts = [each for each in made if isinstance(each, TextWrite)]
    kept = [each for each in made if isinstance(each, TextKept)]
    writer.write(texts, kept)
    report.placeholders += sum(place.state is not IncludeState.SHOWN for each in texts for place in each.includes)
    report.hidden_characters += sum(each.hidden_characters for each in texts)
    report.kept += [each.page_id for each in kept]


def _log(report: TextReport) -> None:
    if report.pages:
        log.info(
            "texts.made",
            pages=report.pages,
            sections_written=report.sections_written,
            sections_deleted=report.sections_deleted,
            placeholders=report.placeholders,
            hidden_characters=report.hidden_characters,
        )
    if report.kept:
        log.warning(
            "texts.kept",
            pages=len(report.kept),
            page_ids=report.kept[:_NAMED],
            remedy="Their bodies arrived without any text, so the older text is kept. Look: `hr-sync status`.",
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class TextMaking:
    """What a text is made with, beside its page."""

    limits: RenderLimits
    resolve: ResolvePage
    find: FindIncluded
    people: People


@dataclass(frozen=True, kw_only=True, slots=True)
class MadeText:
    """A page as text, the pages that it includes, and the people whom it mentions."""

    rendered: RenderedPage
    includes: Includes
    mentions: Mentions


def make_text(page: PendingText, making: TextMaking) -> MadeText:
    """Return a page as text, with the text of the pages that it includes."""
    mentions = Mentions(making.people)
    outputs = read_outputs(page.outputs) if page.outputs else None
    includes = Includes(
        page.page_id, making.find, making.resolve, making.limits, resolve_user=mentions, outputs=outputs
    )
    rendered = render_page(
        page.storage,
        title=page.title,
        space=page.space_key,
        page_id=page.page_id,
        resolve=making.resolve,
        resolve_user=mentions,
        resolve_include=includes,
        outputs=outputs,
        limits=making.limits,
    )
    if rendered.rendered_macros:
        includes.places.append(place_of_macros(len(includes.places)))
    return MadeText(rendered=rendered, includes=includes, mentions=mentions)


def naming(people: People, find: FindIncluded) -> FindIncluded:
    """Return `find` such that the people are known whom the page that it returns mentions."""

    def find_included(title: str, space_key: str) -> IncludedPage | None:
        found = find(title, space_key)
        if found is not None:
            people.know([found.storage])
        return found

    return find_included


def keeps_old_text(old: OldText | None) -> bool:
    """Return whether an older text stays for a body that has none.

    It is given up when the body was read again without text, a day later or because somebody asked for it, and when it
    shows another page that may not be shown so any more: it cannot be made again without that page.
    """
    if old is None or not old.sections or not old.includes_intact:
        return False
    return not (old.is_kept and old.is_due and old.read_again)


def _bodies_of(page: PendingText) -> Iterator[str]:
    """Yield everything that the text of a page is made of."""
    yield from (page.storage, page.outputs, *(comment.storage for comment in page.comments))


def _text_of(page: PendingText, making: TextMaking, search_languages: Sequence[str]) -> TextWrite | TextKept:
    made = make_text(page, making)
    rendered = made.rendered
    old = page.old if not rendered.sections and keeps_old_text(page.old) else None
    sections = _sections_of(rendered)
    comments = sections_of_comments(
        page,
        making.limits,
        making.resolve,
        resolve_user=made.mentions,
        first_ordinal=len(sections) if old is None else old.sections,
    )
    if old is not None:
        return _kept_text(page, making, search_languages, comments=comments, mentions=made.mentions)
    return TextWrite(
        page_id=page.page_id,
        content_hash=page.content_hash,
        title=page.title,
        space_key=page.space_key,
        renderer_version=RENDERER_VERSION,
        section_size=making.limits.section_size,
        markdown=rendered.markdown,
        parsed_as=rendered.parsed_as,
        has_computed_content=rendered.has_computed_content,
        hidden_characters=rendered.hidden_text_removed,
        unknown_macros=dict(rendered.unknown_macros),
        search_languages=search_languages,
        sections=[*sections, *comments],
        comments_digest=page.comments_digest,
        includes=made.includes.places,
        mentions=made.mentions.shown,
        outputs_hash=page.outputs_hash,
    )


def _kept_text(
    page: PendingText,
    making: TextMaking,
    search_languages: Sequence[str],
    *,
    comments: Sequence[SectionWrite],
    mentions: Mentions,
) -> TextKept:
    return TextKept(
        page_id=page.page_id,
        content_hash=page.content_hash,
        title=page.title,
        space_key=page.space_key,
        renderer_version=RENDERER_VERSION,
        section_size=making.limits.section_size,
        search_languages=search_languages,
        sections=comments,
        comments_digest=page.comments_digest,
        outputs_hash=page.outputs_hash,
        mentions=mentions.shown,
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

"""The rows of texts and sections: what a writer is given, and the statements that write it.

Each statement takes arrays, one for each column, and is built once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, reduce
from typing import Any, cast

from sqlalchemy import (
    ColumnElement,
    Insert,
    Table,
    Text,
    bindparam,
    column,
    func,
    literal,
    literal_column,
    or_,
    select,
    update,
)
from sqlalchemy import insert as insert_rows
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, REGCONFIG, TSVECTOR, insert

from hr_sync.domain.changes import IncludeState
from hr_sync.store.text_tables import PageInclude, PageSection, PageText
from hr_sync.store.write.arrays import unnested
from hr_sync.store.write.locks import PAGES

TEXTS = cast("Table", PageText.__table__)
SECTIONS = cast("Table", PageSection.__table__)
INCLUDES = cast("Table", PageInclude.__table__)
_SEPARATOR = "\x1f"  # between headings: arrays of arrays cannot be unnested by one level, and no text of ours holds it
# A tsvector holds a megabyte at most. A character is up to four bytes, and the parts of an address or of a word with
# hyphens count again.
_SEARCHED_CHARACTERS = 100_000  # of a section, for all languages together
_SECTION_COLUMNS = (
    "section_id",
    "page_id",
    "attachment_id",
    "comment_id",
    "comment_hash",
    "ordinal",
    "level",
    "parent_section_id",
    "heading_path",
    "text",
    "embed_text",
    "text_hash",
)
_TEXT_COLUMNS = (
    "page_id",
    "content_hash",
    "title",
    "space_key",
    "renderer_version",
    "section_size",
    "sections",
    "markdown",
    "parsed_as",
    "has_computed_content",
    "hidden_characters",
    "comments_digest",
    "outputs_hash",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class SectionWrite:
    """One section; see the columns of `page_sections`."""

    section_id: str
    ordinal: int
    level: int
    parent_section_id: str | None
    heading_path: Sequence[str]
    text: str
    embed_text: str
    text_hash: str
    comment_id: str | None = None
    comment_hash: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class IncludeWrite:
    """One include in the text of a page; see the columns of `page_includes`."""

    position: int
    level: int
    kind: str
    title: str
    source_space_key: str
    source_id: str | None
    source_hash: str | None
    state: IncludeState


@dataclass(frozen=True, kw_only=True, slots=True)
class TextWrite:
    """The text of one page, and from what it was made; see the columns of `page_texts`."""

    page_id: str
    content_hash: str
    title: str
    space_key: str
    renderer_version: int
    section_size: int
    markdown: str
    parsed_as: str
    has_computed_content: bool
    hidden_characters: int
    unknown_macros: dict[str, int]
    search_languages: Sequence[str]
    sections: Sequence[SectionWrite]
    includes: Sequence[IncludeWrite] = ()
    comments_digest: str = ""
    outputs_hash: str = ""  #: of the rendering that it was made with
    mentions: Mapping[str, str | None] = field(default_factory=dict)  #: user id → name that it shows

    @property
    def shown(self) -> dict[str, str | None]:
        """Return the pages that the text shows, with the hashes of their bodies."""
        return {
            each.source_id: each.source_hash
            for each in self.includes
            if each.state is IncludeState.SHOWN and each.source_id
        }

    @property
    def shows_others(self) -> bool:
        """Return whether the text shows other pages, also such that nobody names."""
        return any(each.state is IncludeState.SHOWN for each in self.includes)


@dataclass(frozen=True, kw_only=True, slots=True)
class TextKept:
    """A page whose older text is kept, because its stored body has none. Its comments are text as ever."""

    page_id: str
    content_hash: str
    title: str
    space_key: str
    renderer_version: int
    section_size: int
    search_languages: Sequence[str]
    sections: Sequence[SectionWrite] = ()  #: of its comments; those of the older text stay
    comments_digest: str = ""
    outputs_hash: str = ""
    mentions: Mapping[str, str | None] = field(default_factory=dict)  #: in its comments: user id → name


@cache
def put_texts() -> Insert:
    """Return the statement that inserts texts, or overwrites them."""
    given = unnested(
        {name: TEXTS.c[name] for name in _TEXT_COLUMNS}
        | {"unknown_macros": column("unknown_macros", JSONB), "search_languages": column("search_languages", Text)}
    )
    names = (*_TEXT_COLUMNS, "unknown_macros", "search_languages")
    values = [
        func.string_to_array(given.c[name], _SEPARATOR) if name == "search_languages" else given.c[name]
        for name in names
    ]
    statement = insert(TEXTS).from_select(names, select(*values))
    return statement.on_conflict_do_update(
        index_elements=[TEXTS.c.page_id],
        set_={name: statement.excluded[name] for name in names[1:]} | {"rendered_at": func.now(), "kept_since": None},
    )


@cache
def count_sections() -> Any:
    """Return the statement that copies the number of sections into the rows of pages, which are locked."""
    differs = PAGES.c.sections.is_distinct_from(TEXTS.c.sections)
    ids = func.any(bindparam("page_ids", type_=ARRAY(Text)))
    return (
        update(PAGES).where(PAGES.c.id == ids, TEXTS.c.page_id == PAGES.c.id, differs).values(sections=TEXTS.c.sections)
    )


@cache
def put_sections(languages: tuple[str, ...]) -> Any:
    """Return the statement that writes sections that differ. It returns their ids."""
    given = unnested(
        {
            name: column("heading_path", Text) if name == "heading_path" else SECTIONS.c[name]
            for name in _SECTION_COLUMNS
        }
        | {"title": column("title", Text)}
    )
    path = func.string_to_array(given.c.heading_path, _SEPARATOR)
    columns = (*_SECTION_COLUMNS, "search_vector")
    values = [path if name == "heading_path" else given.c[name] for name in _SECTION_COLUMNS]
    statement = insert(SECTIONS).from_select(columns, select(*values, _search_vector(given.c, languages)))
    names = columns[1:]
    return statement.on_conflict_do_update(
        index_elements=[SECTIONS.c.section_id],
        set_={name: statement.excluded[name] for name in names},
        where=or_(*(SECTIONS.c[name].is_distinct_from(statement.excluded[name]) for name in names)),
    ).returning(SECTIONS.c.section_id)


def _search_vector(given: Any, languages: tuple[str, ...]) -> ColumnElement[Any]:
    """Return the words of a section in each language, by weight: title A, headings B, text D."""
    parts = (
        ("'A'", given.title),
        ("'B'", func.left(func.array_to_string(func.string_to_array(given.heading_path, _SEPARATOR), "\n"), 2_000)),
        ("'D'", func.left(given.text, _SEARCHED_CHARACTERS // max(1, len(languages)))),
    )
    vectors = [
        func.setweight(func.to_tsvector(_configuration(language), words), literal_column(weight))
        for language in languages
        for weight, words in parts
    ]
    return reduce(lambda left, right: left.op("||", return_type=TSVECTOR())(right), vectors, literal("", TSVECTOR))


def _configuration(language: str) -> ColumnElement[Any]:
    # With its schema: a configuration of the same name in the search path must not take its place.
    return literal(f"pg_catalog.{language}").cast(REGCONFIG)


def text_row(write: TextWrite) -> dict[str, Any]:
    """Return a text as a row of `put_texts`."""
    row = {name: getattr(write, name) for name in (*_TEXT_COLUMNS, "unknown_macros") if name != "sections"}
    return row | {
        "sections": sum(each.comment_id is None for each in write.sections),
        "search_languages": _SEPARATOR.join(write.search_languages),
    }


def section_row(write: TextWrite | TextKept, section: SectionWrite) -> dict[str, Any]:
    """Return a section as a row of `put_sections`."""
    return any_section_row(section, page_id=write.page_id, titles=write.title)


def any_section_row(
    section: SectionWrite, *, page_id: str, titles: str, attachment_id: str | None = None, first_ordinal: int = 0
) -> dict[str, Any]:
    """Return a section of a page, or of an attachment, as a row of `put_sections`. `titles` are searched with it."""
    row = {name: getattr(section, name) for name in _SECTION_COLUMNS if name not in ("page_id", "attachment_id")}
    return row | {
        "page_id": page_id,
        "attachment_id": attachment_id,
        "ordinal": first_ordinal + section.ordinal,
        "title": titles,
        "heading_path": _SEPARATOR.join(section.heading_path),
    }


@cache
def put_includes() -> Insert:
    """Return the statement that inserts what texts include."""
    names = tuple(column.name for column in INCLUDES.c)
    given = unnested({name: INCLUDES.c[name] for name in names})
    return insert_rows(INCLUDES).from_select(names, select(*(given.c[name] for name in names)))

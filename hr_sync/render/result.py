"""What goes into a rendering and what comes out of it. Every value is immutable once made."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from hr_sync.render.markdown import Block

#: Raised with every change of the output, so that stored texts can be rendered again without asking Confluence.
RENDERER_VERSION = 3

#: Takes the title of a page and the key of its space. Returns title and address, or None for a page that is not known.
#: An address without the title in it (`/pages/12345`) keeps the texts of other pages unchanged when a page is renamed.
ResolvePage = Callable[[str, str], tuple[str, str] | None]

#: Takes an account id or user key. Returns the name to show, or None: then `UNKNOWN_USER` stands there.
ResolveUser = Callable[[str], str | None]

UNKNOWN_USER = "unknown user"
MENTIONED = "mentioned"  #: attribute of `ri:user`: the text that ADF holds of a mention

#: Returns the size of a text in the unit of `RenderLimits.section_size`, for example the number of its tokens.
Measure = Callable[[str], int]


class ParsedAs(StrEnum):
    """How the body was read."""

    STRICT = "strict"  #: well-formed, as Confluence writes it
    REPAIRED = "repaired"  #: not well-formed: tags were closed, stray markup was kept as text
    TEXT = "text"  #: a limit was reached: the words without structure


@dataclass(frozen=True, kw_only=True, slots=True)
class RenderLimits:
    """How large a page, its nesting, its time and its sections may be. Every limit degrades; none raises."""

    characters: int = 20_000_000  #: a longer body is read as text without structure
    depth: int = 60  #: elements nested deeper give their text without structure; 60 is also the largest value
    seconds: float = 20.0  #: a page that takes longer is read as text without structure
    repeated_characters: int = 500_000  #: what repeated cells of merged table cells may add, per page
    section_size: int = 2_000  #: largest section, in characters or in the unit of `measure`
    measure: Measure | None = None  #: None = number of characters


@dataclass(frozen=True, kw_only=True, slots=True)
class Include:
    """Another page's text, or a part of it, that Confluence shows at this place.

    That page has readers of its own: whoever puts its text here must respect them.
    """

    title: str  #: title of the included page
    space_key: str  #: key of its space; the including page's own space where the macro names none
    excerpt: str | None  #: name of the excerpt; "" = the page's first excerpt; None = the whole page
    placeholder: str  #: what stands in `markdown` and in a section at this place, unless the text itself does


@dataclass(frozen=True, kw_only=True, slots=True)
class IncludedText:
    """The text of another page, or a part of it, and what the rendering of that counted."""

    blocks: Sequence[Block]
    unknown_macros: Mapping[str, int]
    computed_macros: Mapping[str, int]
    rendered_macros: int
    hidden_characters: int
    limits_reached: frozenset[str]


#: Returns the text to show in the place of an include; None keeps the placeholder.
ResolveInclude: TypeAlias = Callable[[Include], IncludedText | None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Excerpt:
    """A part of this page that other pages may include."""

    name: str  #: "" for an excerpt without a name
    markdown: str
    hidden: bool  #: not shown on this page itself, and not in its text


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """One part of a page: a heading with what follows it, up to the next heading, or a bounded part of that.

    A section larger than `RenderLimits.section_size` is divided between paragraphs, list items, table rows and lines
    of code, never within a row or a line of code; one that is larger by itself is a part of its own. Continuation
    parts repeat the header row of their table and the opening fence of their code. Their parent is the first part.
    """

    section_id: str  #: 32 hex digits over page id, headings above and occurrence; not over the position or the text
    ordinal: int  #: position within the page, from 0
    level: int  #: 1 to 6; 0 for what stands before the first heading
    part: int  #: 0, or the number of the continuation
    parent_section_id: str | None  #: section of the heading above; the first part for a continuation
    heading_path: tuple[str, ...]  #: titles from the top to this section, each at most 200 characters
    text: str  #: Markdown, with the heading
    embed_text: str  #: one line of space key, page title and headings with U+203A between them, then `text`
    text_hash: str  #: SHA-256 as 64 hex digits over `text` in UTF-8, and nothing else


@dataclass(frozen=True, kw_only=True, slots=True)
class RenderedPage:
    """A page as text.

    `text_hash` of a section covers its `text` alone. A new title, place, restriction, space key or heading above
    changes `embed_text` and no hash. Who needs the heading line in a cached embedding hashes `embed_text` instead.
    """

    markdown: str  #: the whole page; "" for a page without any text
    sections: tuple[Section, ...]  #: in order; empty for a page without any text
    includes: tuple[Include, ...]
    excerpts: tuple[Excerpt, ...]
    unknown_macros: Mapping[str, int]  #: name → how often
    computed_macros: Mapping[str, int]  #: macros whose content Confluence computes, so that it is not in the body
    rendered_macros: int  #: those of them whose output stands in the text
    hidden_text_removed: int  #: characters that no reader of the page sees, and that were left out
    parsed_as: ParsedAs
    limits_reached: tuple[str, ...]  #: names of fields of `RenderLimits`, sorted
    renderer_version: int = RENDERER_VERSION

    @property
    def has_computed_content(self) -> bool:
        """Return whether Confluence shows something on this page that is not in its body."""
        return bool(self.computed_macros)

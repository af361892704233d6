"""The tables of readable text: one row a page, its sections, and how they are searched. Declarations only."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, SmallInteger, Text, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from hr_sync.domain.changes import IncludeState
from hr_sync.domain.people import NameState
from hr_sync.store.attachment_tables import PageAttachment
from hr_sync.store.comment_tables import PageComment
from hr_sync.store.orm import Base
from hr_sync.store.tables import ConfluencePage, one_of


class PageText(Base):
    """A page as Markdown, and from what it was made."""

    __tablename__ = "page_texts"

    page_id: Mapped[str] = mapped_column(
        ForeignKey(ConfluencePage.id, ondelete="CASCADE"), primary_key=True, comment="The page"
    )
    content_hash: Mapped[str] = mapped_column(
        comment="content_hash of the body that it is the text of; empty = an included page is another one now"
    )
    title: Mapped[str] = mapped_column(comment="Title of the page in embed_text of its sections")
    space_key: Mapped[str] = mapped_column(comment="Key of the space in embed_text of its sections")
    renderer_version: Mapped[int] = mapped_column(comment="Version of the rendering; a higher one renders again")
    section_size: Mapped[int] = mapped_column(comment="Largest section that was allowed, in characters")
    sections: Mapped[int] = mapped_column(comment="How many sections it has, without those of items")
    markdown: Mapped[str] = mapped_column(comment="The whole page")
    parsed_as: Mapped[str] = mapped_column(comment="strict, repaired or text: how the body was read")
    has_computed_content: Mapped[bool] = mapped_column(
        comment="Whether Confluence shows something on this page that is not in its body"
    )
    hidden_characters: Mapped[int] = mapped_column(comment="Characters that no reader sees, and that were left out")
    unknown_macros: Mapped[dict[str, int]] = mapped_column(
        JSONB, server_default=text("'{}'"), comment="Macros that were kept as placeholders: name → how often"
    )
    search_languages: Mapped[list[str]] = mapped_column(
        ARRAY(Text),
        server_default=text("'{}'"),
        comment="Languages of search_vector of its sections, as in text_policy; others make the text again",
    )
    comments_digest: Mapped[str] = mapped_column(
        server_default="", comment="MD5 over the comments that it was made with; empty = there were none"
    )
    outputs_hash: Mapped[str] = mapped_column(
        server_default="", comment="outputs_hash of the rendering that it was made with; empty = of stored bodies alone"
    )
    kept_since: Mapped[datetime | None] = mapped_column(
        comment="Since when the stored body has no text, so that this older one is kept; null = it is of that body"
    )
    rendered_at: Mapped[datetime] = mapped_column(server_default=func.now(), comment="When this row was last written")

    __table_args__ = (
        # Says which texts are of the stored bodies without reading texts.
        Index("ix_page_texts_sections", "page_id", postgresql_include=["content_hash", "sections"]),
        Index("ix_page_texts_outdated", "page_id", postgresql_where=text("content_hash = ''")),
        Index(None, "kept_since", postgresql_where=text("kept_since IS NOT NULL")),
        Index("ix_page_texts_computed", "page_id", postgresql_where=text("has_computed_content")),
        {"comment": "Pages as Markdown, made from the stored bodies without asking Confluence"},
    )


class PageInclude(Base):
    """One place where the text of a page shows another page, or would show it."""

    __tablename__ = "page_includes"

    page_id: Mapped[str] = mapped_column(
        ForeignKey(ConfluencePage.id, ondelete="CASCADE"), primary_key=True, comment="The page whose text it is"
    )
    position: Mapped[int] = mapped_column(primary_key=True, comment="Order in the text, from 0; also within others")
    level: Mapped[int] = mapped_column(
        SmallInteger, comment="1 = in the page's own body, 2 = in that of a page that it includes, ..."
    )
    kind: Mapped[str] = mapped_column(
        comment="include: a whole page; excerpt: a part of it; rendered: what macros show, of pages that nobody names"
    )
    title: Mapped[str] = mapped_column(comment="Title by which the macro names the page")
    source_space_key: Mapped[str] = mapped_column(comment="Key of its space")
    # No foreign key: the row says what the text shows, whatever becomes of that page.
    source_id: Mapped[str | None] = mapped_column(
        comment="The included page; null = not mirrored, not live, or its readers are not known"
    )
    source_hash: Mapped[str | None] = mapped_column(comment="content_hash of its body when the text was made")
    state: Mapped[str] = mapped_column(
        comment="shown: its text stands there; else why a placeholder does: unavailable, no_excerpt, cycle, too_deep, "
        "too_many"
    )

    __table_args__ = (
        CheckConstraint("kind IN ('include', 'excerpt', 'rendered')", name="kind"),
        one_of("state", IncludeState),
        CheckConstraint("state <> 'shown' OR source_id IS NOT NULL", name="shown"),
        Index(None, "source_id", postgresql_where=text("state = 'shown'")),
        {"comment": "Includes in the texts of pages; a page is read by whoever may read each page that its text shows"},
    )


class PageMention(Base):
    """One person whom the text of a page mentions, also within the pages that it shows."""

    __tablename__ = "page_mentions"

    page_id: Mapped[str] = mapped_column(
        ForeignKey(ConfluencePage.id, ondelete="CASCADE"), primary_key=True, comment="The page whose text it is"
    )
    user_id: Mapped[str] = mapped_column(primary_key=True, comment="Account id on Cloud, user key on Data Center")
    name: Mapped[str | None] = mapped_column(
        comment="Name that the text shows; null = the placeholder. Another one in mentioned_users makes the text again"
    )

    __table_args__ = (
        Index(None, "user_id"),
        {"comment": "People whom the texts of pages mention"},
    )


class MentionedUser(Base):
    """What Confluence said of the name of somebody whom a text mentions."""

    __tablename__ = "mentioned_users"

    user_id: Mapped[str] = mapped_column(primary_key=True, comment="Account id on Cloud, user key on Data Center")
    name: Mapped[str | None] = mapped_column(
        comment="Name as texts show it: the public one, or former user; null = the placeholder stands there"
    )
    state: Mapped[str] = mapped_column(
        comment="named, former: the account was deleted, nameless: it shows none, absent: there is no such account, "
        "unread: the last request had no answer, so that the name is that of an earlier one"
    )
    asked_at: Mapped[datetime] = mapped_column(server_default=func.now(), comment="When Confluence was last asked")

    __table_args__ = (
        one_of("state", NameState),
        {"comment": "Names of people whom texts mention, as Confluence shows them to everybody; no addresses"},
    )


class PageRendering(Base):
    """What the computed macros of a page show, as Confluence showed it to the account of hr_sync."""

    __tablename__ = "page_renderings"

    page_id: Mapped[str] = mapped_column(
        ForeignKey(ConfluencePage.id, ondelete="CASCADE"), primary_key=True, comment="The page"
    )
    outputs: Mapped[str | None] = mapped_column(
        comment="Outputs of its macros, as XHTML; empty = none was found, null = the last request had no answer"
    )
    outputs_hash: Mapped[str] = mapped_column(comment="SHA-256 over outputs; empty without any")
    version: Mapped[int] = mapped_column(comment="Version of the page in the answer; it is used for that one alone")
    asked_version: Mapped[int] = mapped_column(comment="Version that the mirror had; another one is asked for at once")
    error: Mapped[str | None] = mapped_column(comment="Why there was no answer")
    asked_at: Mapped[datetime] = mapped_column(server_default=func.now(), comment="When Confluence was last asked")

    __table_args__ = (
        {"comment": "What macros show of other pages and systems; only with access.mode = account, else it is empty"},
    )


_HAS_COMMENT = text("comment_id IS NOT NULL")
_HAS_ATTACHMENT = text("attachment_id IS NOT NULL")  # PageSection has a column `text`


class PageSection(Base):
    """One part of a page, of a file that is attached to it, or of a comment. It carries no access: the page does."""

    __tablename__ = "page_sections"

    section_id: Mapped[str] = mapped_column(
        primary_key=True,
        comment="32 hex digits over page, attachment or comment, and headings; edits elsewhere on it do not change it",
    )
    page_id: Mapped[str] = mapped_column(ForeignKey(ConfluencePage.id, ondelete="CASCADE"), comment="The page")
    ordinal: Mapped[int] = mapped_column(
        comment="Position within the page, from 0; comments stand behind its text, attachments behind these"
    )
    level: Mapped[int] = mapped_column(SmallInteger, comment="1 to 6; 0 for what stands before the first heading")
    parent_section_id: Mapped[str | None] = mapped_column(
        comment="Section of the heading above; the first part for a continuation"
    )
    heading_path: Mapped[list[str]] = mapped_column(
        ARRAY(Text),
        comment="Headings from the top to this section; of an attachment, below the name of the file",
    )
    text: Mapped[str] = mapped_column(comment="Markdown, with the heading")
    embed_text: Mapped[str] = mapped_column(comment="A line of space, page and headings, then the text")
    text_hash: Mapped[str] = mapped_column(comment="SHA-256 over the text alone, 64 hex digits")
    search_vector: Mapped[str] = mapped_column(
        TSVECTOR,
        server_default="",
        comment="Words of title (A), headings (B) and text (D), in each language of the page's search_languages",
    )
    attachment_id: Mapped[str | None] = mapped_column(
        ForeignKey(PageAttachment.id, ondelete="CASCADE"),
        comment="The attachment whose text it is; null = the page's own text",
    )
    comment_id: Mapped[str | None] = mapped_column(
        ForeignKey(PageComment.id, ondelete="CASCADE"), comment="The comment whose text it is; null = of none"
    )
    comment_hash: Mapped[str | None] = mapped_column(
        comment="content_hash of the comment that it is the text of; shown while the comment has it"
    )

    __table_args__ = (
        UniqueConstraint("page_id", "ordinal", deferrable=True, initially="DEFERRED"),
        Index(None, "text_hash"),
        Index(None, "attachment_id", postgresql_where=_HAS_ATTACHMENT),
        Index(None, "comment_id", postgresql_where=_HAS_COMMENT),
        CheckConstraint("attachment_id IS NULL OR comment_id IS NULL", name="one_item"),
        CheckConstraint("(comment_id IS NULL) = (comment_hash IS NULL)", name="comment_hash"),
        Index(None, "search_vector", postgresql_using="gin"),
        {"comment": "Sections of pages, of files attached to them, and of comments, for search and embeddings"},
    )


class TextPolicyRow(Base):
    """The settings that decide how sections are searched: one row."""

    __tablename__ = "text_policy"

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, server_default=text("1"), comment="Always 1")
    search_languages: Mapped[list[str]] = mapped_column(
        ARRAY(Text), comment="Names of the text search configurations of pg_catalog, in the order of the setting"
    )

    __table_args__ = (
        CheckConstraint("id = 1", name="one_row"),
        {"comment": "How sections are searched; a worker writes its settings here. Without the row nothing is found"},
    )

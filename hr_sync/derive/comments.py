"""Makes sections of the comments that are text of a page. They follow its own sections."""

from hr_sync.domain.comments import comments_as_text
from hr_sync.render.page import render_comment
from hr_sync.render.result import RenderLimits, ResolvePage, ResolveUser
from hr_sync.store.read.texts import PendingText
from hr_sync.store.write.text_rows import SectionWrite

_ABOVE = "Comments"


def sections_of_comments(
    page: PendingText,
    limits: RenderLimits,
    resolve: ResolvePage,
    *,
    resolve_user: ResolveUser | None,
    first_ordinal: int,
) -> list[SectionWrite]:
    """Return the sections of the comments of a page, from this ordinal on: each thread together, replies below."""
    sections: list[SectionWrite] = []
    begins: dict[str | None, str] = {}  # comment → its first section
    for part in comments_as_text(page.comments):
        comment = part.comment
        made = render_comment(
            comment.storage,
            (_ABOVE, *part.headings),
            comment_id=comment.id,
            title=page.title,
            space=page.space_key,
            resolve=resolve,
            resolve_user=resolve_user,
            limits=limits,
        )
        if made:
            begins[comment.id] = made[0].section_id
        sections += [
            SectionWrite(
                section_id=each.section_id,
                ordinal=first_ordinal + len(sections) + number,
                level=each.level,
                parent_section_id=each.parent_section_id or begins.get(comment.parent_id),
                heading_path=each.heading_path,
                text=each.text,
                embed_text=each.embed_text,
                text_hash=each.text_hash,
                comment_id=comment.id,
                comment_hash=comment.content_hash,
            )
            for number, each in enumerate(made)
        ]
    return sections

"""The entry: one stored body in, one page of text out; or the text that another page includes from it."""

from xml.etree.ElementTree import Element

from hr_sync.render.adf import storage_tree
from hr_sync.render.blocks import code_block
from hr_sync.render.document import Document, parse, text_of_oversized
from hr_sync.render.macros import computed_in, find_excerpt
from hr_sync.render.markdown import Block, Heading, as_text, as_texts, escape_tags, paragraph
from hr_sync.render.plain import plain_text
from hr_sync.render.rendered import Outputs, place_outputs
from hr_sync.render.renderer import OutOfTime, Renderer
from hr_sync.render.result import (
    IncludedText,
    ParsedAs,
    RenderedPage,
    RenderLimits,
    ResolveInclude,
    ResolvePage,
    ResolveUser,
    Section,
)
from hr_sync.render.sections import make_sections

_DEEPEST_HEADING = 6


def render_page(
    storage: str | None,
    *,
    title: str,
    space: str,
    page_id: str,
    resolve: ResolvePage,
    adf: str | None = None,
    resolve_user: ResolveUser | None = None,
    resolve_include: ResolveInclude | None = None,
    outputs: Outputs | None = None,
    limits: RenderLimits | None = None,
) -> RenderedPage:
    """Return a page's storage body as Markdown and sections; `adf` (JSON) is read where `storage` is None.

    `space` is the key of the page's space: it stands in `embed_text`, and links without a space lead into it. The
    `outputs`: what its computed macros show, for their places. The
    result depends on the arguments alone, unless the limit of time is reached. Nothing raises because of the body;
    what `resolve`, `resolve_user` and `resolve_include` raise is passed on.
    """
    limits = limits or RenderLimits()
    renderer = Renderer(space, resolve, resolve_user, limits, resolve_include)
    document = _document(renderer, storage, adf, limits)
    if outputs is not None:
        renderer.outputs = place_outputs(computed_in(document.root), outputs, by_order=True)
    blocks, parsed_as = _blocks(renderer, document)
    return RenderedPage(
        markdown="\n\n".join(map(as_text, blocks)),
        sections=make_sections(blocks, page_id=page_id, title=title, space=space, limits=limits),
        includes=tuple(renderer.includes),
        excerpts=tuple(renderer.excerpts),
        unknown_macros=renderer.unknown_macros,
        computed_macros=renderer.computed_macros,
        rendered_macros=renderer.rendered_macros,
        hidden_text_removed=document.hidden_characters + renderer.hidden_characters,
        parsed_as=parsed_as,
        limits_reached=tuple(sorted(renderer.limits_reached)),
    )


def render_included(
    storage: str,
    excerpt: str | None,
    *,
    space: str,
    resolve: ResolvePage,
    resolve_include: ResolveInclude,
    limits: RenderLimits,
    resolve_user: ResolveUser | None = None,
    outputs: Outputs | None = None,
) -> IncludedText | None:
    """Return the text of a page, or of one of its excerpts, for a page that includes it; None without that excerpt.

    `excerpt`: as in `Include`. Includes within are resolved where the excerpt shows them alone. `outputs`: those of the
    page that includes it; ids alone say which of them are of this page's macros.
    """
    renderer = Renderer(space, resolve, resolve_user, limits, resolve_include)
    document = _document(renderer, storage, None, limits)
    if outputs is not None:
        renderer.outputs = place_outputs(computed_in(document.root), outputs, by_order=False)
    if excerpt is None:
        blocks, _ = _blocks(renderer, document)
    else:
        macro = find_excerpt(document.root, excerpt)
        if macro is None:
            return None
        part = Element("body")
        part.extend(macro.bodies)
        blocks, _ = _blocks(renderer, Document(part, document.parsed_as, 0))
        blocks += [] if macro.code is None else code_block(renderer, macro.code, "")
    return IncludedText(
        blocks=blocks,
        unknown_macros=renderer.unknown_macros,
        computed_macros=renderer.computed_macros,
        rendered_macros=renderer.rendered_macros,
        hidden_characters=document.hidden_characters + renderer.hidden_characters,
        limits_reached=frozenset(renderer.limits_reached),
    )


def render_comment(
    storage: str,
    headings: tuple[str, ...],
    *,
    comment_id: str,
    title: str,
    space: str,
    resolve: ResolvePage,
    resolve_user: ResolveUser | None,
    limits: RenderLimits,
) -> tuple[Section, ...]:
    """Return a comment as sections, below the last of `headings`; none if it has no text.

    `title`, `space`: of its page. Includes leave their placeholders: a comment shows no other page.
    """
    renderer = Renderer(space, resolve, resolve_user, limits, None)
    blocks, _ = _blocks(renderer, _document(renderer, storage, None, limits))
    if not blocks:
        return ()
    level = min(len(headings), _DEEPEST_HEADING)
    heading = Heading(level, headings[-1], f"{'#' * level} {escape_tags(headings[-1])}")
    return make_sections(
        [heading, *as_texts(blocks)],  # its own headings begin no sections
        page_id=f"comment {comment_id}",
        title=title,
        space=space,
        limits=limits,
        above=headings[:-1],
    )


def _document(renderer: Renderer, storage: str | None, adf: str | None, limits: RenderLimits) -> Document:
    body = storage if storage is not None else adf or ""
    if len(body) > limits.characters:
        renderer.limits_reached.add("characters")
        text, hidden = text_of_oversized(body)
        return Document(_holding(text), ParsedAs.TEXT, hidden)
    return parse(storage) if storage is not None else storage_tree(body)


def _blocks(renderer: Renderer, document: Document) -> tuple[list[Block], ParsedAs]:
    if document.parsed_as is ParsedAs.TEXT:
        return _paragraphs(document.root.text or ""), ParsedAs.TEXT
    try:
        return renderer.blocks(document.root), document.parsed_as
    except OutOfTime:
        renderer.limits_reached.add("seconds")
    except RecursionError:  # the caller has used up most of the stack
        renderer.limits_reached.add("depth")
    return _paragraphs(plain_text(document.root, parameters=True)), ParsedAs.TEXT


def _paragraphs(text: str) -> list[Block]:
    lines = (paragraph(escape_tags(line)) for line in text.splitlines())
    return [line for line in lines if line]


def _holding(text: str) -> Element:
    root = Element("body")
    root.text = text
    return root

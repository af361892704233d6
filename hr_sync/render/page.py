"""The entry: one stored body in, one page of text out."""

from xml.etree.ElementTree import Element

from hr_sync.render.adf import storage_tree
from hr_sync.render.document import Document, parse, text_of_oversized
from hr_sync.render.markdown import Block, as_text, escape_tags, paragraph
from hr_sync.render.plain import plain_text
from hr_sync.render.renderer import OutOfTime, Renderer
from hr_sync.render.result import ParsedAs, RenderedPage, RenderLimits, ResolvePage, ResolveUser
from hr_sync.render.sections import make_sections


def render_page(
    storage: str | None,
    *,
    title: str,
    space: str,
    page_id: str,
    resolve: ResolvePage,
    adf: str | None = None,
    resolve_user: ResolveUser | None = None,
    limits: RenderLimits | None = None,
) -> RenderedPage:
    """Return a page's storage body as Markdown and sections; `adf` (JSON) is read where `storage` is None.

    `space` is the key of the page's space: it stands in `embed_text`, and links without a space lead into it. The
    result depends on the arguments alone, unless the limit of time is reached. Nothing raises because of the body;
    what `resolve` and `resolve_user` raise is passed on.
    """
    limits = limits or RenderLimits()
    renderer = Renderer(space, resolve, resolve_user, limits)
    body = storage if storage is not None else adf or ""
    if len(body) > limits.characters:
        renderer.limits_reached.add("characters")
        text, hidden = text_of_oversized(body)
        document = Document(_holding(text), ParsedAs.TEXT, hidden)
    elif storage is not None:
        document = parse(storage)
    else:
        document = storage_tree(body)
    blocks, parsed_as = _blocks(renderer, document)
    return RenderedPage(
        markdown="\n\n".join(map(as_text, blocks)),
        sections=make_sections(blocks, page_id=page_id, title=title, space=space, limits=limits),
        includes=tuple(renderer.includes),
        excerpts=tuple(renderer.excerpts),
        unknown_macros=renderer.unknown_macros,
        computed_macros=renderer.computed_macros,
        hidden_text_removed=document.hidden_characters + renderer.hidden_characters,
        parsed_as=parsed_as,
        limits_reached=tuple(sorted(renderer.limits_reached)),
    )


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

"""Elements within a line: emphasis, code, links, mentions, images, emoji, dates."""

from collections.abc import Callable
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element

from hr_sync.render.macro_names import EMOTICONS
from hr_sync.render.markdown import BREAK, address, escape_tags, inline_code, link, one_line, wrapped
from hr_sync.render.plain import UNREAD, plain_text
from hr_sync.render.result import MENTIONED, UNKNOWN_USER

if TYPE_CHECKING:
    from hr_sync.render.renderer import Renderer

_EVERYBODY = frozenset({"all", "here"})  # mentions in ADF that are nobody's name


def _emphasis(mark: str) -> "Callable[[Renderer, Element], str]":
    def render(r: "Renderer", element: Element) -> str:
        text = r.content(element)
        return text if r.holds_blocks(text) else wrapped(mark, text)

    return render


def _code(_: "Renderer", element: Element) -> str:
    return inline_code(plain_text(element, parameters=True))


def _formula(r: "Renderer", element: Element) -> str:
    """Render MathML: as the TeX that many writers store beside it, else as its text."""
    tex = next((part for part in element.iter("annotation") if part.get("encoding") == "application/x-tex"), None)
    return r.content(element) if tex is None else f"${one_line((tex.text or '',))}$"


def _span(r: "Renderer", element: Element) -> str:
    """Render a span; KaTeX stores each formula once more, in pieces, for browsers."""
    return "" if element.attrib and element.get("class") == "katex-html" else r.content(element)


def _break(r: "Renderer", element: Element) -> str:
    return BREAK + r.content(element)  # nothing should stand in it, but what does is read


def _nothing(_: "Renderer", __: Element) -> str:
    return ""


def _superscript(r: "Renderer", element: Element) -> str:
    """Render `10<sup>2</sup>` as `10^2`, never as `102`; ordinals (1st) stay as they are."""
    text = r.content(element)
    core = text.strip()
    return f"^{core}" if core[:1].isdigit() or core[:1] in {"-", "+", "\N{MINUS SIGN}"} else text


def _time(r: "Renderer", element: Element) -> str:
    text = r.content(element)
    return text if text.strip() else element.get("datetime") or ""


def _anchor(r: "Renderer", element: Element) -> str:
    text = r.content(element)
    return text if r.holds_blocks(text) else link(text, element.get("href") or "")


def _picture(r: "Renderer", element: Element) -> str:
    return _image_text(element.get("alt") or element.get("title") or "", element.get("src") or "") + r.content(element)


def _image(r: "Renderer", element: Element) -> str:
    source, rest = "", []
    for child in element:
        if child.tag == "ri:attachment":
            source = child.get("ri:filename") or ""
        elif child.tag == "ri:url":
            source = child.get("ri:value") or ""
        elif text := r.line(child):
            rest.append(text)
    caption = one_line([*rest, *_loose_text(element)])
    alternative = element.get("ac:alt") or element.get("ac:title") or caption or source.rsplit("/", 1)[-1]
    image = _image_text(alternative, source)
    return image if not caption or (caption == alternative and image) else f"{image} *{caption}*".lstrip()


def _image_text(alternative: str, source: str) -> str:
    target = address(source)
    label = one_line((alternative or source.rsplit("/", 1)[-1],)) if target else one_line((alternative,))
    if not target:
        return f"![{escape_tags(label)}]" if label else ""
    return f"![{escape_tags(label)}]({target})"


def _emoticon(r: "Renderer", element: Element) -> str:
    name = element.get("ac:name") or ""
    fallback = element.get("ac:emoji-fallback") or ""
    if fallback and not fallback.startswith(":"):
        return fallback + r.content(element)
    shown = element.get("ac:emoji-shortname") or fallback or EMOTICONS.get(name) or (f":{name}:" if name else "")
    return shown + r.content(element)


def _link(r: "Renderer", element: Element) -> str:
    """Render `ac:link`: to a page, a post, an attachment, a space, a person, an address or a place on this page."""
    target: Element | None = None
    body: list[str] = list(_loose_text(element))
    for child in element:
        if child.tag.startswith("ri:"):
            target = child
        body.append(r.content(child))
    text = "".join(body)
    if r.holds_blocks(text):
        return text
    return _TARGETS.get(target.tag, _to_unknown)(r, target, text) if target is not None else text


def _to_page(r: "Renderer", target: Element, text: str) -> str:
    title = one_line((target.get("ri:content-title") or "",))
    found = r.resolve(title, target.get("ri:space-key") or r.space) if title else None
    if found is not None:
        return link(text if text.strip() else escape_tags(found[0]), found[1])
    if not text.strip():
        return escape_tags(title)
    return text if not title or title.casefold() in one_line((text,)).casefold() else f"{text} ({escape_tags(title)})"


def _to_person(r: "Renderer", target: Element, text: str) -> str:
    """Render a mention as `@Name`, never as an id. What an author wrote as the text of the link may stand for it.

    The text of a mention in ADF is an older name of the account: it counts where nobody is asked for names.
    """
    key = target.get("ri:account-id") or target.get("ri:userkey") or ""
    name = r.resolve_user(key) if r.resolve_user is not None and key else None
    written = text.strip().removeprefix("@")
    if r.resolve_user is None or key in _EVERYBODY:
        written = written or escape_tags((target.get(MENTIONED) or "").strip().removeprefix("@"))
    return f"@{escape_tags(one_line((name,))) if name else written or UNKNOWN_USER}"


def _to_attachment(_: "Renderer", target: Element, text: str) -> str:
    filename = target.get("ri:filename") or ""
    return link(text if text.strip() else escape_tags(filename), filename)


def _to_address(_: "Renderer", target: Element, text: str) -> str:
    return link(text, target.get("ri:value") or "")


def _to_unknown(_: "Renderer", target: Element, text: str) -> str:
    names = (target.get(name) for name in ("ri:space-key", "ri:key", "ri:content-id"))
    parameter = target.get("ri:parameter")
    return text if text.strip() else next((name for name in names if name), "") + (f" {parameter}" if parameter else "")


def _loose_text(element: Element) -> list[str]:
    """Return text that stands directly in an element which should hold elements only."""
    texts = [element.text, *(child.tail for child in element)]
    return [escape_tags(text) for text in texts if text and not text.isspace()]


_TARGETS: "dict[str, Callable[[Renderer, Element, str], str]]" = {
    "ri:page": _to_page,
    "ri:blog-post": _to_page,
    "ri:user": _to_person,
    "ri:attachment": _to_attachment,
    "ri:url": _to_address,
}

INLINE: "dict[str, Callable[[Renderer, Element], str]]" = {
    "strong": _emphasis("**"),
    "b": _emphasis("**"),
    "em": _emphasis("*"),
    "i": _emphasis("*"),
    "cite": _emphasis("*"),
    "del": _emphasis("~~"),
    "s": _emphasis("~~"),
    "strike": _emphasis("~~"),
    "code": _code,
    "tt": _code,
    "kbd": _code,
    "samp": _code,
    "math": _formula,
    "span": _span,
    "sup": _superscript,
    "br": _break,
    "time": _time,
    "a": _anchor,
    "img": _picture,
    "ac:link": _link,
    "ac:image": _image,
    "ac:emoticon": _emoticon,
    **dict.fromkeys(UNREAD, _nothing),
}

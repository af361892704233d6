"""Macros: boxes, code, status, formulas, includes, and what is not in the body.

A macro is dropped only by name, and a body that it has is rendered whatever its name. A macro that no list names keeps
its parameters, as far as they are words, and its body; it is counted.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element

from hr_sync.render import macro_names as names
from hr_sync.render.blocks import code_block, in_quote
from hr_sync.render.markdown import Block, as_text, as_texts, escape_tags, one_line
from hr_sync.render.plain import plain_text
from hr_sync.render.result import Excerpt, Include

if TYPE_CHECKING:
    from hr_sync.render.renderer import Renderer

_CONFIGURATION = re.compile(
    r"true|false|none|null|yes|no|on|off|auto|default|left|right|center|top|bottom|asc|desc|small|medium|large"
    r"|[-+]?[\d.,]+(?:px|em|rem|pt|%)?|#[0-9a-f]{3,8}|var\(.*\)|[0-9a-f]{8}-[0-9a-f-]{4,}"
    r"|\d+:[0-9a-f-]{32,}|[0-9a-f]{24}|[0-9a-f]{32}"  # account ids and user keys
    r"|\S{100,}",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Macro:
    """A macro with its parts."""

    name: str
    parameters: dict[str, Element]
    bodies: list[Element]  #: rich text
    code: str | None  #: the plain text body
    element: Element

    def text(self, *keys: str) -> str:
        """Return the first parameter of these names that has a text, as one line; "" if there is none."""
        for key in keys:
            parameter = self.parameters.get(key)
            if parameter is not None and (text := one_line((plain_text(parameter, parameters=True),))):
                return text
        return ""


def read_macro(element: Element) -> Macro:
    """Return the parts of a macro. What is neither parameter nor body counts as a body, so that it is rendered."""
    name = (element.get("ac:name") or "").strip().lower()
    parameters: dict[str, Element] = {}
    bodies: list[Element] = []
    code: str | None = None
    loose = [element.text or ""]
    for child in element:
        if child.tag in {"ac:parameter", "ac:default-parameter"}:
            key = child.get("ac:name") or ""
            parameters[key if key not in parameters else f"{key}#{len(parameters)}"] = child
        elif child.tag == "ac:plain-text-body":
            code = (code or "") + plain_text(child, parameters=True)
        else:
            bodies.append(child)
        loose.append(child.tail or "")
    text = "".join(loose)
    if text and not text.isspace():
        holder = Element("p")
        holder.text = text
        bodies.append(holder)
    return Macro(name, parameters, bodies, code, element)


def computed_in(root: Element) -> list[tuple[str, str, Element]]:
    """Return the macros in a body whose content Confluence computes: name, id ("" without one), element."""
    macros = [each for each in root.iter() if each.tag in MACROS]
    named = [((each.get("ac:name") or "").strip().lower(), each.get("ac:macro-id") or "", each) for each in macros]
    return [macro for macro in named if macro[0] in names.COMPUTED or macro[0] == "jira"]


def _macro(r: "Renderer", element: Element) -> str:
    macro = read_macro(element)
    render = _RENDER.get(macro.name)
    return render(r, macro) if render is not None else _unknown(r, macro)


def body_of(r: "Renderer", macro: Macro) -> list[Block]:
    """Return what stands in a macro."""
    blocks = [block for body in macro.bodies for block in r.alone(body)]
    return blocks if macro.code is None else [*blocks, *code_block(r, macro.code, "")]


def _inside(r: "Renderer", macro: Macro) -> list[str]:
    return as_texts(body_of(r, macro))


def _dropped(r: "Renderer", macro: Macro) -> str:
    return r.hold(body_of(r, macro)) if macro.bodies or macro.code else ""


def _titled(r: "Renderer", macro: Macro) -> str:
    title = macro.text(*names.TITLES)
    return r.hold([*([f"**{escape_tags(title)}**"] if title else []), *body_of(r, macro)])


def _box(r: "Renderer", macro: Macro) -> str:
    label = ": ".join(filter(None, (names.BOXES[macro.name], escape_tags(macro.text("title")))))
    return r.hold(in_quote(r, lambda: [*([f"**{label}**"] if label else []), *_inside(r, macro)]))


def _code(r: "Renderer", macro: Macro) -> str:
    language = names.PREFORMATTED[macro.name]
    if language is None:
        language = macro.text("language")
    title = escape_tags(macro.text("title"))
    blocks: list[Block] = [block for body in macro.bodies for block in r.alone(body)]
    code = code_block(r, macro.code or "", "" if language == "none" else language)
    return r.hold([*([f"**{title}**"] if title else []), *code, *blocks])


def _status(r: "Renderer", macro: Macro) -> str:
    title = escape_tags(macro.text("title"))
    return (f"[{title}]" if title else "") + _dropped(r, macro)


def _formula(r: "Renderer", macro: Macro) -> str:
    formula = macro.code if macro.code and macro.code.strip() else macro.text("body", "formula", "equation", "")
    formula = (formula or "").strip()
    blocks: list[Block] = [block for body in macro.bodies for block in r.alone(body)]
    if not formula:
        return r.hold(blocks)
    if not names.FORMULAS[macro.name] or r.cells:
        return f"${one_line((formula,))}$" + r.hold(blocks)
    lines = "\n".join(line for line in formula.strip("$").split("\n") if line.strip())
    return r.hold([f"$$\n{lines}\n$$", *blocks])


def _computed(r: "Renderer", macro: Macro) -> str:
    r.computed_macros[macro.name] = r.computed_macros.get(macro.name, 0) + 1
    output = r.output_of(macro.element)
    if output is not None:
        return output
    return f"[Confluence shows here: {names.COMPUTED[macro.name]}]" + _dropped(r, macro)


def _jira(r: "Renderer", macro: Macro) -> str:
    r.computed_macros[macro.name] = r.computed_macros.get(macro.name, 0) + 1
    output = r.output_of(macro.element)
    if output is not None:
        return output
    key, query = macro.text("key"), macro.text("jqlQuery", "jql", "filter")
    shown = f"[Jira {key}]" if key else f"[Jira issues: {query}]" if query else "[Jira issues]"
    return escape_tags(shown) + _dropped(r, macro)


def _diagram(r: "Renderer", macro: Macro) -> str:
    name = macro.text(*names.DIAGRAM_NAMES)
    return escape_tags(f"[Diagram: {name}]" if name else "[Diagram]") + _dropped(r, macro)


def _embedded(r: "Renderer", macro: Macro) -> str:
    name = ""
    for key in names.EMBEDDED_NAMES:
        parameter = macro.parameters.get(key)
        if parameter is None:
            continue
        reference = next((part for part in parameter.iter() if part.tag in {"ri:attachment", "ri:url"}), None)
        name = (reference.get("ri:filename") or reference.get("ri:value") or "") if reference is not None else ""
        name = name or macro.text(key)
        if name:
            break
    return (f"[Embedded: {escape_tags(name)}]" if name else "[Embedded content]") + _dropped(r, macro)


def _include(r: "Renderer", macro: Macro) -> str:
    title, space_key = "", ""
    for key in ("", "page", "pageTitle", "PageWithExcerpt"):
        parameter = macro.parameters.get(key)
        if parameter is None or title:
            continue
        page = next((part for part in parameter.iter() if part.tag in {"ri:page", "ri:blog-post"}), None)
        if page is not None:
            title, space_key = one_line((page.get("ri:content-title") or "",)), page.get("ri:space-key") or ""
        else:
            title = macro.text(key)
            before, colon, after = title.partition(":")
            if colon and re.fullmatch(r"~?[A-Za-z0-9]+", before) and after.strip():
                title, space_key = after.strip(), before
    if not title:
        return _unknown(r, macro)
    is_excerpt = names.INCLUDES[macro.name]
    excerpt = excerpt_name(macro) if is_excerpt else None
    part = "page" if excerpt is None else f"excerpt {excerpt} of" if excerpt else "excerpt of"
    shown = escape_tags(f"[Included {part}: {title}]")
    include = Include(title=title, space_key=space_key or r.space, excerpt=excerpt, placeholder=shown)
    r.includes.append(include)
    found = r.included(include)
    return r.hold([*([shown] if found is None else found.blocks), *body_of(r, macro)])


def _excerpt(r: "Renderer", macro: Macro) -> str:
    hidden = macro.text("hidden").lower() == "true"
    blocks = body_of(r, macro)
    text = "\n\n".join(map(as_text, blocks))
    r.excerpts.append(Excerpt(name=excerpt_name(macro), markdown=text, hidden=hidden))
    return _hide(r, text) if hidden else r.hold(blocks)


def excerpt_name(macro: Macro) -> str:
    """Return the name of an excerpt, in its macro and in one that includes it; "" if there is none."""
    return macro.text("name", "MultiExcerptName", "multi-excerpt-name")


def find_excerpt(root: Element, name: str) -> Macro | None:
    """Return the first excerpt with this name, or the first of all for ""; None if there is none."""
    found = (read_macro(each) for each in root.iter() if each.tag in MACROS)
    excerpts = (macro for macro in found if macro.name in names.EXCERPTS)
    return next((macro for macro in excerpts if not name or excerpt_name(macro) == name), None)


def _details(r: "Renderer", macro: Macro) -> str:
    """Render page properties; hidden ones are shown in reports of other pages, not here."""
    blocks = body_of(r, macro)
    return _hide(r, "\n\n".join(map(as_text, blocks))) if macro.text("hidden").lower() == "true" else r.hold(blocks)


def _hide(r: "Renderer", text: str) -> str:
    r.hidden_characters += len(text)
    return ""


def _unknown(r: "Renderer", macro: Macro) -> str:
    name = macro.name or "without a name"
    r.unknown_macros[name] = r.unknown_macros.get(name, 0) + 1
    words = [
        f"{key}: {text}" if key and "#" not in key else text
        for key in macro.parameters
        if (text := macro.text(key)) and not is_configuration(text)
    ]
    blocks = body_of(r, macro)
    shown = f"[Macro {name} ({'; '.join(words)})]" if words else "" if blocks else f"[Macro {name}]"
    return escape_tags(shown) + r.hold(blocks)


def is_configuration(value: str) -> bool:
    """Return whether a parameter's value is a switch, a number, a colour, an id or data rather than words."""
    return _CONFIGURATION.fullmatch(value) is not None


_RENDER: "dict[str, Callable[[Renderer, Macro], str]]" = {
    **dict.fromkeys(names.DROPPED, _dropped),
    **dict.fromkeys(names.COMPUTED, _computed),
    **dict.fromkeys(names.INCLUDES, _include),
    **dict.fromkeys(names.EXCERPTS, _excerpt),
    **dict.fromkeys(names.DIAGRAMS, _diagram),
    **dict.fromkeys(names.EMBEDDED, _embedded),
    **dict.fromkeys(names.BOXES, _box),
    **dict.fromkeys(names.TRANSPARENT, _titled),
    **dict.fromkeys(names.PREFORMATTED, _code),
    **dict.fromkeys(names.FORMULAS, _formula),
    "status": _status,
    "jira": _jira,
    "details": _details,
}

MACROS: "dict[str, Callable[[Renderer, Element], str]]" = {"ac:structured-macro": _macro, "ac:macro": _macro}

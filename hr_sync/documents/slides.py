"""PPTX: a section for each slide, with its speaker's notes below it."""

from collections.abc import Iterator

from lxml import etree

from hr_sync.documents.collected import Collected, Refused
from hr_sync.documents.ooxml import Package, attribute, child, local
from hr_sync.documents.result import Limits, MissingReason, Reason
from hr_sync.render.markdown import BREAK

_TITLES = frozenset({"title", "ctrTitle"})
_UNREAD_NOTES = frozenset({"sldNum", "hdr", "ftr", "dt", "sldImg"})


def read_pptx(data: bytes, out: Collected, limits: Limits) -> None:
    """Add the slides in their order, hidden ones left out."""
    package = Package(data, limits)
    main = package.main_part()
    slides = {each.id: each.target for each in package.relationships(main) if each.type == "slide"}
    order = [attribute_id(each) for each in package.parse(main).iter("{*}sldId")]
    if len(order) > limits.pages:
        raise Refused(Reason.TOO_MANY_PAGES)
    out.pages = len(order)
    for number, slide_id in enumerate(order, 1):
        try:
            _add_slide(package, slides[slide_id], number, out)
        except (Refused, KeyError):
            out.miss(f"Slide {number}", MissingReason.DAMAGED)


def attribute_id(slide: etree._Element) -> str:
    """Return the id of the relationship to a slide; the element has a number called `id` as well."""
    return next((str(value) for key, value in slide.items() if str(key).endswith("}id")), "")


def _add_slide(package: Package, name: str, number: int, out: Collected) -> None:
    root = package.parse(name)
    if attribute(root, "show") in {"0", "false"}:
        out.miss(f"Slide {number}", MissingReason.HIDDEN)
        return
    shapes = list(_shapes(root))
    title = " ".join(" ".join(_texts(shape)) for shape in shapes if _placeholder(shape) in _TITLES)
    out.heading(1, f"Slide {number}: {title.replace(BREAK, ' ')}" if title.strip() else f"Slide {number}")
    for shape in shapes:
        if _placeholder(shape) in _TITLES:
            continue
        table = next(shape.iter("{*}tbl"), None)
        if table is not None:
            out.table(_rows(table), has_header=attribute_of(table, "tblPr", "firstRow") in {"1", "true"})
        else:
            for text in _texts(shape):
                out.paragraph(text)
    for text in package.drawn_texts(name):
        out.paragraph(text)
    if title.strip() and not out.has_text:
        out.paragraph(title)  # a presentation of nothing but titles is still a text
    for notes in package.related(name, "notesSlide"):
        _add_notes(package.parse(notes), out)


def _add_notes(root: etree._Element, out: Collected) -> None:
    texts = [text for shape in _shapes(root) if _placeholder(shape) not in _UNREAD_NOTES for text in _texts(shape)]
    if any(text.strip() for text in texts):
        out.heading(2, "Notes")
    for text in texts:
        out.paragraph(text)


def _shapes(root: etree._Element) -> Iterator[etree._Element]:
    """Yield the shapes of a slide that are shown, those of groups too."""
    tree = child(root, "cSld", "spTree")
    yield from _shown(tree) if tree is not None else ()


def _shown(tree: etree._Element) -> Iterator[etree._Element]:
    for shape in tree:
        name = local(shape)
        if name in {"grpSp", "AlternateContent", "Choice"}:
            if not _is_hidden(shape):
                yield from _shown(shape)
        elif name in {"sp", "graphicFrame", "cxnSp", "pic"} and not _is_hidden(shape):
            yield shape


def _is_hidden(shape: etree._Element) -> bool:
    properties = next((child(each, "cNvPr") for each in shape if local(each).startswith("nv")), None)
    return properties is not None and attribute(properties, "hidden") in {"1", "true"}


def _placeholder(shape: etree._Element) -> str:
    mark = child(shape, "nvSpPr", "nvPr", "ph")
    return (attribute(mark, "type") or "") if mark is not None else ""


def _texts(shape: etree._Element) -> Iterator[str]:
    for paragraph in shape.iter("{*}p"):
        parts = ((BREAK if local(each) == "br" else each.text or "") for each in paragraph.iter("{*}t", "{*}br"))
        yield "".join(parts)


def attribute_of(element: etree._Element, name: str, key: str) -> str | None:
    """Return an attribute of a child."""
    found = child(element, name)
    return attribute(found, key) if found is not None else None


def _rows(table: etree._Element) -> Iterator[list[str]]:
    above: list[str] = []
    for row in table.iter("{*}tr"):
        cells: list[str] = []
        for cell in row.iter("{*}tc"):
            if attribute(cell, "hMerge") in {"1", "true"}:
                cells.append(cells[-1] if cells else "")
            elif attribute(cell, "vMerge") in {"1", "true"}:
                cells.append(above[len(cells)] if len(cells) < len(above) else "")
            else:
                cells.append("\n".join(text.replace(BREAK, "\n") for text in _texts(cell) if text.strip()))
        above = cells
        yield cells

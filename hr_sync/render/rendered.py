"""What computed macros show, from the HTML of a page in which Confluence has carried them out. Pure.

Confluence marks the output of a macro with the name of the macro and mostly with its id; some outputs are known by a
class alone. Only outputs are kept of the HTML: everything else of the page is in its storage body, and is read there.
Output that a browser still has to load is none. A link to a profile becomes a mention, so that no name is kept.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree.ElementTree import Element, SubElement, tostring

from hr_sync.render.document import parse
from hr_sync.render.invisible import REMOVED
from hr_sync.render.macro_names import COMPUTED
from hr_sync.render.result import ParsedAs

_NAMES = frozenset({*COMPUTED, "jira"})
_BY_CLASS = {
    "childpages-macro": "children",
    "content-by-label": "contentbylabel",
    "metadata-summary-macro": "detailssummary",
    "jira-issue": "jira",
    "jira-table": "jira",
}
_DROPPED = frozenset({"hidden", "parameters", "icon", "aui-icon", "assistive"})
_LOADING = frozenset({"issue-placeholder", "loading"})
_PEOPLE = frozenset({"confluence-userlink", "user-mention"})
_KEPT = frozenset({"href", "alt", "title", "colspan", "rowspan", "start"})
_NAME, _ID = "data-macro-name", "data-macro-id"
_LONGEST = 20_000_000  # characters of HTML; the outputs of a longer page are not looked for
_MOST = 2_000_000  # characters of all outputs of a page
_DEEPEST = 100


@dataclass(frozen=True, slots=True)
class Outputs:
    """The outputs of computed macros in the order in which they stand on the page."""

    elements: tuple[tuple[str, str, Element], ...] = ()  #: name and id of the macro, "" without one; what it shows


def computed_outputs(html: str) -> str:
    """Return the outputs of the computed macros in the HTML of a page, for `read_outputs`; "" if there are none."""
    if len(html) > _LONGEST:
        return ""
    document = parse(html)
    if document.parsed_as is ParsedAs.TEXT:
        return ""
    parts: list[str] = []
    for name, output in _outputs(document.root):
        macro_id = output.get(_ID) or ""
        kept = output if _is_complete(output) else Element("div")  # it counts, so that others keep their places
        _clean(kept)
        kept.attrib.update({_NAME: name} | ({_ID: macro_id} if macro_id else {}))
        kept.tail = None
        parts.append(tostring(kept, encoding="unicode"))
    if sum(map(len, parts)) > _MOST:
        return ""
    return "\n".join(parts)


def read_outputs(parts: str) -> Outputs:
    """Return what `computed_outputs` found."""
    root = parse(parts).root
    return Outputs(tuple((each.get(_NAME) or "", each.get(_ID) or "", each) for each in root))


def place_outputs(macros: list[tuple[str, str, Element]], outputs: Outputs, *, by_order: bool) -> dict[int, Element]:
    """Return which output stands in the place of which macro, by `id()` of the macro's element.

    `macros`: name, id and element of each macro of a body, in order. An id decides where the outputs have one. Without
    ids the order does, where there are as many outputs of a name as macros. What is in doubt has no output.
    """
    times = Counter(macro_id for _, macro_id, _ in outputs.elements)
    by_id = {macro_id: each for _, macro_id, each in outputs.elements if macro_id and times[macro_id] == 1}
    placed = {id(element): by_id[macro_id] for _, macro_id, element in macros if macro_id in by_id}
    for wanted in {name for name, _, _ in macros} if by_order else ():
        own = [(macro_id, element) for name, macro_id, element in macros if name == wanted]
        found = [(macro_id, each) for name, macro_id, each in outputs.elements if name == wanted]
        if len(own) == len(found) and not any(macro_id and each for macro_id, each in _ids(own, found)):
            placed |= {id(macro): each for (_, macro), (_, each) in zip(own, found, strict=True)}
    return {macro: each for macro, each in placed.items() if len(each) or each.text}


def _ids(own: list[tuple[str, Element]], found: list[tuple[str, Element]]) -> list[tuple[str, str]]:
    return [(before, after) for (before, _), (after, _) in zip(own, found, strict=True)]


def _outputs(root: Element) -> Iterator[tuple[str, Element]]:
    """Yield the outermost outputs of computed macros in order, each with the name of its macro."""
    waiting = list(reversed(root))
    while waiting:
        element = waiting.pop()
        name = (element.get(_NAME) or "").strip().lower()
        name = name or next((_BY_CLASS[each] for each in _classes(element) if each in _BY_CLASS), "")
        if name in _NAMES:
            yield name, element
        else:
            waiting.extend(reversed(element))


def _classes(element: Element) -> list[str]:
    return (element.get("class") or "").split()


def _is_complete(output: Element) -> bool:
    """Return whether an output holds text, all of it, and is not nested too deep to be kept."""
    level = [output]
    for _ in range(_DEEPEST):
        level = [child for element in level for child in element]
        if not level:
            break
    else:
        return False
    if any(not _LOADING.isdisjoint(_classes(element)) for element in output.iter()):
        return False
    text = " ".join(output.itertext()).strip()
    tables = any(element.tag == "table" for element in output.iter())
    filled = any(element.tag == "td" and "".join(element.itertext()).strip() for element in output.iter())
    return bool(text) and (filled or not tables)


def _clean(output: Element) -> None:
    """Leave text, structure and links; no icon, no form, no name of a person, and nothing that is a macro to us."""
    for element in list(output.iter()):
        classes = _classes(element)
        if not _DROPPED.isdisjoint(classes) and element is not output:
            tail = element.tail
            element.clear()
            element.tag, element.tail = REMOVED, tail
        elif ":" in element.tag:
            element.tag = "span"
            element.attrib.clear()
        elif _is_profile(element, classes):
            _mention(element)
        else:
            for key in element.attrib.keys() - _KEPT:
                del element.attrib[key]


def _is_profile(element: Element, classes: list[str]) -> bool:
    if not _PEOPLE.isdisjoint(classes) or element.get("data-account-id") or element.get("data-username"):
        return True
    if element.get("data-linked-resource-type") == "userinfo":
        return True
    address = element.get("href") or ""
    return "/people/" in address or "/display/~" in address


def _mention(element: Element) -> None:
    account = element.get("data-account-id") or ""
    tail = element.tail
    element.clear()
    element.tag, element.tail = "ac:link", tail
    SubElement(element, "ri:user", {"ri:account-id": account} if account else {})

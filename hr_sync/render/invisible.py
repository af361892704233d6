"""Text that no reader of a page sees, but that a language model would read: it is removed and counted.

Characters: what `hr_sync.domain.sanitize` removes, blank letters, and runs of joiners or variation selectors, which can
carry a hidden message; two of a run are kept, as emoji need them, and none after an ASCII letter. Elements: whatever a
style hides. White text is kept: table headers on a dark ground are written like that.
"""

import re
from xml.etree.ElementTree import Element

from hr_sync.domain.sanitize import sanitize

#: Stands in the place of an element that was removed.
REMOVED = "removed"

_ASCII = bytes(range(0x80))

# Soft hyphen, grapheme joiner, Arabic letter mark, Hangul and Khmer fillers, Mongolian vowel separator, deprecated
# controls, interlinear annotation, shorthand and musical controls.
_BLANKS = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u206a-\u206f\u2800\u3164\uffa0\ufff9-\ufffb"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a]+"
)
_JOINING = "[\u200c\u200d\ufe00-\ufe0f\U000e0100-\U000e01ef]"
_ANY_JOINING = re.compile(_JOINING)
_RUNS = re.compile(f"({_JOINING}{{2}}){_JOINING}+")
_AFTER_ASCII = re.compile(
    rf"(?<=[\x00-\x22\x24-\x29\x2b-\x2f\x3a-\x3d\x3f-\x7f]){_JOINING}+"
)  # not after a tag or a keycap
_SOFT_HYPHEN = "\u00ad"

_CSS_ESCAPE = re.compile(r"\\([0-9a-fA-F]{1,6})\s?|\\(.)")
_CSS_COMMENT = re.compile(r"/\*.*?(?:\*/|$)", re.DOTALL)
_ZERO = r":(?:0+(?:\.0*)?|\.0+)(?:px|pt|em|rem|ex|ch|cm|mm|in|pc|vh|vw|%)?(?:!|;|$)"
_HIDES = re.compile(
    r"(?:^|;)(?:display:none|visibility:(?:hidden|collapse)|content-visibility:hidden"
    rf"|(?:font-size|opacity|zoom){_ZERO}|font:0(?:px|pt|/|;|$)|font-size:(?:0?\.\d+|1)(?:px|pt)"
    r"|text-indent:-\d{3,}|(?:left|top|right|margin-left|margin-top):-(?:9{3,4}|\d{5,})(?:px|em)"
    r"|clip:rect\((?:0|1)(?:px)?[,0]|clip-path:inset\((?:50|100)%|color:transparent"
    r"|color:(?:rgba|hsla)\([^();]*,0?\.?0*\)"
    r"|transform:scale\(0)"
)
_NO_BOX = re.compile(rf"(?:^|;)(?:max-)?(?:height|width){_ZERO}")


def without_invisible_characters(text: str) -> tuple[str, int]:
    """Return the text without characters that nobody sees, and their number. Soft hyphens are not counted."""
    sanitized = sanitize(text)
    if sanitized.isascii():
        return sanitized, len(text) - len(sanitized)
    unusual = sanitized.encode().translate(None, _ASCII).decode()  # far fewer characters to look at
    kept, hyphens = sanitized, 0
    if _BLANKS.search(unusual):
        hyphens = unusual.count(_SOFT_HYPHEN)
        kept = _BLANKS.sub("", kept)
    if _ANY_JOINING.search(unusual):
        kept = _AFTER_ASCII.sub("", _RUNS.sub(r"\1", kept))
    return kept, len(text) - len(kept) - hyphens


def remove_hidden_elements(root: Element) -> int:
    """Take the content of every hidden element out of the tree. Return the number of characters that were removed."""
    removed = 0
    for element in root.iter():
        if element.attrib and _is_hidden(element):
            removed += sum(len(text.strip()) for text in element.itertext())
            tail = element.tail
            element.clear()
            element.tag, element.tail = REMOVED, tail
    return removed


def _is_hidden(element: Element) -> bool:
    if element.get("hidden") is not None:
        return True
    style = element.get("style")
    if not style:
        return False
    if "\\" in style or "/*" in style:
        style = _CSS_ESCAPE.sub(_unescaped, _CSS_COMMENT.sub("", style))
    style = "".join(style.split()).lower()
    if _HIDES.search(style):
        return True
    return "overflow:hidden" in style and _NO_BOX.search(style) is not None


def _unescaped(match: re.Match[str]) -> str:
    code = int(match[1], 16) if match[1] else 0
    return chr(code) if 0 < code < 0x110000 else match[2] or ""

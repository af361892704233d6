"""HTML as text in which nothing foreign can become a tag: whatever is not `Html` is escaped on its way in."""

import html
import re


class Html(str):
    """Text that is HTML already. Only `tag` and `join` make it, and constants of this package."""

    __slots__ = ()


# What a terminal or a browser would obey instead of show: controls, and marks that turn the direction of writing.
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
_EMPTY = {"meta", "link", "br", "input"}


def tag(name: str, /, *children: object, **attributes: object) -> Html:
    """Make an element. `None` as a child or attribute is left out; `class_` and `for_` lose their underscore."""
    log_fields = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escaped(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Html(f"<{name}{log_fields}>" if name in _EMPTY else f"<{name}{log_fields}>{join(*children)}</{name}>")


def join(*children: object) -> Html:
    """Put children side by side."""
    return Html("".join(escaped(child) for child in children if child is not None))


def escaped(value: object) -> Html:
    """Return HTML as it is, anything else as text that shows itself."""
    return value if isinstance(value, Html) else Html(html.escape(_UNSEEN.sub("\N{REPLACEMENT CHARACTER}", str(value))))

"""Links of Markdown that lead to files of the repository, for a site that is made of docs/ and what its pages name.

The pages of docs/ are the pages of the site, README.md is its first page, and every other file that is linked stands
below repository/, so that links work in both places.
"""

import posixpath
import re
from collections.abc import Callable
from pathlib import Path

FIRST_PAGE = "README.md"
PAGES = "docs/"
OTHERS = "repository/"
_LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#|/)([^)\s#]+)")
_FENCE = re.compile(r"^ *```")


def address_on_site(path: str) -> str:
    """Return where a file of the repository stands on the site."""
    if path == FIRST_PAGE:
        return "index.md"
    return path.removeprefix(PAGES) if path.startswith(PAGES) else OTHERS + path


def path_of(address: str) -> str:
    """Return which file of the repository stands there."""
    if address == "index.md":
        return FIRST_PAGE
    return address.removeprefix(OTHERS) if address.startswith(OTHERS) else PAGES + address


def linked(text: str, path: str, root: Path) -> set[str]:
    """Return the files that the text of a file links."""
    found: set[str] = set()

    def note(target: str) -> str:
        found.add(_file(target, path, root))
        return target

    _each_link(text, note)
    return found


def for_site(text: str, path: str, root: Path) -> str:
    """Return the text of a file with links as they are on the site. What is not there stays, and is a dead link."""
    folder = posixpath.dirname(address_on_site(path))
    return _each_link(text, lambda target: posixpath.relpath(address_on_site(_file(target, path, root)), folder or "."))


def _file(target: str, path: str, root: Path) -> str:
    """Return the file that a link leads to; a folder is read in its README.md."""
    named = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
    return f"{named}/README.md" if (root / named).is_dir() else named


def _each_link(text: str, change: Callable[[str], str]) -> str:
    """Replace each link to a file, but for what stands in blocks of code."""
    lines, in_code = [], False
    for line in text.splitlines(keepends=True):
        in_code ^= bool(_FENCE.match(line))
        lines.append(line if in_code else _LINK.sub(lambda found: change(found[1]), line))
    return "".join(lines)

"""What MkDocs calls while it builds the site: adds files that pages link, and refuses what other hosts would serve."""

import re
import sys
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

sys.path.append(str(Path(__file__).parents[1]))
from site_pages.links import FIRST_PAGE, address_on_site, for_site, linked, path_of

ROOT = Path(__file__).parents[2]
# An address that a browser asks for by itself; links that somebody clicks are no part of this.
_LOADED = (
    re.compile(r"<(?:script|img|iframe|source|video|audio)\b[^>]*?\bsrc=[\"']?((?:https?:)?//[^\"'\s>]+)"),
    re.compile(
        r"<link\b(?![^>]*rel=[\"']?(?:canonical|next|prev|edit)\b)[^>]*?\bhref=[\"']?((?:https?:)?//[^\"'\s>]+)"
    ),
    re.compile(r"url\([\"']?((?:https?:)?//[^\"')]+)"),
    re.compile(r"@import\s+[\"']((?:https?:)?//[^\"']+)"),
)


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add the first page, and every file that a page of docs/ links, and that these link."""
    waiting = {path_of(file.src_uri) for file in files.documentation_pages()} | {FIRST_PAGE}
    seen: set[str] = set()
    while waiting:
        path = waiting.pop()
        seen.add(path)
        if files.get_file_from_path(address_on_site(path)) is None:
            files.append(File.generated(config, address_on_site(path), abs_src_path=str(ROOT / path)))
        if path.endswith(".md"):
            text = (ROOT / path).read_text(encoding="utf-8")
            waiting |= {each for each in linked(text, path, ROOT) if (ROOT / each).is_file()} - seen
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Return the page with links as they are on the site."""
    del config, files
    return for_site(markdown, path_of(str(page.file.src_uri)), ROOT)


def on_post_build(*, config: MkDocsConfig) -> None:
    """Raise PluginError if a page, style or picture of the site loads anything from another host."""
    loaded = [
        f"{file.relative_to(config.site_dir)}: {address}"
        for file in sorted(Path(config.site_dir).rglob("*"))
        if file.suffix in {".html", ".css", ".svg"}
        for pattern in _LOADED
        for address in pattern.findall(file.read_text(encoding="utf-8"))
    ]
    if loaded:
        raise PluginError("The site loads from other hosts:\n" + "\n".join(loaded))

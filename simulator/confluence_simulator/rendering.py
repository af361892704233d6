"""Storage format into the other representations, plainly: enough to distinguish them."""

import html
import re
from typing import Any

CDATA = re.compile(r"<!\[CDATA\[(.*?)\]\]>", re.DOTALL)
MACRO_PARAMETER = re.compile(r"<ac:parameter\b.*?</ac:parameter>", re.DOTALL)
CONFLUENCE_TAG = re.compile(r"</?(?:ac|ri):[^>]*>")
TAG = re.compile(r"<[^>]*>")
EXCERPT_CHARACTERS = 300


def as_view(storage: str) -> str:
    """HTML without Confluence's own elements; code stays as escaped text."""
    plain = CDATA.sub(lambda match: html.escape(match[1]), MACRO_PARAMETER.sub("", storage))
    return CONFLUENCE_TAG.sub("", plain)


def as_text(storage: str) -> str:
    return " ".join(html.unescape(TAG.sub(" ", as_view(storage))).split())


def as_adf(storage: str) -> dict[str, Any]:
    """Return an Atlassian document of one paragraph."""
    text = as_text(storage)
    content = [{"type": "paragraph", "content": [{"type": "text", "text": text}]}] if text else []
    return {"type": "doc", "version": 1, "content": content}


def excerpt(storage: str) -> str:
    """Return the start of the text, as in search results."""
    return as_text(storage)[:EXCERPT_CHARACTERS]

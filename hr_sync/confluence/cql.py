"""Words Confluence's query language. Pure."""

from collections.abc import Collection

SEARCH = "rest/api/content/search"  #: where the index of content is asked


def quoted(text: str) -> str:
    """Make a CQL string of a name, so that it is never a part of the query."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def pages_of(space_key: str) -> str:
    """Ask for the pages of a space."""
    return f"space = {quoted(space_key)} and type = page"


def pages_labelled(space_key: str, labels: Collection[str]) -> str:
    """Ask for the pages of a space that carry at least one of these labels."""
    names = ", ".join(quoted(label) for label in sorted(labels))
    return f"{pages_of(space_key)} and label in ({names})"

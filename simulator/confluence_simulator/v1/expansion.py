"""The `expand` parameter of v1: what is asked for, and how far it lowers `limit`."""

from typing import Any

from confluence_simulator.query import Query
from confluence_simulator.refusals import BadParameterError

Tree = dict[str, Any]
"""Nested names: "version,body.storage" is {"version": {}, "body": {"storage": {}}}."""

KNOWN = frozenset(
    {
        "ancestors",
        "body",
        "childTypes",
        "children",
        "container",
        "content",
        "descendants",
        "description",
        "extensions",
        "history",
        "homepage",
        "icon",
        "macroRenderedOutput",
        "metadata",
        "operations",
        "permissions",
        "relevantViewRestrictions",
        "restrictions",
        "schedulePublishDate",
        "space",
        "version",
        # /search expands what is inside `content`
    }
)
MOST_EXPANSIONS = 8
CAP_RENDERED = 25
CAP_BODIES = 50
CAP_EXPANDED = 200
CAP_PLAIN = 1000


def parse_expand(query: Query) -> Tree:
    """Read `expand`; raise BadParameterError for a name that content does not have, or for more than eight."""
    names = [name.strip() for name in query.many("expand") if name.strip()]
    if len(names) > MOST_EXPANSIONS:
        raise BadParameterError("expand", ",".join(names), f"at most {MOST_EXPANSIONS} expansions")
    tree: Tree = {}
    for name in names:
        if name.partition(".")[0] not in KNOWN:
            raise BadParameterError("expand", name, "an expansion of content")
        branch = tree
        for part in name.split("."):
            branch = branch.setdefault(part, {})
    return tree


def limit_cap(tree: Tree) -> int:
    """Return the system's own limit for lists with these expansions."""
    bodies = tree.get("body", {})
    if "export_view" in bodies or "styled_view" in bodies:
        return CAP_RENDERED
    if bodies:
        return CAP_BODIES
    return CAP_EXPANDED if tree else CAP_PLAIN

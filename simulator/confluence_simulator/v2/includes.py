"""Cloud v2: the `include-...` parts of a single page. Each holds at most 50 entries and `meta.hasMore`."""

from collections.abc import Callable
from typing import Any

from confluence_simulator.call import Call
from confluence_simulator.v2.attached_shapes import label_object, listed_version
from confluence_simulator.world import Page

MOST_INCLUDED = 50


def included(call: Call, page: Page) -> dict[str, Any]:
    """Return the parts that the query asks for; only `include-version=false` takes one away."""
    collection = "blogposts" if page.kind == "blogpost" else "pages"
    parts: dict[str, Callable[[], list[Any]]] = {
        "labels": lambda: [label_object(label) for label in page.labels],
        "versions": lambda: [listed_version(state, "storage") for state in call.world.versions(page.id)[::-1]],
        "operations": lambda: [{"operation": "read", "targetType": page.kind}],
        "properties": list,
        "likes": list,
    }
    found: dict[str, Any] = {}
    for name, rows in parts.items():
        if call.query.flag(f"include-{name}"):
            suffix = "likes/users" if name == "likes" else name
            found[name] = _part(rows(), f"/api/v2/{collection}/{page.id}/{suffix}", counted=name == "likes")
    if call.query.flag("include-favorited-by-current-user-status"):
        found["isFavoritedByCurrentUser"] = False
    return found


def _part(rows: list[Any], link: str, *, counted: bool) -> dict[str, Any]:
    meta: dict[str, Any] = {"hasMore": len(rows) > MOST_INCLUDED}
    if counted:
        meta["count"] = len(rows)
    return {"results": rows[:MOST_INCLUDED], "meta": meta, "_links": {"self": link}}

"""v1's content: lists by offset, the scan by id, single reads."""

from dataclasses import replace
from typing import Any

from confluence_simulator.call import Call
from confluence_simulator.links import target
from confluence_simulator.listing import SortedRows
from confluence_simulator.messages import Answer
from confluence_simulator.refusals import BadParameterError, RefusedError, no_such_page, v1_refusal
from confluence_simulator.routes import Route
from confluence_simulator.v1.expanded import EXPANSIONS, cut_labels
from confluence_simulator.v1.expansion import Tree, limit_cap, parse_expand
from confluence_simulator.v1.lists import lowered_limit, offset_list
from confluence_simulator.v1.shapes import content_object, is_cloud
from confluence_simulator.world import Content, Page

DEFAULT_LIMIT = 25
STATUSES = ("current", "trashed", "deleted", "historical", "draft", "archived", "any")
SCAN_FROM = (7, 18)


def shown(call: Call, content: Content, tree: Tree) -> dict[str, Any]:
    """One row of a list. A body that cannot be rendered breaks the whole list (CONFCLOUD-76433)."""
    if "body" in tree and content.id in call.conditions.broken_body_ids:
        raise RefusedError(v1_refusal(500, "ServiceException", "Internal Server Error"))
    return content_object(call, content, tree, EXPANSIONS)


def broken_batch(call: Call, tree: Tree) -> None:
    """One hidden or trashed ancestor breaks every list that expands ancestors' restrictions (CONFCLOUD-77618)."""
    if call.conditions.ancestors_break and "restrictions" in tree.get("ancestors", {}):
        raise RefusedError(
            v1_refusal(404, "NotFoundException", "Cannot find content. Outdated version/old_draft/trashed")
        )


def content_of(call: Call, statuses: tuple[str, ...] = ("current", "archived")) -> Content:
    """Return the content that the path names; refuse with 404 what is absent, hidden or of another status."""
    content_id = call.captured["id"]
    found = call.find(content_id)
    if found is None or ("any" not in statuses and found.status not in statuses):
        raise RefusedError(
            v1_refusal(
                404,
                "NotFoundException",
                f"No content found with id: ContentId{{id={content_id}}}",
                authorized=False,
                reason="" if is_cloud(call) else "Not Found",
            )
        )
    return found


def single(call: Call) -> Answer:
    """Without `status` trashed content is 404, unlike in v2."""
    tree = parse_expand(call.query)
    broken_batch(call, tree)
    found = content_of(call, call.query.choices("status", STATUSES, ("current", "archived")))
    if "body" in tree and found.id in call.conditions.broken_body_ids:
        raise RefusedError(v1_refusal(500, "ServiceException", "Internal Server Error"))
    return Answer(document=content_object(call, _as_of_version(call, found), tree, EXPANSIONS, top=True))


def _as_of_version(call: Call, content: Content) -> Content:
    wanted = call.query.integer("version", content.version, low=0)
    for state in call.world.versions(content.id):
        if state.version == wanted:
            return content if wanted == content.version else replace(state, status=content.status)
    return content


def content_list(call: Call) -> Answer:
    tree = parse_expand(call.query)
    limit = lowered_limit(call, DEFAULT_LIMIT, limit_cap(tree))
    rows = listed(call).rows
    found = offset_list(call, rows, lambda row: shown(call, row, tree), limit=limit, sees=call.sees)
    return Answer(document=cut_labels(found))


def space_content(call: Call) -> Answer:
    """`/space/{key}/content` and `/space/{key}/content/{type}`; plain, without the grouping by type."""
    tree = parse_expand(call.query)
    limit = lowered_limit(call, DEFAULT_LIMIT, limit_cap(tree))
    rows = listed(call, space_key=call.captured["key"], kind=call.captured.get("type", "page")).rows
    return Answer(document=offset_list(call, rows, lambda row: shown(call, row, tree), limit=limit, sees=call.sees))


def space_trash(call: Call) -> Answer:
    tree = parse_expand(call.query)
    limit = lowered_limit(call, DEFAULT_LIMIT, limit_cap(tree))
    rows = listed(call, space_key=call.captured["key"], statuses=("trashed",)).rows
    return Answer(document=offset_list(call, rows, lambda row: shown(call, row, tree), limit=limit, sees=call.sees))


def listed(call: Call, *, space_key: str = "", kind: str = "", statuses: tuple[str, ...] = ()) -> SortedRows[Page]:
    """Rows that the query asks for, by id, those included that the caller may not see."""
    space_key = space_key or call.query.one("spaceKey")
    kind = kind or call.query.choice("type", ("page", "blogpost"), "page")
    statuses = statuses or call.query.choices("status", STATUSES, ("current",))
    title, ids = call.query.one("title"), call.query.many("ids")
    space_ids = {space.id for space in call.world.spaces() if space_key and call.is_named(space, (space_key,))}
    key = (call.world.revision, call.conditions, "v1 list", space_key, kind, statuses, title, ids)

    def matches(row: Content) -> bool:
        return (
            row.kind == kind
            and ("any" in statuses or row.status in statuses)
            and (not space_key or row.space_id in space_ids)
            and (not title or row.title == title)
            and (not ids or row.id in ids)
        )

    def make() -> SortedRows[Page]:
        rows = call.world.contents(call.list_moment())
        return SortedRows([row for row in rows if isinstance(row, Page) and matches(row)], lambda row: (int(row.id),))

    return call.listings.get(key, make)


def scan(call: Call) -> Answer:
    """Keyset by id, pages only, from 7.18. Its cursors are not signed: they are `content:false:ID` on real servers."""
    if not call.tenant.at_least(*SCAN_FROM):
        return no_such_page()
    for name in ("start", "title", "postingDay"):
        if name in call.query:
            raise BadParameterError(name, call.query.one(name), "nothing: the scan does not know it")
    tree = parse_expand(call.query)
    limit = lowered_limit(call, DEFAULT_LIMIT, limit_cap(tree))
    rows = listed(call, kind="page")
    backwards, at = _scan_position(call.query.one("cursor", "content:false:null"))
    window, last = rows.after(None if at is None else (at,), limit, descending=backwards)
    window = window[::-1] if backwards else window
    document: dict[str, Any] = {
        "results": [shown(call, row, tree) for row in window if call.sees(row)],
        "cursor": call.query.one("cursor", "content:false:null"),
        "limit": limit,
    }
    document["size"] = len(document["results"])
    links: dict[str, str] = {"self": _self_link(call)}
    if window and (last is not None or backwards):
        document["nextCursor"] = f"content:false:{window[-1].id}"
        links["next"] = _scan_target(call, document["nextCursor"], limit)
    if at is not None and window and not (backwards and last is None):
        document["prevCursor"] = f"content:true:{window[0].id}"
        links["prev"] = _scan_target(call, document["prevCursor"], limit)
    document["_links"] = {**links, "base": call.site_url, "context": call.tenant.context}
    return Answer(document=cut_labels(document))


def _scan_position(cursor: str) -> tuple[bool, int | None]:
    kind, _, rest = cursor.partition(":")
    backwards, _, at = rest.partition(":")
    if kind != "content" or backwards not in ("false", "true") or not (at == "null" or at.isdigit()):
        raise BadParameterError("cursor", cursor, "content:false:ID")
    return backwards == "true", None if at == "null" else int(at)


def _self_link(call: Call) -> str:
    query = call.request.target.partition("?")[2]
    return call.site_url + call.route + (f"?{query}" if query else "")


def _scan_target(call: Call, cursor: str, limit: int) -> str:
    """Return the target of the next page; the colons of the cursor stay as they are."""
    rest = tuple(pair for pair in call.query.pairs if pair[0] not in ("cursor", "limit"))
    separator = "&" if rest else "?"
    return f"{target(call.route, rest)}{separator}cursor={cursor}&limit={limit}"


LIST_ROUTES = (
    Route("GET", "/rest/api/content", content_list),
    Route("GET", "/rest/api/content/{id}", single),
    Route("GET", "/rest/api/space/{key}/content", space_content),
    Route("GET", "/rest/api/space/{key}/content/{type}", space_content),
)
DATACENTER_ROUTES = (
    Route("GET", "/rest/api/content/scan", scan),
    Route("GET", "/rest/api/space/{key}/content/trash", space_trash),
)

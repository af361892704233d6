"""v1's two searches: `search` with excerpts and totals, `content/search` with content objects. Both run CQL."""

from collections.abc import Sequence
from datetime import UTC
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from confluence_simulator.call import Call
from confluence_simulator.cql import Context, CqlError, Search, parse
from confluence_simulator.links import tiny, with_offset
from confluence_simulator.listing import SortedRows
from confluence_simulator.messages import Answer
from confluence_simulator.refusals import BadParameterError, RefusedError, v1_refusal
from confluence_simulator.rendering import excerpt
from confluence_simulator.routes import Route
from confluence_simulator.v1.content import broken_batch, shown
from confluence_simulator.v1.expanded import cut_labels
from confluence_simulator.v1.expansion import CAP_PLAIN, CAP_RENDERED, limit_cap, parse_expand
from confluence_simulator.v1.lists import cursor_list, lowered_limit, offset_list
from confluence_simulator.v1.shapes import friendly, is_cloud, space_object, web_path
from confluence_simulator.world import Attachment, Comment, Content, Page, Space

DEFAULT_LIMIT = 25
SEARCH_CAP = 250


def content_search(call: Call) -> Answer:
    tree = parse_expand(call.query)
    broken_batch(call, tree)
    limit = lowered_limit(call, DEFAULT_LIMIT, limit_cap(tree))
    rows = _hits(call, archived_spaces=False)
    if is_cloud(call):
        self_query = (("cql", _cql(call)),)
        found = cursor_list(call, rows, lambda row: shown(call, row, tree), limit=limit, self_query=self_query)
    else:
        found = offset_list(call, rows.rows, lambda row: shown(call, row, tree), limit=limit)
    return Answer(document=cut_labels(found))


def search(call: Call) -> Answer:
    """Search; archived spaces only with `includeArchivedSpaces=true`, and `type = space` finds spaces."""
    limit = lowered_limit(call, DEFAULT_LIMIT, _search_cap(call))
    archived_spaces = call.query.flag("includeArchivedSpaces")
    spaces = _space_hits(call, archived_spaces=archived_spaces)
    if spaces is not None:
        document = offset_list(call, spaces, lambda space: _space_result(call, space), limit=limit)
        return Answer(document={**document, **_totals(call, len(spaces))})
    rows = _hits(call, archived_spaces=archived_spaces)
    if is_cloud(call):
        document = cursor_list(
            call, rows, lambda row: _result(call, row), limit=limit, self_query=(("cql", _cql(call)),)
        )
    else:
        document = offset_list(call, rows.rows, lambda row: _result(call, row), limit=limit)
    return Answer(document={**document, **_totals(call, len(rows.rows))})


def _search_cap(call: Call) -> int:
    expand = call.query.one("expand")
    if "export_view" in expand or "styled_view" in expand:
        return CAP_RENDERED
    return SEARCH_CAP if is_cloud(call) else CAP_PLAIN


def _cql(call: Call) -> str:
    return call.query.one("cql")


def _searcher(call: Call) -> Search:
    moment = call.world.now - (call.conditions.lag or call.tenant.search_lag)
    context = Context(
        world=call.world,
        moment=moment,
        now=call.world.now,
        zone=ZoneInfo(call.tenant.user_timezone),
        user_id=None if call.user is None else call.user.account_id,
        moves=call.tenant.moves_touch_modified,
    )
    try:
        return Search(parse(_cql(call)), context)
    except CqlError as error:
        raise RefusedError(v1_refusal(400, "BadRequestException", str(error))) from error


def _hits(call: Call, *, archived_spaces: bool) -> SortedRows[Content]:
    """Return what the index holds: current content, archived pages if `cqlcontext` asks for them, never the trash."""
    statuses = _statuses(call)
    pairs = tuple(pair for pair in call.query.pairs if pair[0] not in ("cursor", "start", "next", "limit"))
    key = (call.world.revision, call.user, call.conditions, call.route, pairs)

    def make() -> SortedRows[Content]:
        searcher = _searcher(call)
        moment = call.world.now - (call.conditions.lag or call.tenant.search_lag)
        archived = {space.id for space in call.world.spaces() if space.status == "archived"}
        found = [
            content
            for content in call.world.contents(moment)
            if content.status in statuses
            and (archived_spaces or content.space_id not in archived)
            and searcher.matches(content)
            and _is_with_its_page(call, content)
            and call.sees(content)
        ]
        return SortedRows(found, searcher.sort_key)

    return call.listings.get(key, make)


def _is_with_its_page(call: Call, content: Content) -> bool:
    """Return whether a page is current that something is attached to; whatever is attached to nothing is found."""
    if not isinstance(content, Attachment | Comment):
        return True
    page = call.world.find(content.container_id)
    return page is not None and page.status == "current"


def _statuses(call: Call) -> Sequence[str]:
    text = call.query.one("cqlcontext")
    if not text:
        return ("current",)
    try:
        context = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise BadParameterError("cqlcontext", text, "JSON") from error
    return tuple(context.get("contentStatuses", ("current",))) if isinstance(context, dict) else ("current",)


def _space_hits(call: Call, *, archived_spaces: bool) -> list[Space] | None:
    """None unless the query asks for spaces alone."""
    _searcher(call)
    if "".join(_cql(call).split()).lower().replace('"', "") not in ("type=space", "typein(space)"):
        return None
    return [
        space
        for space in call.world.spaces()
        if call.sees_space(space) and (archived_spaces or space.status == "current")
    ]


def _totals(call: Call, total: int) -> dict[str, Any]:
    found = {"totalSize": total, "cqlQuery": _cql(call), "searchDuration": 4}
    return {**found, "archivedResultCount": 0} if is_cloud(call) else found


def _result(call: Call, content: Content) -> dict[str, Any]:
    space = call.world.space(content.space_id)
    url = web_path(call, content)
    whole_second = content.modified_at.replace(microsecond=0)
    return {
        "content": _found_content(call, content, url),
        "title": content.title,
        "excerpt": excerpt(content.storage),
        "url": url,
        "resultGlobalContainer": {
            "title": space.name,
            "displayUrl": f"/spaces/{space.address}" if is_cloud(call) else f"/display/{space.key}",
        },
        "breadcrumbs": [],
        "entityType": "content",
        "iconCssClass": f"aui-icon content-type-{content.kind}",
        "lastModified": with_offset(whole_second.astimezone(UTC), call.tenant.utc_offset),
        "friendlyLastModified": friendly(content.modified_at),
        "score": 0,
    }


def _found_content(call: Call, content: Content, url: str) -> dict[str, Any]:
    """Inside a search result everything but a few empty members is expandable."""
    links = {"webui": url, "self": f"{call.site_url}/rest/api/content/{content.id}"}
    if isinstance(content, Page):
        links["tinyui"] = tiny(content.id)
    expandable = dict.fromkeys(
        (
            "container",
            "metadata",
            "extensions",
            "operations",
            "children",
            "ancestors",
            "body",
            "version",
            "descendants",
        ),
        "",
    )
    return {
        "id": content.id,
        "type": content.kind,
        "status": content.status,
        "title": content.title,
        **({"childTypes": {}, "macroRenderedOutput": {}} if is_cloud(call) else {}),
        "restrictions": {},
        "_expandable": {
            **expandable,
            "history": f"/rest/api/content/{content.id}/history",
            "space": f"/rest/api/space/{content.space_key}",
        },
        "_links": links,
    }


def _space_result(call: Call, space: Space) -> dict[str, Any]:
    url = f"/spaces/{space.address}" if is_cloud(call) else f"/display/{space.key}"
    return {
        "space": space_object(call, space),
        "title": space.name,
        "excerpt": space.description,
        "url": url,
        "breadcrumbs": [],
        "entityType": "space",
        "iconCssClass": "aui-icon content-type-space",
        "lastModified": with_offset(space.changed_at.replace(microsecond=0), call.tenant.utc_offset),
        "friendlyLastModified": friendly(space.changed_at),
        "score": 0,
    }


ROUTES = (
    Route("GET", "/rest/api/content/search", content_search),
    Route("GET", "/rest/api/search", search),
)

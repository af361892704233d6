"""v1's list envelopes: offsets on Data Center, cursors for Cloud's searches."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from confluence_simulator.call import Call
from confluence_simulator.cursors import seal, unseal
from confluence_simulator.links import target
from confluence_simulator.listing import SortedRows
from confluence_simulator.messages import Pairs
from confluence_simulator.refusals import BadParameterError
from confluence_simulator.v1.shapes import is_cloud

Row = TypeVar("Row")
Document = dict[str, Any]
CURSOR_PREFIX = "_t_"
HIGHEST_LIMIT = 10_000


def lowered_limit(call: Call, default: int, cap: int) -> int:
    """Return the limit that was asked for, silently lowered to `cap`; the answer's own `limit` shows it."""
    return min(call.limit(default, HIGHEST_LIMIT), cap)


def offset_list(
    call: Call,
    rows: Sequence[Row],
    show: Callable[[Row], Document],
    *,
    limit: int,
    sees: Callable[[Row], bool] = lambda _: True,
) -> Document:
    """Offsets count rows that the caller may not see, so pages come out short (CONFSERVER-36578)."""
    start = call.query.integer("start", 0, low=0)
    window = rows[start : start + limit]
    results = [show(row) for row in window if sees(row)]
    links: Document = {"self": call.site_url + call.route, "base": call.site_url, "context": call.tenant.context}
    rest = tuple(pair for pair in call.query.pairs if pair[0] not in ("start", "limit", "next"))
    if start + limit < len(rows):
        links["next"] = _offset_target(call, rest, start + limit, limit)
    if start > 0 and not is_cloud(call):
        links["prev"] = _offset_target(call, rest, max(0, start - limit), limit)
    return {"results": results, "start": start, "limit": limit, "size": len(results), "_links": links}


def _offset_target(call: Call, rest: Pairs, start: int, limit: int) -> str:
    """Without the context path, to be joined to `base`."""
    first: Pairs = (("next", "true"),) if is_cloud(call) else ()
    return target(call.route, (*first, *rest, ("limit", str(limit)), ("start", str(start))))


def cursor_list(
    call: Call, rows: SortedRows[Row], show: Callable[[Row], Document], *, limit: int, self_query: Pairs = ()
) -> Document:
    """`start` is shown, counted and, on the way in, ignored: who pages by it gets the first page again."""
    pairs = tuple(pair for pair in call.query.pairs if pair[0] not in ("cursor", "start", "next"))
    start, after = 0, None
    cursor = call.query.one("cursor")
    if cursor:
        if not cursor.startswith(CURSOR_PREFIX):
            raise BadParameterError("cursor", cursor, "the cursor of this very query")
        position = unseal(cursor.removeprefix(CURSOR_PREFIX), call.tenant.cursor_secret, call.route, pairs, limit)
        start, after = position["start"], tuple(position["after"])
    page, last = rows.after(after, limit)
    links: Document = {
        "base": call.site_url,
        "context": call.tenant.context,
        "self": target(call.site_url + call.route, self_query),
    }
    if last is not None:
        sealed = seal({"start": start + limit, "after": last}, call.tenant.cursor_secret, call.route, pairs, limit)
        rest = tuple(pair for pair in pairs if pair[0] != "limit")
        head = (
            ("next", "true"),
            ("cursor", CURSOR_PREFIX + sealed),
            ("limit", str(limit)),
            ("start", str(start + limit)),
        )
        links["next"] = target(call.route, (*head, *rest))
    return {"results": [show(row) for row in page], "start": start, "limit": limit, "size": len(page), "_links": links}

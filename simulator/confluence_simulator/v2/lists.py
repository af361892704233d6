"""The list answer of Cloud's v2: one keyset page, a signed cursor, `next` in body and Link header."""

from collections.abc import Callable, Hashable, Sequence
from typing import Any, TypeVar

from confluence_simulator.call import Call
from confluence_simulator.cursors import seal, unseal
from confluence_simulator.links import target, zulu
from confluence_simulator.listing import Key, SortedRows
from confluence_simulator.messages import Answer, Pairs
from confluence_simulator.world import Content
from confluence_simulator.world.records import last_touched

Row = TypeVar("Row")
DEFAULT_LIMIT = 25
MOST = 250


def number(content_id: str) -> int:
    return int(content_id.removeprefix("att"))


def content_key(order: str, *, moves: bool = False) -> Callable[[Content], Key]:
    """Return the key for an `order`: id, created-date, modified-date or title; `moves` may count as modifications."""
    keys: dict[str, Callable[[Content], Key]] = {
        "created-date": lambda content: (zulu(content.created_at), number(content.id)),
        "modified-date": lambda content: (zulu(last_touched(content, moves=moves)), number(content.id)),
        "title": lambda content: (content.title, number(content.id)),
    }
    return keys.get(order, lambda content: (number(content.id), number(content.id)))


def list_answer(
    call: Call,
    rows: Callable[[], Sequence[Row]],
    key: Callable[[Row], Key],
    show: Callable[[Row], dict[str, Any]],
    *,
    sort: str = "id",
    default_limit: int = DEFAULT_LIMIT,
    cursor_first: bool = True,
    sees: Callable[[Row], bool] = lambda _: True,
) -> Answer:
    """`rows` are all that match, in any order; `sees` drops those that the caller may not see.

    Where the cursor stands in `next` differs between real endpoints: `cursor_first`.
    """
    limit = call.limit(default_limit, MOST)
    pairs = tuple(pair for pair in call.query.pairs if pair[0] != "cursor")
    secret = call.tenant.cursor_secret
    order, descending = sort.removeprefix("-"), sort.startswith("-")
    after: Key | None = None
    if "cursor" in call.query:
        position = unseal(call.query.one("cursor"), secret, call.route, pairs, limit)
        after = (position["contentOrderValue"], number(position["id"]))
    listing_key: Hashable = (call.world.revision, call.list_moment(), call.user, call.conditions, call.route, pairs)
    found = call.listings.get(listing_key, lambda: SortedRows([row for row in rows() if sees(row)], key))
    page, last = found.after(after, limit, descending=descending)
    next_target = None
    if last is not None:
        position = {"id": str(last[1]), "contentOrder": order, "contentOrderValue": last[0]}
        sealed = (("cursor", seal(position, secret, call.route, pairs, limit)),)
        rest: Pairs = (*(pair for pair in pairs if pair[0] != "limit"), ("limit", str(limit)))
        next_target = target(call.tenant.context + call.route, sealed + rest if cursor_first else rest + sealed)
    links = {"base": call.site_url} if next_target is None else {"next": next_target, "base": call.site_url}
    document = {"results": [show(row) for row in page], "_links": links}
    return Answer(document=document, next_target=next_target)

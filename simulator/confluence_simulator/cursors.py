"""Cursors, signed over the whole query: whoever changes a parameter between two pages gets 400."""

import base64
import hashlib
import hmac
from typing import Any

import orjson

from confluence_simulator.messages import Pairs
from confluence_simulator.refusals import BadParameterError

NOT_SIGNED = frozenset({"cursor", "limit", "next", "prev", "start", "after-empty"})
"""`limit` is signed by its effective value, so that leaving out a default changes nothing; `after-empty` is ours."""
SIGNATURE_BYTES = 12


def seal(position: dict[str, Any], secret: bytes, path: str, pairs: Pairs, limit: int) -> str:
    """Return a cursor; `position`, where the next page begins, can be read from it but not changed."""
    content = orjson.dumps(position)
    signature = _signature(secret, content, path, pairs, limit)
    return base64.urlsafe_b64encode(signature + content).decode().rstrip("=")


def unseal(cursor: str, secret: bytes, path: str, pairs: Pairs, limit: int) -> dict[str, Any]:
    """Read a cursor; raise BadParameterError unless path, parameters and limit are those that it was made for."""
    try:
        sealed = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        signature, content = sealed[:SIGNATURE_BYTES], sealed[SIGNATURE_BYTES:]
        expected = _signature(secret, content, path, pairs, limit)
        if not hmac.compare_digest(signature, expected):
            raise BadParameterError("cursor", cursor, "the cursor of this very query")
        position = orjson.loads(content)
    except ValueError as error:
        raise BadParameterError("cursor", cursor, "the cursor of this very query") from error
    return dict(position)


def _signature(secret: bytes, content: bytes, path: str, pairs: Pairs, limit: int) -> bytes:
    query = sorted(pair for pair in pairs if pair[0] not in NOT_SIGNED)
    signed = b"\0".join((content, path.encode(), repr(query).encode(), str(limit).encode()))
    return hmac.digest(secret, signed, hashlib.sha256)[:SIGNATURE_BYTES]

"""Who may read: anybody, or whoever shows the token. As a bearer token, or as the password of a browser's login box.

Never in the address: that is kept in histories, logs and referrers.
"""

import base64
import binascii
import hmac


def may_read(authorization: str, token: str | None) -> bool:
    """Return True if a request with this `Authorization` header may read. The comparison takes the same time for all."""
    if token is None:
        return True
    scheme, _, value = authorization.partition(" ")
    shown = value.strip().encode("latin-1", "replace")  # as WSGI hands over the bytes of a header
    if scheme.lower() == "basic":
        shown = _password(shown)
    elif scheme.lower() != "bearer":
        return False
    return hmac.compare_digest(shown, token.encode())


def _password(credentials: bytes) -> bytes:
    try:
        return base64.b64decode(credentials, validate=True).partition(b":")[2]
    except binascii.Error:
        return b""

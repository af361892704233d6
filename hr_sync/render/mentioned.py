"""Which people a body mentions, without reading it as a tree."""

import re
from html import unescape

_ID = re.compile(r"""\bri:(?:account-id|userkey)\s*=\s*(?:"([^"<]{1,200})"|'([^'<]{1,200})')""")
_WORD = re.compile(r"[A-Za-z0-9:._-]{1,128}", re.ASCII)


def mentioned_in(storage: str) -> frozenset[str]:
    """Return the account ids and user keys that a storage body holds: those that `resolve_user` may be asked for."""
    if "ri:user" not in storage:
        return frozenset()
    found = (unescape(match[1] or match[2]) for match in _ID.finditer(storage))
    return frozenset(each for each in found if is_user_id(each))


def is_user_id(text: str) -> bool:
    """Return whether a text can be an account id or a user key: nothing else is asked for."""
    return _WORD.fullmatch(text) is not None

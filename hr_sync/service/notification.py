"""Reads what somebody says has changed: ids, and nothing else, of the forms in which webhooks carry them. Pure.

| sender | form |
|---|---|
| anybody, the Forge app of `examples/` | `{"page_ids": ["123"], "space_keys": ["HR"]}` |
| webhooks of Data Center | `{"event": "page_moved", "page": {"id": 123}}`, `{"event": "...", "space": {"key": "HR"}}` |
| events of Forge, passed on as they are | `{"eventType": "...", "content": {"id": "123", "space": {"key": "HR"}}}` |
"""

from collections.abc import Iterator

import orjson

from hr_sync.sync.context import Notified

LARGEST_BODY_BYTES = 65_536
MOST_IDS = 500  #: in one notification
_LONGEST_ID = 20  # digits
_LONGEST_KEY = 255
_OF_PAGES = ("page", "content", "blog", "blogpost")  # objects that describe a page, a post, or what is in a tree


class InvalidNotificationError(Exception):
    """The body is not a notification."""


class TooManyIdsError(Exception):
    """The notification names more than may be in one."""


def read_notification(body: bytes) -> Notified:
    """Return the ids in a body. Raise InvalidNotificationError and TooManyIdsError.

    An object of another form names nothing: Confluence sends one to test a connection.
    """
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidNotificationError from error
    if not isinstance(found, dict):
        raise InvalidNotificationError
    page_ids = [_id(each) for each in _list(found, "page_ids")]
    space_keys = [_key(each) for each in _list(found, "space_keys")]
    space_ids: list[str] = []
    for described in _objects(found, *_OF_PAGES):
        page_ids.append(_id(described.get("id")))
        if "spaceKey" in described:
            space_keys.append(_key(described["spaceKey"]))
        for space in _objects(described, "space"):
            _add_space(space, space_keys, space_ids)
    for space in _objects(found, "space"):
        _add_space(space, space_keys, space_ids)
    if len(page_ids) + len(space_keys) + len(space_ids) > MOST_IDS:
        raise TooManyIdsError
    return Notified(
        page_ids=tuple(dict.fromkeys(page_ids)),
        space_keys=tuple(dict.fromkeys(space_keys)),
        space_ids=tuple(dict.fromkeys(space_ids)),
    )


def _add_space(space: dict[str, object], keys: list[str], ids: list[str]) -> None:
    if "key" in space:
        keys.append(_key(space["key"]))
    else:
        ids.append(_id(space.get("id")))


def _objects(parent: dict[str, object], *names: str) -> Iterator[dict[str, object]]:
    for name in names:
        value = parent.get(name, {})
        if not isinstance(value, dict):
            raise InvalidNotificationError
        if value:
            yield value


def _list(parent: dict[str, object], name: str) -> list[object]:
    value = parent.get(name, [])
    if not isinstance(value, list):
        raise InvalidNotificationError
    if len(value) > MOST_IDS:
        raise TooManyIdsError
    return value


def _id(value: object) -> str:
    """Return an id, which Data Center writes as a number."""
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not (isinstance(text, str) and text.isascii() and text.isdigit() and len(text) <= _LONGEST_ID):
        raise InvalidNotificationError
    return text


def _key(value: object) -> str:
    """Return the key of a space. It is compared with those that are known, and sent nowhere."""
    if not (isinstance(value, str) and value.isprintable() and 0 < len(value) <= _LONGEST_KEY):
        raise InvalidNotificationError
    return value

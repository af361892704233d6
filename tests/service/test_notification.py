"""Which ids are read from the body of a notification, and which bodies are none."""

import json

import orjson
import pytest

from hr_sync.service.notification import MOST_IDS, InvalidNotificationError, TooManyIdsError, read_notification
from hr_sync.sync.context import Notified

OF_DATA_CENTER = {"timestamp": 1700000000000, "userKey": "ff8080"}
OF_FORGE = {
    "eventType": "avi:confluence:permissions_updated:page",
    "atlassianId": "4ad9aa0c52dc1b420a791d12",
    "eventCreatedDate": "2021-01-20T06:29:21.907Z",
    "content": {
        "id": "838205441",
        "type": "page",
        "status": "current",
        "title": "A brand new page",
        "space": {"id": 827392002, "key": "SP", "name": "Sample", "status": "current"},
    },
}


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"page_ids": ["1", 2, "1"]}, Notified(page_ids=("1", "2"))),
        ({"space_keys": ["HR", "~ann", "HR"]}, Notified(space_keys=("HR", "~ann"))),
        ({"page_ids": ["1"], "space_keys": ["HR"]}, Notified(page_ids=("1",), space_keys=("HR",))),
        ({"event": "page_moved", "page": {"id": 123}, **OF_DATA_CENTER}, Notified(page_ids=("123",))),
        ({"event": "blog_updated", "blog": {"id": 123}, **OF_DATA_CENTER}, Notified(page_ids=("123",))),
        (
            {"event": "page_updated", "page": {"id": 123, "title": "T", "spaceKey": "HR"}, **OF_DATA_CENTER},
            Notified(page_ids=("123",), space_keys=("HR",)),
        ),
        ({"event": "content_permissions_updated", "content": {"id": 123}}, Notified(page_ids=("123",))),
        ({"event": "space_permissions_updated", "space": {"key": "HR"}}, Notified(space_keys=("HR",))),
        ({"event": "space_permissions_updated", "space": {"id": 98305}}, Notified(space_ids=("98305",))),
        (OF_FORGE, Notified(page_ids=("838205441",), space_keys=("SP",))),
        (
            {"eventType": "avi:confluence:updated:space:V2", "space": {"id": "9", "key": "SP"}},
            Notified(space_keys=("SP",)),
        ),
        ({"test": True}, Notified()),
        ({}, Notified()),
        ({"event": "user_created", "user": {"name": "ann"}}, Notified()),
    ],
)
def test_ids_are_read_from_each_form(body: object, named: Notified) -> None:
    """Our own, the webhooks of Data Center, with details or ids alone, and the events of Forge; each id once."""
    assert read_notification(json.dumps(body).encode()) == named


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff",
        b"[]",
        b'"1"',
        b"1",
        b"null",
        b'{"page_ids": "1"}',
        b'{"page_ids": {"1": 1}}',
        b'{"page_ids": [null]}',
        b'{"page_ids": [true]}',
        b'{"page_ids": [-1]}',
        b'{"page_ids": [1.5]}',
        b'{"page_ids": ["1 OR 1=1"]}',
        b'{"page_ids": [""]}',
        b'{"page_ids": ["../admin"]}',
        b'{"page_ids": ["\xd9\xa1"]}',
        b'{"page_ids": ["123456789012345678901"]}',
        b'{"space_keys": [1]}',
        b'{"space_keys": [""]}',
        b'{"space_keys": ["H\\nR"]}',
        b'{"page": "1"}',
        b'{"page": {"title": "no id"}}',
        b'{"content": [1]}',
        b'{"space": {"name": "no id"}}',
        b'{"content": {"id": 1, "space": "HR"}}',
        b"[" * 20_000 + b"]" * 20_000,
        b'{"page": ' * 3000 + b"1" + b"}" * 3000,
    ],
    ids=lambda body: repr(body[:24]),
)
def test_what_is_no_notification_is_refused(body: bytes) -> None:
    """Whatever it is, by one error that says nothing."""
    with pytest.raises(InvalidNotificationError, match=r"^$"):
        read_notification(body)


def test_a_notification_names_few_things() -> None:
    """More ids than the limit are refused, pages and spaces together."""
    most = [str(number) for number in range(MOST_IDS)]
    assert len(read_notification(orjson.dumps({"page_ids": most})).page_ids) == MOST_IDS
    for more in ({"page_ids": [*most, "9999"]}, {"page_ids": most, "space_keys": ["HR"]}):
        with pytest.raises(TooManyIdsError):
            read_notification(orjson.dumps(more))

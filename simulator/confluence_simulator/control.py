"""The control endpoint: edit the world, plan faults and read the request log from outside, in any language.

Everything under /_simulator/ answers without credentials, latency or faults, and is not in the request log.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

import orjson

from confluence_simulator.faults import Fault, FaultPlan
from confluence_simulator.links import zulu
from confluence_simulator.messages import Answer, Request
from confluence_simulator.requests_log import RequestLog
from confluence_simulator.world import Content, Page, World

PREFIX = "/_simulator/"
Given = dict[str, Any]
"""The JSON object in the request's body."""


def _dated(given: Given) -> Given:
    return given if given.get("at") is None else {**given, "at": datetime.fromisoformat(given["at"])}


PAGE_EDITS: Mapping[str, Callable[[World, str, Given], Content | None]] = MappingProxyType(
    {
        "edit": lambda world, page_id, given: world.edit_page(page_id, **_dated(given)),
        "misdate": lambda world, page_id, given: world.misdate_page(page_id, datetime.fromisoformat(given["moment"])),
        "rename": lambda world, page_id, given: world.rename_page(page_id, **given),
        "move": lambda world, page_id, given: world.move_page(page_id, **given),
        "label": lambda world, page_id, given: world.label_page(page_id, *given["labels"]),
        "unlabel": lambda world, page_id, given: world.unlabel_page(page_id, *given["labels"]),
        "restrict": lambda world, page_id, given: world.restrict_page(page_id, **given),
        "unrestrict": lambda world, page_id, given: world.unrestrict_page(page_id, **given),
        "hide": lambda world, page_id, _: world.hide_page(page_id),
        "trash": lambda world, page_id, given: world.trash_page(page_id, **given),
        "archive": lambda world, page_id, given: world.archive_page(page_id, **given),
        "restore": lambda world, page_id, _: world.restore_page(page_id),
        "purge": lambda world, page_id, _: world.purge_page(page_id),
        "comment": lambda world, page_id, given: world.comment(page_id, **given),
        "attach": lambda world, page_id, given: world.attach(
            page_id, **{**given, "payload": str(given["payload"]).encode()}
        ),
    }
)


class Control:
    def __init__(self, world: World, requests: RequestLog, faults: FaultPlan) -> None:
        self._world = world
        self._requests = requests
        self._faults = faults

    def answer(self, request: Request) -> Answer:
        """Answer a control request: 400 with a sentence for what the world refuses, 404 for an unknown path."""
        resource, *rest = request.path.removeprefix(PREFIX).strip("/").split("/")
        try:
            given = orjson.loads(request.body) if request.body else {}
            answer = self._act(request.method, resource, rest, given)
        except (ValueError, TypeError, KeyError) as error:
            return _sentence(400, f"{type(error).__name__}: {error}")
        return answer or _sentence(404, f"There is no {request.method} {request.path}")

    def _act(self, method: str, resource: str, rest: list[str], given: Any) -> Answer | None:
        match method, resource, rest:
            case "GET", "world", []:
                return Answer(document=self._summary())
            case "POST", "clock", []:
                self._world.advance(timedelta(seconds=float(given["advance_seconds"])))
                return Answer(document=self._summary())
            case "POST", "spaces", []:
                space = self._world.create_space(**given)
                return Answer(status=201, document={"id": space.id, "key": space.key})
            case _, "pages", _:
                return self._pages(method, rest, given)
            case _, "faults", []:
                return self._planned_faults(method, given)
            case "GET", "requests", []:
                return Answer(document=self._log())
            case "DELETE", "requests", []:
                self._requests.clear()
                return Answer(document=self._log())
        return None

    def _pages(self, method: str, rest: list[str], given: Given) -> Answer | None:
        match method, rest:
            case "GET", []:
                return Answer(document={"results": [_shown(page) for page in self._world.pages()]})
            case "GET", [page_id]:
                page = self._world.page(page_id)
                return Answer(document={**_shown(page), "storage": page.storage})
            case "POST", []:
                return Answer(status=201, document=_shown(self._world.create_page(**given)))
            case "POST", [page_id, edit] if edit in PAGE_EDITS:
                changed = PAGE_EDITS[edit](self._world, page_id, given)
                return Answer(document={"id": page_id} if changed is None else _shown(changed))
        return None

    def _planned_faults(self, method: str, given: Any) -> Answer | None:
        """POST takes one fault or a list of them."""
        if method not in ("GET", "POST", "DELETE"):
            return None
        if method == "POST":
            wanted = given if isinstance(given, list) else [given]
            self._faults.add(*(Fault.from_data(fault) for fault in wanted))
        if method == "DELETE":
            self._faults.clear()
        planned, fired = self._faults.planned, self._faults.fired
        return Answer(document={"planned": [asdict(f) for f in planned], "fired": [asdict(f) for f in fired]})

    def _summary(self) -> dict[str, Any]:
        spaces = [{"id": space.id, "key": space.key, "status": space.status} for space in self._world.spaces()]
        pages = len(self._world.pages())
        return {"now": zulu(self._world.now), "revision": self._world.revision, "pages": pages, "spaces": spaces}

    def _log(self) -> dict[str, Any]:
        records = list(self._requests)
        return {
            "count": len(records),
            "response_bytes": sum(record.response_bytes for record in records),
            "peak_concurrency": self._requests.peak_concurrency,
            "results": [asdict(record) for record in records],
        }


def _shown(content: Content) -> dict[str, Any]:
    """Without the body."""
    page = content if isinstance(content, Page) else None
    return {
        "id": content.id,
        "kind": content.kind,
        "space_key": content.space_key,
        "title": content.title,
        "status": content.status,
        "version": content.version,
        "modified_at": zulu(content.modified_at),
        "parent_id": None if page is None else page.parent_id,
        "labels": [] if page is None else [label.name for label in page.labels],
    }


def _sentence(status: int, text: str) -> Answer:
    return Answer(status=status, document={"error": text})

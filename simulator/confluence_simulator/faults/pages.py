"""Faults of one page or one space: they spoil every answer that holds it, and no other answer.

The page is looked for in single reads, lists by id, listings of a space and search results.
"""

import copy
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import orjson

from confluence_simulator import refusals
from confluence_simulator.faults.answers import HTML_PAGE
from confluence_simulator.faults.kind import FaultContext, Kind
from confluence_simulator.messages import Answer
from confluence_simulator.server import Delivery

Document = dict[str, Any]
TOO_LARGE_BYTES = 80 * 1024 * 1024
MARK = "here stands what is no JSON"


def _page_id(context: FaultContext) -> str:
    """Return the id of the page that the argument names, or of the current page with the lowest id."""
    wanted = context.argument.get("page") if isinstance(context.argument, dict) else context.argument
    return str(wanted or context.world.pages(status="current")[0].id)


def _space_key(context: FaultContext) -> str:
    return str(context.argument or context.world.spaces()[0].key)


def _rows(document: Any) -> Iterator[Document]:
    """Yield the objects of an answer: a single one, the rows of a list, or the content of search results."""
    if not isinstance(document, dict):
        return
    yield document
    for row in document.get("results") or ():
        if isinstance(row, dict):
            yield row
            if isinstance(row.get("content"), dict):
                yield row["content"]


def _page_rows(context: FaultContext, document: Any) -> list[Document]:
    page_id = _page_id(context)
    return [row for row in _rows(document) if row.get("id") == page_id]


def _space_rows(context: FaultContext, document: Any) -> list[Document]:
    key = _space_key(context)
    return [row for row in _rows(document) if row.get("key") == key]


def _holds_page(context: FaultContext, answer: Answer) -> bool:
    return bool(_page_rows(context, answer.document))


def _holds_space(context: FaultContext, answer: Answer) -> bool:
    return bool(_space_rows(context, answer.document))


def _with_raw_byte(byte: bytes) -> Callable[[FaultContext, Answer], Answer]:
    """Put one byte, as it is, into a text of the page's row."""

    def after(context: FaultContext, answer: Answer) -> Answer:
        if answer.document is None:
            return answer  # another fault has replaced it
        document = copy.deepcopy(answer.document)
        for row in _page_rows(context, document):
            row["title"] = f"{row.get('title', '')}{MARK}"
        return replace(answer, document=None, body=orjson.dumps(document).replace(MARK.encode(), byte))

    return after


def _html(_: FaultContext, answer: Answer) -> Answer:
    return replace(answer, document=None, body=HTML_PAGE, content_type=refusals.HTML, next_target=None)


def _refused(status: int) -> Callable[[FaultContext, Answer], Answer]:
    """Put the API's own error object in place of the whole answer."""

    def after(context: FaultContext, _: Answer) -> Answer:
        if "/api/v2/" in context.request.path:
            return refusals.v2_refusal(status, "INVALID_REQUEST", "The content cannot be read")
        return refusals.v1_refusal(status, "ServiceException", "The content cannot be read")

    return after


def _large(context: FaultContext, answer: Answer) -> Answer:
    """Right JSON, followed by white space up to the size."""
    wanted = context.argument.get("bytes") if isinstance(context.argument, dict) else None
    body = answer.payload()
    return replace(answer, document=None, body=body.ljust(int(wanted or TOO_LARGE_BYTES)))


def _space_kind(about: str, change: Callable[[Document], object]) -> Kind:
    def after(context: FaultContext, answer: Answer) -> Answer:
        if answer.document is None:
            return answer  # another fault has replaced it
        document = copy.deepcopy(answer.document)
        for row in _space_rows(context, document):
            change(row)
        return replace(answer, document=document)

    return Kind(about=f"{about} (argument: its key)", after=after, touches=_holds_space)


def _page_kind(about: str, after: Callable[[FaultContext, Answer], Answer]) -> Kind:
    return Kind(about=f"{about}, for every answer that holds this page", after=after, touches=_holds_page)


PAGES = {
    "page-control-byte": _page_kind("A raw control byte in the JSON (argument: its id)", _with_raw_byte(b"\x01")),
    "page-not-utf8": _page_kind("A byte that is not UTF-8 (argument: its id)", _with_raw_byte(b"\xff")),
    "page-html-200": _page_kind("HTML with status 200 (argument: its id)", _html),
    "page-bad-request-400": _page_kind("400 of the API's own shape (argument: its id)", _refused(400)),
    "page-unprocessable-422": _page_kind("422 of the API's own shape (argument: its id)", _refused(422)),
    "page-stalls": Kind(
        about="Nothing comes and the connection stays open, for every answer that holds this page (argument: its id)",
        sending=lambda _, __: Delivery(data=b"", then="stall"),
        touches=_holds_page,
    ),
    "page-too-large": _page_kind(
        'Right JSON of 80 MiB (argument: its id, or {"page": its id, "bytes": the size})', _large
    ),
    "space-null-name": _space_kind("The name of this space is null", lambda row: row.update(name=None)),
    "space-without-name": _space_kind("The name of this space is missing", lambda row: row.pop("name", None)),
    "space-without-type": _space_kind("The type of this space is missing", lambda row: row.pop("type", None)),
    "space-without-status": _space_kind("The status of this space is missing", lambda row: row.pop("status", None)),
    "space-null-id": _space_kind("The id of this space is null", lambda row: row.update(id=None)),
}

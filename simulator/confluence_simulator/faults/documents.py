"""Faults that change the JSON of an answer: rows that are missing, doubled, out of order or out of shape."""

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from confluence_simulator.faults.kind import FaultContext, Kind
from confluence_simulator.messages import Answer

Document = dict[str, Any]


def _on_document(change: Callable[[Document, Any], None]) -> Callable[[FaultContext, Answer], Answer]:
    """`change` edits a copy of the document; answers that are no JSON object stay as they are."""

    def after(context: FaultContext, answer: Answer) -> Answer:
        if not isinstance(answer.document, dict):
            return answer
        document = copy.deepcopy(answer.document)
        change(document, context.argument)
        return replace(answer, document=document)

    return after


def _on_row(change: Callable[[Document], None]) -> Callable[[FaultContext, Answer], Answer]:
    """`change` edits the row at the index that the argument gives (0)."""

    def on_document(document: Document, argument: Any) -> None:
        rows = document.get("results")
        if rows:
            change(rows[min(int(argument or 0), len(rows) - 1)])

    return _on_document(on_document)


def _numbered(row: Document) -> None:
    """Make the id a number; the ids of groups and roles, and rows without an id, give 0."""
    text = str(row.get("id", ""))
    row["id"] = int(text) if text.isdecimal() else 0


def _on_rows(change: Callable[[Document, Any], None]) -> Callable[[FaultContext, Answer], Answer]:
    """Like `_on_document`; answers that are no list stay as they are."""

    def on_document(document: Document, argument: Any) -> None:
        if isinstance(document.get("results"), list):
            change(document, argument)

    return _on_document(on_document)


def _without_results(document: Document, _: Any) -> None:
    document.pop("results", None)


def _without_rows(document: Document, argument: Any) -> None:
    del document["results"][: int(argument or 1)]


def _doubled(document: Document, argument: Any) -> None:
    document["results"] += document["results"][: int(argument or 1)]


def _reversed(document: Document, _: Any) -> None:
    document["results"].reverse()


def _emptied(document: Document, _: Any) -> None:
    document["results"] = []


def _cut_json(context: FaultContext, answer: Answer) -> Answer:
    payload = answer.payload()
    return replace(answer, document=None, body=payload[: int(context.argument or len(payload) // 2)])


def _as_type(content_type: str) -> Callable[[FaultContext, Answer], Answer]:
    return lambda _, answer: replace(answer, content_type=content_type)


def _with_mark(_: FaultContext, answer: Answer) -> Answer:
    return replace(answer, document=None, body=b"\xef\xbb\xbf" + answer.payload())


def _repeated_key(_: FaultContext, answer: Answer) -> Answer:
    return replace(answer, document=None, body=answer.payload()[:-1] + b',"results":[]}')


def _row_with(name: str, value: Any) -> Callable[[Document], None]:
    return lambda row: row.update({name: value})


def _row_without(name: str) -> Callable[[Document], None]:
    def change(row: Document) -> None:
        row.pop(name, None)

    return change


def _nul_in_body(row: Document) -> None:
    row["body"] = {"storage": {"representation": "storage", "value": "<p>before\0after</p>"}}


DOCUMENTS = {
    "no-results": Kind(about="The key results is missing", after=_on_document(_without_results)),
    "missing-rows": Kind(about="The first rows are left out (argument: how many, 1)", after=_on_rows(_without_rows)),
    "duplicate-rows": Kind(about="The first rows come twice (argument: how many, 1)", after=_on_rows(_doubled)),
    "reordered-rows": Kind(about="Rows in reverse order", after=_on_rows(_reversed)),
    "empty-list": Kind(about="No rows, links as they were", after=_on_rows(_emptied)),
    "cut-json": Kind(about="The JSON ends early, framed correctly (argument: bytes, half)", after=_cut_json),
    "byte-order-mark": Kind(about="The JSON begins with a byte order mark", after=_with_mark),
    "repeated-key": Kind(about="results comes twice, the second time empty", after=_repeated_key),
    "json-as-html": Kind(about="Right JSON under text/html", after=_as_type("text/html;charset=UTF-8")),
    "json-with-charset": Kind(
        about="Content type with charset, which is right", after=_as_type("application/json;charset=UTF-8")
    ),
    "row-without-id": Kind(about="A row has no id (argument: its index, 0)", after=_on_row(_row_without("id"))),
    "row-number-id": Kind(about="A row's id is a number", after=_on_row(_numbered)),
    "row-empty-id": Kind(about="A row's id is empty", after=_on_row(_row_with("id", ""))),
    "row-without-version": Kind(about="A row has no version", after=_on_row(_row_without("version"))),
    "row-null-title": Kind(about="A row's title is null", after=_on_row(_row_with("title", None))),
    "row-other-space": Kind(about="A row is of another space", after=_on_row(_row_with("spaceId", "1"))),
    "row-unknown-status": Kind(
        about="A row's status is one that nobody knows", after=_on_row(_row_with("status", "sealed"))
    ),
    "row-without-body": Kind(about="A row lacks the body asked for", after=_on_row(_row_with("body", {}))),
    "row-nul-in-body": Kind(about="A row's body holds a NUL character", after=_on_row(_nul_in_body)),
    "row-bad-date": Kind(about="A row's createdAt is no date", after=_on_row(_row_with("createdAt", "yesterday"))),
}

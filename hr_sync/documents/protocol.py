"""What the two processes send each other: frames of a length and JSON, or of a length and the bytes of a file.

The parent trusts nothing that comes back: a child may have been taken over by the document that it read.
"""

import json
from dataclasses import dataclass
from typing import Any

import orjson

from hr_sync.documents.result import Document, Kind, Limits, Missing, MissingReason, Reason, Unreadable
from hr_sync.domain.sanitize import sanitize
from hr_sync.render.markdown import Block, Heading

MARK = b"hrd1"  #: begins every frame
HEAD_BYTES = 8
READY = b"ready"  #: content of the first frame of a child, before any request
_BYTES_BESIDE_TEXT = 4_000_000
_MOST_MISSING = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """One file; its bytes are the next frame."""

    media_type: str
    name: str


def frame(content: bytes) -> bytes:
    """Return content behind its length."""
    return MARK + len(content).to_bytes(4, "big") + content


def length_in(head: bytes) -> int:
    """Return the length that a head gives. Raise ValueError for what is no head."""
    if len(head) != HEAD_BYTES or not head.startswith(MARK):
        raise ValueError("no head of a frame")
    return int.from_bytes(head[len(MARK) :], "big")


def longest_answer(limits: Limits) -> int:
    """Return the largest answer that a child may send: JSON doubles quotes and line ends at most."""
    return 2 * limits.text_bytes + _BYTES_BESIDE_TEXT


def encode_request(request: Request) -> bytes:
    """Return a request as JSON."""
    return orjson.dumps({"media_type": sanitize(request.media_type), "name": sanitize(request.name)})


def decode_request(content: bytes) -> Request:
    """Return the request that the parent sent."""
    return Request(**orjson.loads(content))


def encode_limits(limits: Limits) -> str:
    """Return the limits as JSON."""
    return orjson.dumps(limits).decode()


def decode_limits(text: str) -> Limits:
    """Return the limits that the parent sent."""
    return Limits(**orjson.loads(text))


def encode_answer(answer: Document | Unreadable) -> bytes:
    """Return an answer as JSON."""
    if isinstance(answer, Unreadable):
        return json.dumps({"reason": answer.reason}).encode()
    blocks = [
        [block.level, block.title, block.markdown] if isinstance(block, Heading) else block for block in answer.blocks
    ]
    document = {
        "kind": answer.kind,
        "blocks": blocks,
        "pages": answer.pages,
        "missing": [{"part": each.part, "reason": each.reason} for each in answer.missing],
        "missing_parts": answer.missing_parts,
        "limits_reached": answer.limits_reached,
        "hidden_characters": answer.hidden_characters,
    }
    # Not by orjson, which ends the process where memory runs out.
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def decode_answer(content: bytes, limits: Limits) -> Document | Unreadable:
    """Return the answer of a child, its texts sanitised again. Raise ValueError for anything else than an answer."""
    value = orjson.loads(content)  # its error is a ValueError
    if not isinstance(value, dict):
        raise ValueError("no object")  # noqa: TRY004 -- one error for whatever is wrong
    if "reason" in value:
        return Unreadable(reason=Reason(value["reason"]))
    blocks = tuple(_block(each) for each in _list(value, "blocks"))
    size = sum(len(block.encode()) if isinstance(block, str) else len(block.markdown.encode()) for block in blocks)
    headings = sum(isinstance(block, Heading) for block in blocks)
    if not blocks or size > limits.text_bytes + _BYTES_BESIDE_TEXT or headings > limits.headings:
        raise ValueError("no text, or too much")
    missing = tuple(_missing(each) for each in _list(value, "missing"))
    reached = tuple(each for each in _list(value, "limits_reached") if each in Limits.__slots__)
    if len(missing) > _MOST_MISSING:
        raise ValueError("too many parts")
    pages = value.get("pages")
    return Document(
        kind=Kind(str(value.get("kind"))),
        blocks=blocks,
        pages=None if pages is None else _number(pages),
        missing=missing,
        missing_parts=_number(value.get("missing_parts")),
        limits_reached=reached,
        hidden_characters=_number(value.get("hidden_characters")),
    )


def _block(value: Any) -> Block:
    match value:
        case str():
            return sanitize(value)
        case [int(level), str(title), str(markdown)] if 1 <= level <= 6:
            return Heading(level, " ".join(sanitize(title).split()), sanitize(markdown))
    raise ValueError("no block")


def _missing(value: Any) -> Missing:
    match value:
        case {"part": str(part), "reason": str(reason)}:
            return Missing(part=" ".join(sanitize(part).split()), reason=MissingReason(reason))
    raise ValueError("no missing part")


def _list(value: dict[str, Any], name: str) -> list[Any]:
    found = value.get(name)
    if not isinstance(found, list):
        raise ValueError("no list")  # noqa: TRY004 -- as above
    return found


def _number(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError("no number")
    return value

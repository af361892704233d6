"""Faults of the connection: cut, reset, stalled and slow answers, wrong framing, broken and monstrous gzip."""

import gzip
import zlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from confluence_simulator.faults.kind import EncodedAnswer, FaultContext, Kind
from confluence_simulator.messages import encode_head
from confluence_simulator.server import Delivery

CHUNK_BYTES = 1024
BOMB_BYTES = 100 * 1024 * 1024


def whole(encoded: EncodedAnswer) -> Delivery:
    """Send head and body in one piece, framed by Content-Length, as an ordinary answer is sent."""
    return Delivery(data=_framed(encoded, len(encoded.payload)) + encoded.payload)


def _framed(encoded: EncodedAnswer, length: int) -> bytes:
    return encode_head(encoded.status, (*encoded.headers, ("Content-Length", str(length))))


def _chunked(encoded: EncodedAnswer) -> tuple[bytes, list[bytes]]:
    head = encode_head(encoded.status, (*encoded.headers, ("Transfer-Encoding", "chunked")))
    pieces = [encoded.payload[start : start + CHUNK_BYTES] for start in range(0, len(encoded.payload), CHUNK_BYTES)]
    return head, [f"{len(piece):x}\r\n".encode() + piece + b"\r\n" for piece in pieces]


def _cut_at(context: FaultContext, encoded: EncodedAnswer) -> int:
    """Return how many bytes of the body to send: the argument, or half of them, and never all."""
    length = len(encoded.payload)
    wanted = length // 2 if context.argument is None else int(context.argument)
    return max(0, min(wanted, length - 1))


def _cut_length(context: FaultContext, encoded: EncodedAnswer) -> Delivery:
    head = _framed(encoded, len(encoded.payload))
    return Delivery(data=head + encoded.payload[: _cut_at(context, encoded)], then="close")


def _cut_chunked(context: FaultContext, encoded: EncodedAnswer) -> Delivery:
    head, chunks = _chunked(encoded)
    framed = b"".join(chunks)
    return Delivery(data=head + framed[: max(1, min(_cut_at(context, encoded), len(framed) - 1))], then="close")


def _cut_between_chunks(_: FaultContext, encoded: EncodedAnswer) -> Delivery:
    head, chunks = _chunked(encoded)
    return Delivery(data=head + b"".join(chunks[: max(1, len(chunks) // 2)]), then="close")


def _right_chunked(_: FaultContext, encoded: EncodedAnswer) -> Delivery:
    head, chunks = _chunked(encoded)
    return Delivery(data=head + b"".join(chunks) + b"0\r\n\r\n")


def _until_close(context: FaultContext, encoded: EncodedAnswer) -> Delivery:
    head = encode_head(encoded.status, (*encoded.headers, ("Connection", "close")))
    return Delivery(data=head + encoded.payload[: _cut_at(context, encoded)], then="close")


def _within_head(_: FaultContext, encoded: EncodedAnswer) -> Delivery:
    return Delivery(data=_framed(encoded, len(encoded.payload))[:25], then="close")


def _sent(context: FaultContext, encoded: EncodedAnswer, how: Any) -> Delivery:
    head = _framed(encoded, len(encoded.payload))
    return Delivery(data=head + encoded.payload[: _cut_at(context, encoded)], then=how)


def _fixed(data: bytes, how: Any) -> Callable[[FaultContext, EncodedAnswer], Delivery]:
    return lambda _, __: Delivery(data=data, then=how)


def _drip(context: FaultContext, encoded: EncodedAnswer) -> Delivery:
    """`argument`: seconds between pieces, 0.01."""
    seconds = 0.01 if context.argument is None else float(context.argument)
    data = whole(encoded).data
    return Delivery(data=data, piece_bytes=max(1, len(data) // 16), pause_seconds=seconds)


def _drip_head(context: FaultContext, encoded: EncodedAnswer) -> Delivery:
    """`argument`: seconds between pieces, 0.01."""
    head = len(_framed(encoded, len(encoded.payload)))
    return replace(_drip(context, encoded), piece_bytes=max(1, head // 16), dripping_bytes=head)


def _slow(context: FaultContext, encoded: EncodedAnswer) -> Delivery:
    return replace(whole(encoded), delay_seconds=1.0 if context.argument is None else float(context.argument))


def _gzipped(encoded: EncodedAnswer, compressed: bytes) -> Delivery:
    headers = tuple(pair for pair in encoded.headers if pair[0].lower() != "content-encoding")
    return whole(replace(encoded, headers=(*headers, ("Content-Encoding", "gzip")), payload=compressed))


def _bomb(context: FaultContext, encoded: EncodedAnswer) -> Delivery:
    """Send valid JSON of the size that the argument gives, as a few kilobytes of gzip."""
    size = BOMB_BYTES if context.argument is None else int(context.argument)
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    packed = [packer.compress(b'{"results":[],"padding":"')]
    block = b" " * 65536
    packed += [packer.compress(block) for _ in range(size // len(block) + 1)]
    packed += [packer.compress(b'"}'), packer.flush()]
    return _gzipped(encoded, b"".join(packed))


def _spoiled_gzip(_: FaultContext, encoded: EncodedAnswer) -> Delivery:
    packed = bytearray(gzip.compress(b'{"results":[]}' * 50, mtime=0))
    packed[len(packed) // 2] ^= 0xFF
    return _gzipped(encoded, bytes(packed))


def _cut_gzip(_: FaultContext, encoded: EncodedAnswer) -> Delivery:
    packed = gzip.compress(b'{"results":[]' + b" " * 5000 + b"}", mtime=0)
    return _gzipped(encoded, packed[:-12])


def _not_gzip(_: FaultContext, encoded: EncodedAnswer) -> Delivery:
    return _gzipped(encoded, b'{"results":[]}')


def _too_short(_: FaultContext, encoded: EncodedAnswer) -> Delivery:
    """Content-Length is smaller than the body, which then looks like the start of another answer."""
    return Delivery(data=_framed(encoded, len(encoded.payload) // 2) + encoded.payload, then="close")


def _many_headers(_: FaultContext, encoded: EncodedAnswer) -> Delivery:
    many = tuple((f"X-Padding-{number}", "x" * 64) for number in range(200))
    return whole(replace(encoded, headers=(*encoded.headers, *many)))


WIRE = {
    "cut-length": Kind(
        about="Body ends early under Content-Length (argument: after how many bytes)", sending=_cut_length
    ),
    "cut-chunked": Kind(about="Body ends early within a chunk (argument: bytes)", sending=_cut_chunked),
    "cut-between-chunks": Kind(about="Body ends early after a whole chunk", sending=_cut_between_chunks),
    "cut-until-close": Kind(
        about="Body framed by the closing alone ends early (argument: bytes)", sending=_until_close
    ),
    "cut-head": Kind(about="The connection closes within the headers", sending=_within_head),
    "chunked": Kind(about="Right and chunked, which a client must read", sending=_right_chunked),
    "close": Kind(about="The connection closes without a byte", sending=_fixed(b"", "close")),
    "reset": Kind(about="The connection is reset without a byte", sending=_fixed(b"", "reset")),
    "reset-in-body": Kind(
        about="The connection is reset within the body (argument: bytes)",
        sending=lambda context, encoded: _sent(context, encoded, "reset"),
    ),
    "stall": Kind(about="Nothing comes, the connection stays open", sending=_fixed(b"", "stall")),
    "stall-in-body": Kind(
        about="The body stops coming, the connection stays open (argument: bytes)",
        sending=lambda context, encoded: _sent(context, encoded, "stall"),
    ),
    "drip": Kind(about="The answer comes in 16 pieces (argument: seconds between them, 0.01)", sending=_drip),
    "drip-head": Kind(about="The headers come in 16 pieces (argument: seconds between them, 0.01)", sending=_drip_head),
    "slow": Kind(about="The answer comes late (argument: seconds, 1)", sending=_slow),
    "garbage": Kind(about="What comes is no HTTP", sending=_fixed(b"\x15\x03\x01\x00\x02\x02\x46" * 4, "close")),
    "length-too-small": Kind(about="Content-Length is half of the body", sending=_too_short),
    "many-headers": Kind(about="200 further headers", sending=_many_headers),
    "gzip-bomb": Kind(about="A few kilobytes unpack to much (argument: bytes, 100 MiB)", sending=_bomb),
    "gzip-spoiled": Kind(about="A byte of the gzip stream is wrong", sending=_spoiled_gzip),
    "gzip-cut": Kind(about="The gzip stream ends early, framed correctly", sending=_cut_gzip),
    "gzip-not": Kind(about="Plain JSON that says it is gzip", sending=_not_gzip),
}

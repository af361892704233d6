"""A document that is made to do harm costs only itself: no crash of ours, no memory above the limit, and its reason.

`EVERY_FAULT=1` reads all of them; a third of those that take little time is read each time.
"""

import os
import time
import zlib
from collections.abc import Iterator

import pytest

from hr_sync.documents.reader import DocumentReader
from hr_sync.documents.result import Document, Limits
from tests.documents.good import PDF_PAGES, pdf
from tests.documents.hostile import TEXT, Case, cases

EVERY = bool(os.environ.get("EVERY_FAULT"))
SECONDS = 10.0
CASES = cases()
PLAYED = [case for case in CASES if EVERY or (not case.slow and zlib.crc32(case.name.encode()) % 3 == 0)]


@pytest.fixture(scope="module")
def reader() -> Iterator[DocumentReader]:
    with DocumentReader(Limits(seconds=SECONDS), files_per_process=100) as reader:
        yield reader


def test_there_are_enough() -> None:
    """Two hundred, a part of which is read each time."""
    assert len(CASES) >= 200
    assert len(PLAYED) >= 80


@pytest.mark.parametrize("case", PLAYED, ids=lambda case: case.name)
def test_a_hostile_document_costs_only_itself(reader: DocumentReader, case: Case) -> None:
    """What comes of it is among what may; the next document is read."""
    data = case.make()
    reader.read(b"words", media_type="", name="a.txt")  # the start of a process is none of its costs
    begun = time.monotonic()

    found = reader.read(data, media_type=case.media_type, name=case.file)

    took = time.monotonic() - begun
    outcome = TEXT if isinstance(found, Document) else str(found.reason)
    assert outcome in case.outcomes
    assert took < SECONDS + 5
    if EVERY or case.slow:
        reader.close()  # the memory of a process is known at its end
        assert reader.peak_memory_bytes < reader.limits.memory_bytes
        print(f"{case.name}: {outcome}, {took:.2f} s, {reader.peak_memory_bytes / 1e6:.0f} MB")  # noqa: T201 -- shown by -s
    if isinstance(found, Document):
        assert sum(len(str(block)) for block in found.blocks) < 3 * reader.limits.text_bytes


def test_the_reader_still_reads(reader: DocumentReader) -> None:
    """After whatever was read before, and within its memory."""
    found = reader.read(pdf(PDF_PAGES), media_type="application/pdf", name="policy.pdf")

    assert isinstance(found, Document)
    reader.close()
    assert 0 < reader.peak_memory_bytes < reader.limits.memory_bytes

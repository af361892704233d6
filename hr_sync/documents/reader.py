"""The entry: reads each document in a child process of its own, so that a hostile one costs only itself.

A process that was taken over by its document never gets the bytes of another one: it could answer with the text of one
file where another was asked for, and the readers of the two are not the same.
"""

import importlib.util
import signal
import time
from dataclasses import replace
from pathlib import Path
from typing import Self

from hr_sync.cancellation import Cancellation
from hr_sync.documents.process import ChildProcess, NoAnswer
from hr_sync.documents.protocol import (
    READY,
    Request,
    decode_answer,
    encode_limits,
    encode_request,
    frame,
    longest_answer,
)
from hr_sync.documents.result import Document, Limits, Reason, Unreadable
from hr_sync.errors import ConfigurationError
from hr_sync.render.result import RenderLimits, Section
from hr_sync.render.sections import make_sections

_LIBRARIES = ("cryptography", "lxml", "openpyxl", "pypdf")
_FILES_PER_PROCESS = 1
_START_SECONDS = 30.0
_REPLACED_AFTER = frozenset({Reason.TOO_SLOW, Reason.TOO_MUCH_MEMORY, Reason.READER_FAILED})
_LIMITS_OF_PROCESS = frozenset({"seconds", "memory_bytes"})


class DocumentReader:
    """Reads one document after the other. For one thread; close it at the end."""

    def __init__(
        self,
        limits: Limits | None = None,
        cancellation: Cancellation | None = None,
        *,
        files_per_process: int = _FILES_PER_PROCESS,
    ) -> None:
        """Start nothing yet. Raise ConfigurationError where the libraries are not installed.

        `files_per_process`: more than one saves starts where all files have the same readers and are trusted alike, as
        in tests. One of them may then answer for those behind it.
        """
        check_libraries()
        self.limits = limits or Limits()
        self.processes = 0  #: started so far
        self.peak_memory_bytes = 0  #: of the largest process that has ended
        self._cancellation = cancellation or Cancellation()
        self._files_per_process = files_per_process
        self._child: ChildProcess | None = None
        self._files = 0

    def read(self, source: Path | bytes, *, media_type: str, name: str) -> Document | Unreadable:
        """Return the text of a document, or why there is none.

        `name` is looked at for its extension alone. Raise Stopped on request, OSError for a file that cannot
        be opened, and ConfigurationError where no process can be started.
        """
        data = source if isinstance(source, bytes) else self._bytes_of(source)
        if len(data) > self.limits.file_bytes:
            return Unreadable(reason=Reason.TOO_LARGE)
        if not data:
            return Unreadable(reason=Reason.NO_TEXT)
        try:
            answer = self._ask(data, Request(media_type=media_type, name=name))
        except BaseException:
            self.close()
            raise
        reached = answer.limits_reached if isinstance(answer, Document) else ()
        self._files += 1
        if (
            self._files >= self._files_per_process
            or (isinstance(answer, Unreadable) and answer.reason in _REPLACED_AFTER)
            or not _LIMITS_OF_PROCESS.isdisjoint(reached)
        ):
            self.close()
        return answer

    def close(self) -> None:
        """End the process. The next document starts another."""
        if self._child is not None:
            self._child.end()
            self.peak_memory_bytes = max(self.peak_memory_bytes, self._child.peak_memory_bytes)
            self._child = None
            self._files = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _bytes_of(self, path: Path) -> bytes:
        """Return a file's bytes, one more than the limit of a larger file."""
        with path.open("rb") as file:
            return file.read(self.limits.file_bytes + 1)

    def _start(self) -> ChildProcess:
        """Start a process and wait until it is ready, so that no failure of ours counts as one of a document."""
        try:
            self._child = ChildProcess(encode_limits(self.limits))
            self.processes += 1
            ready = self._child.exchange(
                b"", longest=len(READY), ends_at=time.monotonic() + _START_SECONDS, check=self._cancellation.check
            )
        except (OSError, NoAnswer) as error:
            raise ConfigurationError(
                f"The process that reads documents does not start ({error}). It needs "
                f"{self.limits.memory_bytes:,} bytes of memory, and hr_sync as it is installed here."
            ) from error
        if ready != READY:
            raise ConfigurationError("The process that reads documents is of another version. Install hr_sync again.")
        return self._child

    def _ask(self, data: bytes, request: Request) -> Document | Unreadable:
        child = self._child or self._start()
        try:
            content = child.exchange(
                frame(encode_request(request)) + frame(data),
                longest=longest_answer(self.limits),
                ends_at=time.monotonic() + self.limits.seconds,
                check=self._cancellation.check,
            )
            return decode_answer(content, self.limits)
        except NoAnswer as failure:
            is_late = failure.is_late or failure.killed_by == signal.SIGXCPU
            return Unreadable(reason=Reason.TOO_SLOW if is_late else Reason.READER_FAILED)
        except ValueError:
            return Unreadable(reason=Reason.READER_FAILED)


def check_libraries() -> None:
    """Raise ConfigurationError where a library that reads documents is not installed."""
    absent = [name for name in _LIBRARIES if importlib.util.find_spec(name) is None]
    if absent:
        raise ConfigurationError(
            f"Documents cannot be read: {', '.join(absent)} not installed. pip install 'hr-sync[documents]'"
        )


def sections_of(
    document: Document,
    *,
    document_id: str,
    title: str,
    space: str,
    limits: RenderLimits | None = None,
    cancellation: Cancellation | None = None,
) -> tuple[Section, ...]:
    """Return a document's text in the same sections as a page's; ids depend on `document_id` and the headings.

    Raise Stopped on request: five million bytes of short sentences take seconds.
    """
    limits = limits or RenderLimits()
    check, measure = (cancellation or Cancellation()).check, limits.measure or len

    def measured(text: str) -> int:
        check()
        return measure(text)

    return make_sections(
        document.blocks, page_id=document_id, title=title, space=space, limits=replace(limits, measure=measured)
    )

"""The process that reads documents: limits itself, then answers requests until its input ends.

It has no environment, no writable file, no other program and no network: what it could give away is the document that
it reads. The limits are set before anything of a document is read.
"""

import logging
import os
import resource
import signal
import sys
import warnings
from types import FrameType
from typing import Any, BinaryIO, NoReturn

from hr_sync.documents.extract import OutOfTime, extract
from hr_sync.documents.protocol import (
    HEAD_BYTES,
    READY,
    decode_limits,
    decode_request,
    encode_answer,
    frame,
    length_in,
)
from hr_sync.documents.result import Limits, Reason, Unreadable

_OPEN_FILES = 32  # imports open a few
_FOR_READING = 0.8  # of the time; the rest is for the answer with what was read until then
_UNWANTED = ("numpy",)  # openpyxl imports it where it is installed; it loads libraries, which is refused
_FORBIDDEN = (
    *("socket.", "subprocess.", "os.system", "os.exec", "os.posix_spawn", "os.fork", "pty.spawn", "ctypes."),
    *("os.kill", "os.remove", "os.rename", "os.link", "os.symlink", "os.mkdir", "os.chmod", "os.chown", "shutil."),
    *("urllib.", "http.client.", "ftplib.", "smtplib.", "webbrowser."),
)


def main() -> None:
    """Serve requests. The first argument has the limits."""
    limits = decode_limits(sys.argv[1])
    answers = _claim_streams()
    _limit(limits)
    logging.disable()
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGALRM, _out_of_time)
    sys.modules.update(dict.fromkeys(_UNWANTED))  # type: ignore[arg-type] # None: importing it is an ImportError
    sys.addaudithook(_refuse)
    answers.write(frame(READY))
    answers.flush()
    while (content := _read_frame(sys.stdin.buffer)) is not None:
        request = decode_request(content)
        data = _read_frame(sys.stdin.buffer)
        if data is None:
            return
        answers.write(frame(_answer(data, request.media_type, request.name, limits)))
        answers.flush()


def _answer(data: bytes, media_type: str, name: str, limits: Limits) -> bytes:
    _allow_processor_time(limits)
    try:
        signal.setitimer(signal.ITIMER_REAL, limits.seconds * _FOR_READING)
        answer = extract(data, media_type, name, limits)
        signal.setitimer(signal.ITIMER_REAL, 0)
        return encode_answer(answer)
    except OutOfTime:  # between two steps of ours
        return encode_answer(Unreadable(reason=Reason.TOO_SLOW))
    except MemoryError:
        return encode_answer(Unreadable(reason=Reason.TOO_MUCH_MEMORY))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _claim_streams() -> BinaryIO:
    """Return standard output for answers alone; whatever a library prints goes nowhere."""
    answers = os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    return answers


def _limit(limits: Limits) -> None:
    memory = limits.memory_bytes
    for what, most in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, _OPEN_FILES),
    ):
        _, allowed = resource.getrlimit(what)
        lower = most if allowed == resource.RLIM_INFINITY else min(most, allowed)
        resource.setrlimit(what, (lower, lower))


def _allow_processor_time(limits: Limits) -> None:
    """Allow one more document's processor time; the kernel ends the process after it, whatever it is doing."""
    used = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    wanted = int(used + limits.seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (wanted if most == resource.RLIM_INFINITY else min(wanted, most), most))


def _out_of_time(_number: int, _frame: FrameType | None) -> NoReturn:
    raise OutOfTime


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    """Refuse what no reading of a document needs. Python code alone is held by this."""
    if event.startswith(_FORBIDDEN):
        raise PermissionError(event)
    if event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
        raise PermissionError(event)


def _read_frame(stream: BinaryIO) -> bytes | None:
    """Return the content of the next frame, None at the end of the input."""
    head = stream.read(HEAD_BYTES)
    if len(head) < HEAD_BYTES:
        return None
    length = length_in(head)
    content = stream.read(length)
    return content if len(content) == length else None

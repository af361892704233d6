"""A child may crash, hang, fill its memory or write anything: the parent goes on, and nothing leaves the child."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from hr_sync.cancellation import Cancellation
from hr_sync.documents import reader as reader_module
from hr_sync.documents.process import ChildProcess
from hr_sync.documents.protocol import READY, decode_answer, encode_answer, frame, length_in
from hr_sync.documents.reader import DocumentReader, sections_of
from hr_sync.documents.result import Document, Kind, Limits, Reason, Unreadable
from hr_sync.errors import ConfigurationError, Stopped
from hr_sync.render.markdown import Heading
from hr_sync.render.result import RenderLimits

LIMITS = Limits(seconds=3)
READING = """
import sys
sys.path.append(sys.argv.pop(1))
import hr_sync.documents.child as child
from hr_sync.documents.result import *
def tell(text):
    return Document(kind=Kind.TEXT, blocks=(str(text),), pages=None, missing=(), missing_parts=0, limits_reached=(),
                    hidden_characters=0)
def extract(data, media_type, name, limits):
{body}
child.extract = extract
child.main()
"""

GREETING = f"import os; os.write(1, {frame(READY)!r})\n"

Play = Callable[..., Document | Unreadable]


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch) -> Iterator[Play]:
    """Read a document by another function in a child as it is, or by another program."""
    readers: list[DocumentReader] = []

    def played(body: str = "", *, program: str = "", limits: Limits = LIMITS) -> Document | Unreadable:
        lines = "\n".join(f"    {line}" for line in body.split("\n"))
        program = GREETING + program if program else READING.format(body=lines)
        monkeypatch.setattr(reader_module, "ChildProcess", partial(ChildProcess, program=program))
        readers.append(DocumentReader(limits))
        return readers[-1].read(b"words", media_type="text/plain", name="a.txt")

    yield played
    for reader in readers:
        reader.close()


def told(found: Document | Unreadable) -> str:
    assert isinstance(found, Document), found
    return str(found.blocks[0])


def test_the_function_of_these_tests_is_really_called(play: Play) -> None:
    """So that the tests below fail for what it does."""
    assert told(play("return tell(data.decode() + name)")) == "wordsa.txt"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("import os, signal; os.abort()", Reason.READER_FAILED),
        ("raise SystemExit(3)", Reason.READER_FAILED),
        ("raise KeyboardInterrupt", Reason.READER_FAILED),
        ("import sys\nsys.setrecursionlimit(10**9)\ndef f(): return eval('f()')\nf()", Reason.READER_FAILED),
        ("while True: pass", Reason.TOO_SLOW),
        ("import time\nwhile True:\n    try: time.sleep(9)\n    except BaseException: pass", Reason.TOO_SLOW),
        ("return sum(range(10**12))", Reason.TOO_SLOW),
        ("raise MemoryError", Reason.TOO_MUCH_MEMORY),
        ("return tell('x' * 600_000_000)", Reason.TOO_MUCH_MEMORY),
    ],
)
def test_a_child_that_fails_costs_one_document(play: Play, body: str, reason: Reason) -> None:
    """Whether it crashes, ends, overflows its stack, hangs, or swallows what should end it."""
    begun = time.monotonic()

    found = play(body, limits=Limits(seconds=0.7 if reason is Reason.TOO_SLOW else 10))

    assert found == Unreadable(reason=reason)
    assert time.monotonic() - begun < 8


@pytest.mark.parametrize(
    "written",
    [
        b"garbage that is no frame",
        b"hrd1\xff\xff\xff\xff",
        frame(b"no JSON"),
        frame(b"[1, 2]"),
        frame(b'{"kind": "pdf"}'),
        frame(b'{"reason": "a reason of its own"}'),
        frame(b'{"reason": "damaged"}') + b"more",
        frame(b"[" * 100_000),
        b"",
    ],
)
def test_a_child_that_writes_anything_else_than_an_answer(play: Play, written: bytes) -> None:
    """It is never unpickled, never evaluated, and never kept without a bound."""
    program = f"import sys; sys.stdin.buffer.read(8); sys.stdout.buffer.write({written!r})"

    assert play(program=program) == Unreadable(reason=Reason.READER_FAILED)


@pytest.mark.parametrize("length", [9_000_000, 0xFFFFFFFF])
def test_a_child_that_writes_without_end(play: Play, length: int) -> None:
    """It is stopped when there is more than it said, or when it says more than an answer may have."""
    pause = 9 if length > 9_000_000 else 0
    program = f"import os, sys, time\nsys.stdin.buffer.read(8)\nos.write(1, b'hrd1' + ({length}).to_bytes(4, 'big'))\n"
    program += f"while True: os.write(1, bytes(9_999)); time.sleep({pause})"

    assert play(program=program) == Unreadable(reason=Reason.READER_FAILED)


def test_a_child_that_does_not_read(play: Play) -> None:
    """The parent does not wait in a pipe that is full."""
    assert play(program="import time; time.sleep(60)", limits=Limits(seconds=0.5)) == Unreadable(reason=Reason.TOO_SLOW)


def test_a_child_has_no_environment_and_no_secrets(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor open files of ours, nor our folder."""
    monkeypatch.setenv("HR_SYNC_CONFLUENCE__TOKEN", "canary-secret")
    read_end, write_end = os.pipe()
    os.set_inheritable(write_end, True)
    try:
        found = play("import os\nreturn tell([dict(os.environ), os.getcwd(), sorted(os.listdir('/proc/self/fd'))])")
    finally:
        os.close(read_end)
        os.close(write_end)

    text = told(found)
    assert "canary" not in text
    assert "HOME" not in text
    assert "'/'" in text
    assert "'0', '1', '2', '3', '4'" in text
    assert "'5'" not in text


ATTEMPTS = """
import socket; socket.create_connection(('127.0.0.1', 9))
import socket; socket.getaddrinfo('localhost', 80)
import subprocess; subprocess.run(['true'])
import os; os.system('true')
import os; os.fork()
import os; os.execv('/bin/true', ['true'])
open('/tmp/hr-sync-written', 'w')
import os; os.open('/tmp/hr-sync-written', os.O_CREAT | os.O_WRONLY)
import os; os.remove('/tmp/hr-sync-written')
import ctypes; ctypes.CDLL(None)
import os; os.kill(os.getppid(), 0)
""".strip().split("\n")


def test_a_child_can_reach_nothing(play: Play) -> None:
    """No network, no other program, no file to write, no signal to anybody."""
    body = "reached = []\n" + "\n".join(
        f"try:\n    {attempt}\n    reached.append({attempt!r})\nexcept PermissionError: pass" for attempt in ATTEMPTS
    )

    assert told(play(f"{body}\nreturn tell(reached)")) == "[]"


def test_a_child_limits_itself(play: Play) -> None:
    """Memory, processor time, size of files, core dumps and open files; hard limits, but for the processor time."""
    found = play(
        "import resource as r\n"
        "return tell([r.getrlimit(each) for each in (r.RLIMIT_AS, r.RLIMIT_CORE, r.RLIMIT_FSIZE, r.RLIMIT_NOFILE)]"
        " + [0 < r.getrlimit(r.RLIMIT_CPU)[0] <= limits.seconds + 3])"
    )

    memory = LIMITS.memory_bytes
    assert told(found) == f"[({memory}, {memory}), (0, 0), (0, 0), (32, 32), True]"


def test_a_document_that_takes_over_its_process_does_not_see_the_next_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """And cannot put its text into another answer: each document has a process of its own."""
    body = "    vars(child).setdefault('kept', []).append(data.decode())\n    return tell(child.kept)"
    monkeypatch.setattr(reader_module, "ChildProcess", partial(ChildProcess, program=READING.format(body=body)))

    def answers(reader: DocumentReader) -> list[str]:
        return [told(reader.read(data, media_type="text/plain", name="a.txt")) for data in (b"secret", b"open")]

    with DocumentReader(LIMITS, files_per_process=2) as reader:
        assert answers(reader)[1] == "['secret', 'open']"  # the attack works where a process is shared
    with DocumentReader(LIMITS) as reader:
        assert answers(reader) == ["['secret']", "['open']"]


def test_one_process_reads_many_documents_and_is_replaced_after_some() -> None:
    """And after one that it was stopped at."""
    with DocumentReader(LIMITS, files_per_process=3) as reader:
        for _ in range(7):
            assert isinstance(reader.read(b"words", media_type="text/plain", name="a.txt"), Document)
        assert reader.processes == 3


def test_what_openpyxl_can_do_without_is_not_imported(play: Play) -> None:
    """numpy, which comes with another extra, loads libraries, and each workbook would end its process."""
    assert told(play("try:\n    import numpy\nexcept ImportError:\n    return tell('absent')")) == "absent"


def test_a_process_that_was_killed_is_replaced() -> None:
    """The document that it read is lost, the next one is read."""
    with DocumentReader(LIMITS, files_per_process=9) as reader:
        reader.read(b"words", media_type="text/plain", name="a.txt")
        assert reader._child is not None
        os.kill(reader._child._process.pid, signal.SIGKILL)

        assert reader.read(b"words", media_type="text/plain", name="a.txt") == Unreadable(reason=Reason.READER_FAILED)
        assert isinstance(reader.read(b"words", media_type="text/plain", name="a.txt"), Document)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("is_killed", [False, True], ids=["running", "killed"])
def test_the_memory_of_a_process_is_its_own(is_killed: bool) -> None:
    """And not what this process used before, which Linux hands on to whatever it starts."""
    held = bytearray(b"x" * (200 << 20))
    with DocumentReader(LIMITS, files_per_process=9) as reader:
        reader.read(b"words", media_type="text/plain", name="a.txt")
        assert reader._child is not None
        child = reader._child._process
        if is_killed:
            child.kill()
            os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        reader.close()

    assert len(held) == 200 << 20
    assert reader.peak_memory_bytes < 150 << 20
    assert (reader.peak_memory_bytes == 0) is is_killed


def test_reading_ends_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the middle of a document, and its process with it."""
    cancellation = Cancellation()
    program = f"{GREETING}import time; time.sleep(60)"
    monkeypatch.setattr(reader_module, "ChildProcess", partial(ChildProcess, program=program))
    threading.Timer(0.2, cancellation.set).start()
    begun = time.monotonic()

    with DocumentReader(Limits(seconds=30), cancellation) as reader, pytest.raises(Stopped):
        reader.read(b"words", media_type="text/plain", name="a.txt")

    assert reader._child is None
    assert time.monotonic() - begun < 2


def test_dividing_a_text_ends_when_asked() -> None:
    """In the middle of it."""
    cancellation = Cancellation()
    begun: list[int] = []

    def stop_at_the_third(text: str) -> int:
        begun.append(len(text))
        if len(begun) == 3:
            cancellation.set()
        return len(text)

    document = Document(
        kind=Kind.TEXT, blocks=(". " * 5_000,), pages=None, missing=(), missing_parts=0, limits_reached=(),
        hidden_characters=0,
    )  # fmt: skip
    limits = RenderLimits(measure=stop_at_the_third)
    with pytest.raises(Stopped):
        sections_of(document, document_id="1", title="a", space="S", limits=limits, cancellation=cancellation)
    assert len(begun) == 3


@pytest.mark.parametrize("program", ["raise SystemExit(3)", "import os; os.abort()", "print('hrd1')", "import none"])
def test_a_child_that_does_not_start_is_no_fault_of_a_document(monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    """It would be the same for every document."""
    monkeypatch.setattr(reader_module, "ChildProcess", partial(ChildProcess, program=program))

    with DocumentReader(LIMITS) as reader, pytest.raises(ConfigurationError, match="does not start"):
        reader.read(b"words", media_type="text/plain", name="a.txt")
    assert reader._child is None


def test_without_the_libraries_the_remedy_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a setting that is wrong."""
    monkeypatch.setattr(reader_module, "_LIBRARIES", ("lxml", "no_such_library"))

    with pytest.raises(ConfigurationError, match=r"no_such_library.*pip install 'hr-sync\[documents\]'"):
        DocumentReader()


def test_an_answer_comes_back_as_it_was() -> None:
    """Also the longest one, and one of signs that JSON doubles."""
    document = Document(
        kind=Kind.PDF,
        blocks=(Heading(2, "A", "## A"), '"\\\n' * 100_000, "賃金"),
        pages=7,
        missing=(),
        missing_parts=0,
        limits_reached=("seconds",),
        hidden_characters=3,
    )

    content = encode_answer(document)

    assert decode_answer(content, LIMITS) == document
    assert length_in(frame(content)[:8]) == len(content)


def test_texts_of_a_child_are_cleaned_again() -> None:
    """It may have been taken over by its document."""
    answer = b'{"kind":"pdf","blocks":["a\\u0000\\u202eb",[1,"c\\u2028d","# c"]],"missing":[],"limits_reached":[],'
    answer += b'"missing_parts":0,"hidden_characters":0,"pages":null}'

    found = decode_answer(answer, LIMITS)

    assert isinstance(found, Document)
    assert found.blocks == ("ab", Heading(1, "c d", "# c"))


@pytest.mark.parametrize(
    "change",
    [
        (b'"blocks":["x"]', b'"blocks":[]'),
        (b'"blocks":["x"]', b'"blocks":[1]'),
        (b'"blocks":["x"]', b'"blocks":[[9,"a","b"]]'),
        (b'"blocks":["x"]', b'"blocks":"x"'),
        (b'"blocks":["x"]', b'"blocks":["' + b"x" * 9_100_000 + b'"]'),
        (b'"pages":1', b'"pages":-1'),
        (b'"pages":1', b'"pages":true'),
        (b'"missing_parts":0', b'"missing_parts":"0"'),
        (b'"kind":"pdf"', b'"kind":"exe"'),
        (b'"missing":[]', b'"missing":[{"part":1}]'),
        (b'"missing":[]', b'"missing":[{"part":"a","reason":"b"}]'),
    ],
)
def test_an_answer_that_is_none_is_refused(change: tuple[bytes, bytes]) -> None:
    """Field by field."""
    good = b'{"kind":"pdf","blocks":["x"],"missing":[],"limits_reached":[],'
    good += b'"missing_parts":0,"hidden_characters":0,"pages":1}'
    assert isinstance(decode_answer(good, LIMITS), Document)
    assert change[0] in good

    with pytest.raises(ValueError):  # noqa: PT011 -- whatever is wrong with it
        decode_answer(good.replace(*change), LIMITS)

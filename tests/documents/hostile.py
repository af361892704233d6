"""Documents made to break whoever reads them, each with what may come of it. Made anew each time; none is stored."""

import random
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from hr_sync.documents.result import Reason
from tests.documents import good, hostile_office, hostile_pdf
from tests.documents.hostile_office import office

TEXT = "text"  #: what an outcome is called where something of the document is read
ANYTHING = frozenset({TEXT, *Reason}) - {Reason.READER_FAILED, Reason.UNSUPPORTED_TYPE}


@dataclass(frozen=True, kw_only=True)
class Case:
    """`outcomes`: reasons, and TEXT. A slow case is read by the whole campaign alone."""

    name: str
    file: str
    make: Callable[[], bytes]
    outcomes: frozenset[str]
    media_type: str = ""
    slow: bool = False


def cases() -> list[Case]:
    """Return every case."""
    found = [*_office(), *_pdf(), *_written(), *_wrong_types(), *_names(), *_broken()]
    assert len({case.name for case in found}) == len(found)
    return found


def _case(name: str, file: str, make: Callable[[], bytes], *outcomes: str, slow: bool = False, media: str = "") -> Case:
    return Case(name=name, file=file, make=make, outcomes=frozenset(outcomes) or ANYTHING, slow=slow, media_type=media)


def _office() -> Iterator[Case]:
    for name, (file, make, outcomes, slow) in hostile_office.DOCUMENTS.items():
        yield _case(name, file, make, *outcomes, slow=slow)
    for kind in ("docx", "xlsx", "pptx"):
        for part in hostile_office.XML_PARTS[kind]:
            for bomb in hostile_office.XML_BOMBS:
                yield _case(
                    f"{kind}: {bomb} in {part}",
                    f"a.{kind}",
                    partial(hostile_office.with_bomb, kind, part, bomb),
                    Reason.DAMAGED,
                )


def _pdf() -> Iterator[Case]:
    for name, (make, outcomes, slow) in hostile_pdf.DOCUMENTS.items():
        yield _case(f"pdf: {name}", "a.pdf", make, *outcomes, slow=slow)
    for algorithm in ("RC4-40", "RC4-128", "AES-128", "AES-256", "AES-256-R5"):
        for password, outcome in (("", TEXT), ("secret", Reason.ENCRYPTED)):
            yield _case(
                f"pdf: {algorithm}, {'a password' if password else 'no password'}",
                "a.pdf",
                partial(good.encrypted, good.pdf(good.PDF_PAGES), password=password, algorithm=algorithm),
                outcome,
            )


WRITTEN: dict[str, tuple[str, Callable[[], bytes], tuple[str, ...]]] = {
    "html: deep": ("a.html", lambda: b"<html>" + b"<div>" * 200_000 + b"inner", (TEXT, Reason.NO_TEXT, Reason.DAMAGED)),
    "html: deep lists": ("a.html", lambda: b"<html>" + b"<ul><li>x" * 20_000, ()),
    "html: deep tables": ("a.html", lambda: b"<html>" + b"<table><tr><td>x" * 5_000, ()),
    "html: covering cells": (
        "a.html",
        lambda: b"<html><table>" + b'<tr><td rowspan="9999" colspan="9999">xxxxxxxxxx' * 3_000,
        (TEXT,),
    ),
    "html: many attributes": (
        "a.html",
        lambda: b"<html><p " + b" ".join(b'a%d="1"' % number for number in range(2_000)) + b">inner",
        (),
    ),
    "html: very many attributes": (
        "a.html",
        lambda: b"<html><p " + b" ".join(b'a%d="1"' % number for number in range(200_000)) + b">inner",
        (TEXT, Reason.TOO_SLOW),
    ),
    "html: left open": ("a.html", lambda: b"<html>" + b"<a " * 200_000, ()),
    "html: comments left open": ("a.html", lambda: b"<html>" + b"<!--" * 200_000, ()),
    "html: entities": (
        "a.html",
        lambda: b'<!DOCTYPE html [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><html><p>&b; <p>inner',
        (TEXT,),
    ),
    "html: a local file": (
        "a.html",
        lambda: b'<!DOCTYPE html [<!ENTITY x SYSTEM "file:///etc/passwd">]><html><p>inner &x;',
        (TEXT,),
    ),
    "html: an unknown encoding": ("a.html", lambda: b'<html><meta charset="no-such"><p>inner', (TEXT,)),
    "html: UTF-7": ("a.html", lambda: b'<html><meta charset="utf-7"><p>+ADw-script+AD4- inner', (TEXT,)),
    "html: a zero byte": ("a.html", lambda: b"<html><p>in\0ner" + b"\0" * 2_000, (Reason.TYPE_MISMATCH,)),
    "html: macros": ("a.html", lambda: b'<html><ac:structured-macro ac:name="include">inner', (TEXT,)),
    "html: nothing but scripts": ("a.html", lambda: b"<html><script>alert(1)</script>", (Reason.NO_TEXT,)),
    "csv: one line": ("a.csv", lambda: b"x" * 10_000_000, (TEXT,)),
    "csv: many columns": ("a.csv", lambda: b"," * 1_000_000, (Reason.NO_TEXT,)),
    "csv: a quote left open": ("a.csv", lambda: b'a,b\n"' + b"x\n" * 1_000_000, (TEXT,)),
    "csv: many quotes": ("a.csv", lambda: b'"' * 1_000_001 + b"\n", ()),
    "csv: formulas": ("a.csv", lambda: b"=cmd|' /C calc'!A0,@SUM(1)\n", (TEXT,)),
    "csv: a zero byte far in": ("a.csv", lambda: b"a,b\n" * 1_000 + b"\0", (TEXT,)),
    "markdown: many headings": ("a.md", lambda: b"# x\ny\n" * 100_000, (TEXT,)),
    "markdown: a fence left open": ("a.md", lambda: b"```\n" + b"# x\n" * 100_000, (TEXT,)),
    "markdown: deep quotes": ("a.md", lambda: b">" * 100_000 + b" x", (TEXT,)),
    "text: too large": ("a.txt", lambda: b"x" * 20_000_001, (Reason.TOO_LARGE,)),
    "text: much": ("a.txt", lambda: b"word word word\n\n" * 700_000, (TEXT,)),
    "text: nothing but ends of lines": ("a.txt", lambda: b"\n" * 5_000_000, (Reason.NO_TEXT,)),
    "text: zero bytes": ("a.txt", lambda: b"\0" * 1_000, (Reason.TYPE_MISMATCH,)),
    "text: a mark alone": ("a.txt", lambda: b"\xef\xbb\xbf", (Reason.NO_TEXT,)),
    "text: half a character in UTF-16": ("a.txt", lambda: b"\xff\xfea\0b", (TEXT,)),
    "text: half a pair in UTF-16": ("a.txt", lambda: b"\xff\xfe\x00\xd8a\0", (TEXT,)),
    "text: invisible characters": ("a.txt", lambda: "\u200b\u2060\U000e0041".encode() * 100_000, (Reason.NO_TEXT,)),
    "text: control characters": ("a.txt", lambda: b"words \x1b[31m\r\x0c more", (TEXT,)),
}


SLOW = frozenset({"html: very many attributes", "html: covering cells", "text: much", "markdown: many headings"})


def _written() -> Iterator[Case]:
    for name, (file, make, outcomes) in WRITTEN.items():
        yield _case(name, file, make, *outcomes, slow=name in SLOW)


def _wrong_types() -> Iterator[Case]:
    """Each type under the name of another one, and types that are not read."""
    made = {name: good.DOCUMENTS[name] for name in ("docx", "xlsx", "pptx", "pdf", "html")}
    for kind, make in made.items():
        for other in (*made, "csv", "txt"):
            if other != kind:
                yield _case(
                    f"{kind} as {other}",
                    f"a.{other}",
                    partial(_data_of, make),
                    Reason.TYPE_MISMATCH,
                )
    others = {
        "an image": (b"\x89PNG\r\n\x1a\n" + bytes(100), "a.png"),
        "an executable": (b"\x7fELF" + bytes(100), "a.bin"),
        "an archive": (office({"a.txt": b"x"}), "a.zip"),
        "an old document": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "a.doc"),
        "a program": (b"#!/bin/sh\nrm -rf /\n", "a.sh"),
        "no name": (b"words", ""),
    }
    for name, (data, file) in others.items():
        yield _case(name, file, partial(bytes, data), Reason.UNSUPPORTED_TYPE)
    for kind, magic in (("pdf", b"\x89PNG"), ("docx", b"\x7fELF"), ("xlsx", b"GIF89a")):
        yield _case(
            f"a picture as {kind}",
            f"a.{kind}",
            partial(bytes, magic + bytes(99)),
            Reason.TYPE_MISMATCH,
        )
    locked = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600) + "EncryptedPackage".encode("utf-16-le") + bytes(600)
    for kind in ("docx", "xlsx", "pptx"):
        yield _case(f"{kind} with a password", f"a.{kind}", lambda: locked, Reason.ENCRYPTED)
    login = b"<!DOCTYPE html><html><title>Log in</title><form>Log in</form></html>"
    yield _case("a login page as text", "a.txt", lambda: login, Reason.TYPE_MISMATCH)
    yield _case("a login page by its media type", "a", lambda: login, Reason.TYPE_MISMATCH, media="application/pdf")


def _names() -> Iterator[Case]:
    """Names are looked at for their extension and for nothing else."""
    data = good.pdf(good.PDF_PAGES)
    names = (
        "../../etc/passwd.pdf",
        "..\\..\\boot.pdf",
        "C:\\x.pdf",
        "/dev/stdin.pdf",
        "a\nb.pdf",
        "x" * 9_999 + ".pdf",
    )
    for number, name in enumerate((*names, "\ud800.pdf", "$(id).pdf", "%00.pdf")):
        yield _case(f"name {number}", name, lambda: data, TEXT)
    for kind in ("pdf", "docx", "xlsx", "pptx", "html", "csv", "md", "txt"):
        yield _case(f"{kind} without a byte", f"a.{kind}", lambda: b"", Reason.NO_TEXT)
    for seed, (kind, magic) in enumerate(
        (("pdf", b"%PDF-1.7\n"), ("docx", b"PK\x03\x04"), ("xlsx", b"PK\x05\x06")) * 4
    ):
        noise = random.Random(seed).randbytes(20_000)  # noqa: S311 -- the same each time
        yield _case(f"{kind} of noise {seed}", f"a.{kind}", partial(bytes, magic + noise))


def _broken() -> Iterator[Case]:
    """Good documents that end early, or of which some bytes are other ones."""
    for kind in ("docx", "xlsx", "pptx", "pdf"):
        data = good.DOCUMENTS[kind]().data
        for place in range(1, 12):
            end = len(data) * place // 12
            yield _case(f"{kind}, {place} twelfths", f"a.{kind}", partial(bytes, data[:end]))
        for seed in range(10):
            yield _case(f"{kind}, damage {seed}", f"a.{kind}", partial(damaged, data, seed))


def damaged(data: bytes, seed: int) -> bytes:
    """Return data with one in a thousand bytes changed."""
    chance = random.Random(zlib.crc32(data[:99]) + seed)  # noqa: S311 -- the same each time
    changed = bytearray(data)
    for _ in range(len(data) // 1_000 + 1):
        changed[chance.randrange(len(data))] = chance.randrange(256)
    return bytes(changed)


def _data_of(make: Callable[[], good.Good]) -> bytes:
    return make().data

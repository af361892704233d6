"""The package of an office document (ECMA-376): a ZIP file of XML parts, checked before anything of it is parsed.

Names of elements are compared without their namespace, so that transitional and strict documents are read alike.
"""

import io
import posixpath
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote

from lxml import etree

from hr_sync.documents.collected import Refused
from hr_sync.documents.result import Limits, Reason

_CHUNK_BYTES = 1 << 18
_XML_SUFFIXES = (".xml", ".rels", ".vml")
# A package may hold no document type (ECMA-376 part 2, 6.2.5), and entities are what XML bombs are made of.
_DOCUMENT_TYPES = tuple("<!DOCTYPE".encode(encoding) for encoding in ("utf-8", "utf-16-le", "utf-16-be"))
_OVERLAP = 32
_FAILURES = (zipfile.BadZipFile, zlib.error, EOFError, KeyError, ValueError, NotImplementedError, OSError)
_NO_MEMORY = 2  # of libxml2
_DRAWN = ("chart", "diagramData")


@dataclass(frozen=True, slots=True)
class Relationship:
    """A link from a part to another one within the package."""

    id: str
    type: str  #: last word of its address, such as `slide`
    target: str  #: name of an entry


class Package:
    """An office document that has been checked."""

    def __init__(self, data: bytes, limits: Limits) -> None:
        """Raise Refused for what is no package, needs a password, or unpacks to more than the limit."""
        try:
            self._archive = zipfile.ZipFile(io.BytesIO(data))
            self._check(limits)
        except _FAILURES as error:
            raise Refused(Reason.DAMAGED) from error

    def main_part(self) -> str:
        """Return the name of the part that holds the document."""
        for relationship in self.relationships(""):
            if relationship.type == "officeDocument":
                return relationship.target
        raise Refused(Reason.DAMAGED)

    def parse(self, name: str) -> etree._Element:
        """Return the root of a part. Raise Refused for what is no XML."""
        # Not `huge_tree`: libxml2 then has a limit on depth (256) and on the length of one text.
        parser = etree.XMLParser(
            resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True, remove_pis=True
        )
        try:
            return etree.fromstring(self._archive.read(name), parser)
        except etree.XMLSyntaxError as error:
            if getattr(error, "code", None) == _NO_MEMORY:
                raise MemoryError from error
            raise Refused(Reason.DAMAGED) from error
        except _FAILURES as error:
            raise Refused(Reason.DAMAGED) from error

    def scan(self, name: str, *tags: str) -> Iterator[etree._Element]:
        """Yield the elements of a part that have these names, and keep none. Raise Refused where it is damaged."""
        try:
            with self._archive.open(name) as stream:
                for _, element in etree.iterparse(
                    stream, tag=[f"{{*}}{tag}" for tag in tags], resolve_entities=False, no_network=True, load_dtd=False
                ):
                    yield element
                    element.clear()
                    while element.getprevious() is not None:
                        del element.getparent()[0]
        except (etree.XMLSyntaxError, *_FAILURES) as error:
            raise Refused(Reason.DAMAGED) from error

    def relationships(self, part: str) -> list[Relationship]:
        """Return the links of a part, "" for those of the package. Links out of the package are left out."""
        folder, _, file = part.rpartition("/")
        name = posixpath.join(folder, "_rels", f"{file}.rels")
        if name not in self._archive.namelist():
            return []
        found: list[Relationship] = []
        for element in self.parse(name):
            if element.get("TargetMode") == "External":
                continue
            target = posixpath.normpath(posixpath.join("/", folder, unquote(element.get("Target", ""))))
            kind = element.get("Type", "").rpartition("/")[2]
            found.append(Relationship(element.get("Id", ""), kind, target.lstrip("/")))
        return found

    def related(self, part: str, kind: str) -> list[str]:
        """Return the names of the parts of one kind that a part links to."""
        return [each.target for each in self.relationships(part) if each.type == kind]

    def drawn_texts(self, part: str) -> Iterator[str]:
        """Yield the texts of the charts and diagrams that a part shows."""
        for kind in _DRAWN:
            for name in self.related(part, kind):
                for element in self.parse(name).iter("{*}p", "{*}strCache"):
                    tag = "v" if local(element) == "strCache" else "t"
                    yield " ".join(text for each in element.iter(f"{{*}}{tag}") if (text := each.text))

    def _check(self, limits: Limits) -> None:
        """Unpack every entry once, in pieces: what a ZIP file says of its sizes need not be true."""
        entries = self._archive.infolist()
        if len(entries) > limits.entries:
            raise Refused(Reason.EXPANDS_TOO_MUCH)
        if any(entry.flag_bits & 1 for entry in entries):
            raise Refused(Reason.ENCRYPTED)
        total = 0
        for entry in entries:
            is_xml = entry.filename.lower().endswith(_XML_SUFFIXES)
            before = b""
            with self._archive.open(entry) as stream:
                while chunk := stream.read(_CHUNK_BYTES):
                    total += len(chunk)
                    if total > limits.expanded_bytes:
                        raise Refused(Reason.EXPANDS_TOO_MUCH)
                    if is_xml and any(mark in before + chunk for mark in _DOCUMENT_TYPES):
                        raise Refused(Reason.DAMAGED)
                    before = chunk[-_OVERLAP:]


def local(element: etree._Element) -> str:
    """Return the name of an element without its namespace."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def attribute(element: etree._Element, name: str) -> str | None:
    """Return an attribute by its name without its namespace."""
    for key, value in element.items():
        if str(key).rpartition("}")[2] == name:
            return str(value)
    return None


def child(element: etree._Element, *path: str) -> etree._Element | None:
    """Return the first element at a path of names."""
    found: etree._Element | None = element
    for name in path:
        found = next((each for each in found if local(each) == name), None) if found is not None else None
    return found

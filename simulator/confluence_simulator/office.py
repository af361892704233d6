"""Makes small Word documents, without a library: the files of the sample handbook."""

import io
import zipfile
from xml.sax.saxutils import escape

_MAIN = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
_NAMESPACE = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"
_DECLARATION = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_MOMENT = (2026, 1, 1, 0, 0, 0)  # of every entry: the same document has the same bytes on every machine


def word_document(*parts: tuple[str, tuple[str, ...]]) -> bytes:
    """Return a document of headings, each with the paragraphs below it."""
    body = "".join(_heading(heading) + "".join(map(_paragraph, paragraphs)) for heading, paragraphs in parts)
    types = (
        f'<Types xmlns="{_PACKAGE}/content-types"><Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/word/document.xml" ContentType="{_MAIN}"/></Types>'
    )
    relation = f'<Relationship Id="rId1" Type="{_OFFICE}" Target="word/document.xml"/>'
    entries = {
        "[Content_Types].xml": types,
        "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">{relation}</Relationships>',
        "word/document.xml": f'<w:document xmlns:w="{_NAMESPACE}"><w:body>{body}</w:body></w:document>',
    }
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in entries.items():
            archive.writestr(zipfile.ZipInfo(name, _MOMENT), _DECLARATION + text)
    return file.getvalue()


def _heading(text: str) -> str:
    level = '<w:pPr><w:outlineLvl w:val="0"/></w:pPr>'
    return f"<w:p>{level}<w:r><w:t>{escape(text)}</w:t></w:r></w:p>"


def _paragraph(text: str) -> str:
    return f"<w:p><w:r><w:t>{escape(text)}</w:t></w:r></w:p>"

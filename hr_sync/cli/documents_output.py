"""Prints what was read of one document."""

import typer

from hr_sync.cli.output import print_json
from hr_sync.cli.terminal import one_line, print_message, visible
from hr_sync.documents.result import Document, MissingReason, Reason
from hr_sync.render.markdown import as_text
from hr_sync.render.result import Section

WHY_UNREADABLE = {
    Reason.ENCRYPTED: "it needs a password. Save it without one",
    Reason.NO_TEXT_LAYER: "it shows images of text, as a scanner makes them. Save it with text recognition (OCR)",
    Reason.NO_TEXT: "it has no word",
    Reason.TOO_LARGE: "it is larger than {file_bytes:,} bytes. Divide it",
    Reason.TOO_MANY_PAGES: "it has more than {pages:,} pages. Divide it",
    Reason.TOO_SLOW: "reading it takes longer than {seconds:g} s. Divide it, or save it again with its program",
    Reason.TOO_MUCH_MEMORY: "reading it takes more than {memory_bytes:,} bytes of memory. Divide it",
    Reason.DAMAGED: "it is damaged. Open it with its program and save it again",
    Reason.UNSUPPORTED_TYPE: "its type is not read; docs/documents.md lists those that are",
    Reason.TYPE_MISMATCH: "its content is not of the type that its name says. Look at what it is, and rename it",
    Reason.EXPANDS_TOO_MUCH: "it unpacks to more than may be, as harmful files do. Save it again with its program",
    Reason.READER_FAILED: "the process that read it crashed. Open it with its program and save it again",
}
_WHY_MISSING = {
    MissingReason.DAMAGED: "damaged",
    MissingReason.NO_TEXT_LAYER: "an image without text",
    MissingReason.TOO_LARGE: "unpacks to more than may be",
    MissingReason.HIDDEN: "hidden in the document",
    MissingReason.NOT_REACHED: "not read",
}
_MOST_NAMED = 10


def print_document(document: Document, sections: tuple[Section, ...], *, as_json: bool) -> None:
    """Print the text, and what of the document is not in it."""
    if as_json:
        print_json(
            {
                "kind": document.kind,
                "pages": document.pages,
                "is_complete": document.is_complete,
                "missing": document.missing,
                "missing_parts": document.missing_parts,
                "limits_reached": document.limits_reached,
                "hidden_characters": document.hidden_characters,
                "sections": sections,
            }
        )
        return
    typer.echo(visible("\n\n".join(map(as_text, document.blocks))))
    for part in document.missing[:_MOST_NAMED]:
        print_message(f"Not in the text: {one_line(part.part)} ({_WHY_MISSING[part.reason]}).")
    if document.missing_parts > _MOST_NAMED:
        print_message(f"{document.missing_parts} parts are not in the text in all; --json names 100 of them.")
    for limit in document.limits_reached:
        print_message(f"The text is cut: the limit {limit} was reached.")

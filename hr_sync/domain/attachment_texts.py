"""The texts of attachments: what a download needs, how reading one may end, and both in words. Pure.

An outcome is COMPLETE, PARTIAL, or the reason why a file has no text.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from hr_sync.domain.principal_words import number


class TextOutcome(StrEnum):
    """How the reading of a file ended."""

    COMPLETE = "complete"
    PARTIAL = "partial"  #: some of it was read
    ENCRYPTED = "encrypted"
    NO_TEXT_LAYER = "no_text_layer"
    NO_TEXT = "no_text"
    TOO_LARGE = "too_large"
    TOO_MANY_PAGES = "too_many_pages"
    TOO_SLOW = "too_slow"
    TOO_MUCH_MEMORY = "too_much_memory"
    DAMAGED = "damaged"
    UNSUPPORTED_TYPE = "unsupported_type"
    TYPE_MISMATCH = "type_mismatch"
    EXPANDS_TOO_MUCH = "expands_too_much"
    READER_FAILED = "reader_failed"
    TYPE_NOT_SELECTED = "type_not_selected"  #: the settings leave its type out

    @property
    def is_read(self) -> bool:
        """Return whether the file has a text."""
        return self in (TextOutcome.COMPLETE, TextOutcome.PARTIAL)


#: Not tried again for the same bytes, whatever the version of the reader is.
FINAL = frozenset(
    {
        TextOutcome.ENCRYPTED,
        TextOutcome.NO_TEXT_LAYER,
        TextOutcome.NO_TEXT,
        TextOutcome.TOO_LARGE,
        TextOutcome.TOO_MANY_PAGES,
        TextOutcome.TOO_MUCH_MEMORY,
        TextOutcome.DAMAGED,
        TextOutcome.TYPE_MISMATCH,
        TextOutcome.EXPANDS_TOO_MUCH,
    }
)
#: Says the same of every file with these bytes, whatever its name is.
OF_BYTES_ALONE = FINAL - {TextOutcome.TOO_LARGE, TextOutcome.TYPE_MISMATCH}

_SELECTED_BY_TYPE = (TextOutcome.UNSUPPORTED_TYPE, TextOutcome.TYPE_NOT_SELECTED)
_WORDS = {
    TextOutcome.ENCRYPTED: "encrypted",
    TextOutcome.NO_TEXT_LAYER: "scanned without text recognition",
    TextOutcome.NO_TEXT: "without a word",
    TextOutcome.TOO_LARGE: "too large",
    TextOutcome.TOO_MANY_PAGES: "with too many pages",
    TextOutcome.TOO_SLOW: "too slow to read",
    TextOutcome.TOO_MUCH_MEMORY: "too large in memory",
    TextOutcome.DAMAGED: "damaged",
    TextOutcome.TYPE_MISMATCH: "of another type than their names say",
    TextOutcome.EXPANDS_TOO_MUCH: "unpacking to too much",
    TextOutcome.READER_FAILED: "that crashed the reader",
    TextOutcome.UNSUPPORTED_TYPE: "of types that are not read",
    TextOutcome.TYPE_NOT_SELECTED: "of types that text.attachment_types leaves out",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class AttachmentFile:
    """One version of an attachment, as far as its download needs it."""

    id: str
    page_id: str
    version: int
    media_type: str | None
    size_bytes: int | None
    download_path: str  #: below the base address of the site, with its query


@dataclass(kw_only=True, slots=True)
class AttachmentTextCounts:
    """Attachments by what became of their text."""

    outcomes: dict[str, int] = field(default_factory=dict)  #: by the words of `TextOutcome`
    failed: int = 0  #: could not be downloaded, and are tried again
    waiting: int = 0  #: not tried yet

    @property
    def read(self) -> int:
        """Return how many have a text."""
        return sum(count for word, count in self.outcomes.items() if TextOutcome(word).is_read)

    def add(self, outcome: TextOutcome) -> None:
        """Count one more."""
        self.outcomes[outcome.value] = self.outcomes.get(outcome.value, 0) + 1


def counts_in_words(counts: AttachmentTextCounts) -> list[str]:
    """Return sentences: how many were read, which have no text and why, which are left out, failed and wait."""
    by_outcome = {outcome: counts.outcomes.get(outcome.value, 0) for outcome in TextOutcome}
    unread = {each: count for each, count in by_outcome.items() if count and not each.is_read}
    others = [each for each in unread if each not in _SELECTED_BY_TYPE]
    sentences = []
    if counts.read:
        partly = by_outcome[TextOutcome.PARTIAL]
        some = f", {partly:,} of them in part" if partly else ""
        sentences.append(f"{_have(counts.read)} a text{some}.")
    if others:
        sentences.append(f"{_have(sum(unread[each] for each in others))} no text: {_listed(unread, others)}.")
    for outcome in _SELECTED_BY_TYPE:
        if outcome in unread:
            count = unread[outcome]
            sentences.append(f"{number(count, 'attachment')} {'is' if count == 1 else 'are'} {_WORDS[outcome]}.")
    if counts.failed:
        sentences.append(f"{number(counts.failed, 'attachment')} could not be downloaded; later runs try again.")
    if counts.waiting:
        wait = "waits" if counts.waiting == 1 else "wait"
        sentences.append(f"{number(counts.waiting, 'attachment')} {wait} for the next run.")
    return sentences


def outcome_in_words(outcome: str) -> str:
    """Return one outcome in words."""
    word = TextOutcome(outcome)
    return {TextOutcome.COMPLETE: "read", TextOutcome.PARTIAL: "read in part"}.get(word) or f"no text: {_WORDS[word]}"


def _have(count: int) -> str:
    return f"{number(count, 'attachment')} {'has' if count == 1 else 'have'}"


def _listed(unread: Mapping[TextOutcome, int], outcomes: Sequence[TextOutcome]) -> str:
    most_first = sorted(outcomes, key=lambda each: -unread[each])
    return ", ".join(f"{unread[each]:,} {_WORDS[each]}" for each in most_first)

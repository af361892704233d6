"""What a write changes for consumers: `changed_fields`, and the words of the feed."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from hr_sync.domain.changes import Before, ChangeAction, ChangedField, changed_fields
from hr_sync.domain.content import Head, WithdrawalReason

HEAD = Head(
    id="1",
    title="Leave",
    space_key="HR",
    space_id="9",
    version=3,
    status="current",
    parent_id="7",
    parent_type="page",
    last_updated=datetime(2026, 1, 1, tzinfo=UTC),
    url="https://acme.example/wiki/pages/1",
)
BEFORE = Before(
    title="Leave",
    content_hash="a",
    space_key="HR",
    parent_id="7",
    status="current",
    url="https://acme.example/wiki/pages/1",
    version=3,
    live=True,
)


@pytest.mark.parametrize(
    ("before", "head", "content_hash", "fields"),
    [
        (None, HEAD, "a", "text title location url version"),
        (None, HEAD, None, "text title location url version"),
        (BEFORE, HEAD, "a", ""),
        (BEFORE, HEAD, None, ""),
        (BEFORE, HEAD, "b", "text"),
        (BEFORE, replace(HEAD, title="Time off"), None, "title"),
        (BEFORE, replace(HEAD, parent_id="8"), None, "location"),
        (BEFORE, replace(HEAD, parent_id=None), None, "location"),
        (BEFORE, replace(HEAD, status="archived"), None, "location"),
        (BEFORE, replace(HEAD, space_key="IT"), "b", "text location"),
        (BEFORE, replace(HEAD, url="https://acme.example/wiki/x"), None, "url"),
        (BEFORE, replace(HEAD, version=4), "a", "version"),
        (BEFORE, replace(HEAD, version=2), "b", "text version"),
        (BEFORE, replace(HEAD, parent_type="folder", space_id="8"), "a", ""),
        (BEFORE, replace(HEAD, last_updated=datetime(2027, 1, 1, tzinfo=UTC)), "a", ""),
        (replace(BEFORE, live=False), HEAD, "a", "restored"),
        (replace(BEFORE, live=False), HEAD, None, "restored"),
        (
            replace(BEFORE, live=False),
            replace(HEAD, title="T", parent_id="8", url="u", version=4),
            "b",
            "text title location url version restored",
        ),
    ],
)
def test_a_write_names_what_it_changes(
    before: Before | None, head: Head, content_hash: str | None, fields: str
) -> None:
    """A consumer can tell whether it has to read the text again. Nothing that it cannot see is named."""
    assert changed_fields(before, head, content_hash) == tuple(fields.split())


def test_a_page_that_is_shown_again_is_always_told() -> None:
    """Also if nothing else differs: hiding it was told too."""
    assert changed_fields(replace(BEFORE, live=False), HEAD, "a") == (ChangedField.RESTORED,)


@pytest.mark.parametrize("words", [ChangeAction, ChangedField, WithdrawalReason])
def test_words_that_are_stored_are_lower_case_identifiers(
    words: type[ChangeAction | ChangedField | WithdrawalReason],
) -> None:
    """The database checks the same words, and consumers compare with them."""
    for word in words:
        assert word.value.isidentifier()
        assert word.value == word.name.lower()

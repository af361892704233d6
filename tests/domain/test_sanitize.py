"""Cleaning removes what nobody sees, keeps what people write, and gives every machine the same hash."""

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from hr_sync.domain.sanitize import content_hash, sanitize, sanitize_line

PERSIAN = "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"  # holds a zero-width non-joiner, which belongs there
ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=()), max_size=200)


@given(ANY_TEXT)
def test_cleaned_text_can_be_stored(text: str) -> None:
    """Cleaned text encodes as UTF-8 and holds no NUL and no other C0 control but tab, newline, carriage return."""
    sanitized = sanitize(text)

    sanitized.encode()
    assert not [char for char in sanitized if ord(char) < 0x20 and char not in "\t\n\r"]


@given(ANY_TEXT)
def test_cleaning_twice_changes_nothing(text: str) -> None:
    """Cleaning is idempotent, so that a re-read text keeps its hash."""
    assert sanitize(text) == sanitize(sanitize(text))


@given(st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E)))
def test_plain_text_is_kept(text: str) -> None:
    """Printable ASCII passes untouched."""
    assert sanitize(text) == text


def test_scripts_and_emoji_are_kept() -> None:
    """Joiners and variation selectors belong to the writing; only unseen characters go."""
    for text in (PERSIAN, "👩\u200d💻", "葛\U000e0100飾", "Ä ö ß € →", "日本語"):
        assert sanitize(text) == text


def test_unseen_characters_are_removed() -> None:
    """Zero-width spaces, overrides, tags and byte order marks do not reach a language model."""
    assert sanitize("a\u200bb\u2060c\ufeffd\u202ee\U000e0041f\x85g") == "abcdefg"


def test_lone_surrogate_becomes_a_replacement_character() -> None:
    """Half a pair, as JSON can carry it, is replaced before anything hashes it."""
    assert sanitize("x\ud800y") == "x\ufffdy"


def test_a_title_is_one_line() -> None:
    """Newlines and runs of spaces in a title become one space."""
    assert sanitize_line(" Leave\n\tpolicy\x00  2026 ") == "Leave policy 2026"


def test_the_hash_is_sha256_over_utf8() -> None:
    """Consumers can recompute the hash with any tool."""
    assert content_hash("Übung") == hashlib.sha256(b"\xc3\x9cbung").hexdigest()

"""Sanitising removes what nobody sees, keeps what people write, joins no words, and gives the same hash everywhere."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hr_sync.domain.sanitize import content_hash, sanitize, sanitize_body, sanitize_line

PERSIAN = "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"  # holds a zero-width non-joiner, which belongs there
ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=()), max_size=200)


@given(ANY_TEXT)
def test_sanitised_text_can_be_stored(text: str) -> None:
    """It encodes as UTF-8 and holds no NUL and no other C0 control but tab, newline, carriage return."""
    sanitized = sanitize(text)

    sanitized.encode()
    assert not [char for char in sanitized if ord(char) < 0x20 and char not in "\t\n\r"]


@given(ANY_TEXT)
def test_doing_it_twice_changes_nothing(text: str) -> None:
    """A text that is read again keeps its hash."""
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
    assert sanitize("a\u200bb\u2060c\ufeffd\u202ee\U000e0041f\x84g\x7fh") == "abcdefgh"


SEPARATORS = "\x0b\x0c\x1c\x1d\x1e\x1f\x85\u2028\u2029"


@pytest.mark.parametrize("separator", SEPARATORS)
def test_what_separates_stays_a_separator(separator: str) -> None:
    """A newline in a body and a space in a title, so that no words are joined."""
    assert sanitize(f"Urlaub{separator}Antrag") == "Urlaub\nAntrag"
    assert sanitize_line(f"Urlaub{separator}Antrag") == "Urlaub Antrag"


@given(ANY_TEXT)
def test_no_words_are_joined(text: str) -> None:
    """Wherever Python sees a space, one is left."""
    assert sanitize(text).split() == [word for word in map(sanitize, text.split()) if word]


def test_lone_surrogate_becomes_a_replacement_character() -> None:
    """Half a pair, as JSON can carry it, is replaced before anything hashes it."""
    assert sanitize("x\ud800y") == "x\ufffdy"


def test_a_title_is_one_line() -> None:
    """Newlines and runs of spaces in a title become one space."""
    assert sanitize_line(" Leave\n\tpolicy\x00  2026 ") == "Leave policy 2026"


def test_the_hash_is_sha256_over_utf8() -> None:
    """Consumers can recompute the hash with any tool."""
    assert content_hash("Übung") == hashlib.sha256(b"\xc3\x9cbung").hexdigest()


@given(ANY_TEXT)
def test_a_body_and_its_hash_agree(text: str) -> None:
    """Both as if they were made one by one."""
    assert sanitize_body(text) == (sanitize(text), content_hash(sanitize(text)))

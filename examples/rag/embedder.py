"""The embedder: replace this class by a real model. It needs no network, and gives the same vector for the same text.

A hashed bag of words: each word, cut to its first letters as a crude stem, adds to one of 256 numbers. It finds texts
that share words with the question and knows nothing of meaning.
"""

import math
import re
from collections import Counter
from collections.abc import Sequence
from hashlib import blake2b

DIMENSIONS = 256  #: as in tables.sql
_STEM = 5  # letters
_SHORTEST = 4  # letters; shorter words seldom say what a text is about, but in scripts without blanks
_WORD = re.compile(r"\w+")


class HashedWords:
    """Embeds texts. `model` names what made a vector: another one makes all of them again."""

    model = "hashed-words-1"

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Return a vector of length 1 for each text."""
        return [self._embed(text) for text in texts]

    def _embed(self, text: str) -> list[float]:
        vector = [0.0] * DIMENSIONS
        for stem, number in Counter(words_of(text)).items():
            digest = int.from_bytes(blake2b(stem.encode(), digest_size=8).digest())
            sign = 1 if digest & 1 else -1
            vector[(digest >> 1) % DIMENSIONS] += sign * (1 + math.log(number))
        length = math.sqrt(sum(value * value for value in vector))
        if length == 0:
            return [1.0] + [0.0] * (DIMENSIONS - 1)  # cosine distance has no value for nothing
        return [value / length for value in vector]


def words_of(text: str) -> list[str]:
    """Return the stems that count of a text."""
    words = _WORD.findall(text.casefold())
    return [word[:_STEM] for word in words if len(word) >= _SHORTEST or not word.isascii()]


def as_sql(vector: Sequence[float]) -> str:
    """Return a vector as pgvector reads it."""
    return "[" + ",".join(f"{value:.6g}" for value in vector) + "]"

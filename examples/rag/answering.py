"""Makes an answer of passages: replace `answer` by a language model that is given these passages and nothing else."""

import re
from collections.abc import Sequence

from examples.rag.embedder import words_of
from examples.rag.searching import Passage

_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
NOTHING = "I found nothing about that in what you may read."


def answer(question: str, passages: Sequence[Passage]) -> str:
    """Return the sentence that shares most words with the question, and where everything stands."""
    if not passages:
        return NOTHING
    wanted = set(words_of(question))
    sentences = [(line, place) for place, passage in enumerate(passages) for line in _lines(passage)]
    best, _ = max(sentences, key=lambda each: (len(wanted & set(words_of(each[0]))), -each[1]), default=("", 0))
    sources = "\n".join(f"  [{n}] {_name(passage)}  {passage.url}" for n, passage in enumerate(passages, start=1))
    return f"{best}\n{sources}"


def _lines(passage: Passage) -> list[str]:
    return [line.strip() for line in _SENTENCE.split(passage.text) if line.strip() and not line.startswith("#")]


def _name(passage: Passage) -> str:
    return " > ".join((passage.title, *passage.heading_path))

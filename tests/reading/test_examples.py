"""Every example of docs/reading.md and of the docstrings does what it shows, by the role of a reader."""

import doctest
import re
from pathlib import Path

import pytest

from hr_sync import reading
from hr_sync.reading import MirrorStore, session_scope
from tests.reading.conftest import Mirror

GUIDE = Path(__file__).parents[2] / "docs/reading.md"
DOCUMENTED = (reading, *(getattr(reading, name) for name in reading.__all__))
EXAMPLES = [
    example
    for documented in DOCUMENTED
    if getattr(documented, "__doc__", None)
    for example in doctest.DocTestFinder(recurse=True).find(documented, getattr(documented, "__name__", "view"))
    if example.examples
]


def run(example: doctest.DocTest, mirror: Mirror, store: MirrorStore) -> str:
    """Run one example and return what differs."""
    example.globs = {
        "url": mirror.url,
        "store": store,
        "session_scope": session_scope,
        "open_store": reading.open_store,
    }
    differs: list[str] = []
    doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(example, out=differs.append)
    return "".join(differs)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_the_examples_of_docstrings(example: doctest.DocTest, mirror: Mirror, store: MirrorStore) -> None:
    """Each in the order in which it stands."""
    assert run(example, mirror, store) == ""


def test_every_question_has_an_example_or_is_a_variant_of_one() -> None:
    """Whoever reads the docstring of a question sees an answer."""
    shown = {example.name.rpartition(".")[2] for example in EXAMPLES}
    questions = {name for name in vars(reading.MirrorReader) if not name.startswith("_")}

    assert questions - shown == {"iterate_changed_since", "section", "sections_readable_by"}


def test_the_examples_of_the_guide(mirror: Mirror, store: MirrorStore) -> None:
    """All of them, one after the other, as somebody who reads it types them."""
    blocks = re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    text = "\n".join(block for block in blocks if ">>>" in block)
    example = doctest.DocTestParser().get_doctest(text, {}, "docs/reading.md", None, 0)

    assert len(example.examples) > 5
    assert run(example, mirror, store) == ""

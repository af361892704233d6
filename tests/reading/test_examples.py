"""Every example of docs/reading.md and of the docstrings does what it shows, by the role of a consumer of the feed."""

import doctest
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from hr_sync import reading
from hr_sync.reading import MirrorStore
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


@pytest.fixture
def store(mirror: Mirror) -> Iterator[MirrorStore]:
    """Open the mirror as a reader and consumer of the feed."""
    with reading.open_store(mirror.feed_url) as opened:
        yield opened


def run(example: doctest.DocTest, mirror: Mirror, store: MirrorStore) -> str:
    """Run one example and return what differs."""
    example.globs = {
        "url": mirror.feed_url,
        "store": store,
        "session_scope": reading.session_scope,
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

    assert questions - shown == {
        "iterate_changed_since",
        "section",
        "sections_readable_by",
        "attachments_readable_by",
        "comments_readable_by",
    }


BLOCKS = [
    block
    for block in re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    if ">>>" in block
]


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_the_examples_of_the_guide(block: str, mirror: Mirror, store: MirrorStore) -> None:
    """Each with the store that its first one opens."""
    example = doctest.DocTestParser().get_doctest(block, {}, "docs/reading.md", None, 0)

    assert example.examples
    assert run(example, mirror, store) == ""

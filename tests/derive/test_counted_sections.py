"""How many sections somebody may read is counted without their rows, and is the number of those that are shown."""

from datetime import timedelta

import pytest
from sqlalchemy import Engine

from hr_sync.domain.access import AccessPolicy
from hr_sync.domain.changes import ChangeAction
from hr_sync.store.store import Store
from tests.derive.test_includes import Mirror, include
from tests.store.spaces import HR, ask, decision, leased, tell, write

TWO = "<h1>One</h1><p>1</p><h1>Two</h1><p>2</p>"
THREE = f"{TWO}<h1>Three</h1><p>3</p>"


@pytest.fixture
def mirror(engine: Engine) -> Mirror:
    """Return an empty space that is open to everybody."""
    store = Store(engine)
    store.apply_access_policy(AccessPolicy())
    found = Mirror(store, engine)
    found.restrict(HR)
    return found


def shown(engine: Engine) -> int:
    """Return how many sections everybody is shown, which is what the function counts."""
    query = "SELECT count(*) AS listed, count_sections_readable_by(NULL) AS counted FROM sections_readable_by(NULL)"
    (row,) = ask(engine, query)
    assert row["counted"] == row["listed"]
    number: int = row["listed"]
    return number


def test_sections_are_counted_whatever_becomes_of_text_and_body(mirror: Mirror) -> None:
    """A new body, the former one again, which has its text, an included page that changes, a body without any text."""

    def put(body: str, version: int, page_id: str = "1") -> tuple[int, int]:
        mirror.put(page_id, body, version=version)
        before = shown(mirror.engine)
        mirror.derive()
        return before, shown(mirror.engine)

    assert put(TWO, 1) == (0, 2)
    assert put(TWO, 2) == (2, 2)
    mirror.put("1", THREE, version=3)
    assert put(TWO, 4) == (2, 2), "the text of the body that is back was never replaced"
    assert put(THREE, 5) == (0, 3)
    assert put(TWO + include("Page 1"), 1, "2") == (3, 8)
    assert put(TWO, 6) == (0, 6), "the host shows what is not there any more until its text is made"
    assert put("", 7) == (0, 4), "the older text stays, and the host shows the body without any"
    assert put(TWO, 8) == (0, 6)


def test_sections_of_a_page_that_was_long_removed_are_not_counted(mirror: Mirror) -> None:
    """Nor when it is there again, until its text is made; archived meanwhile, with another body."""
    mirror.put("1", TWO)
    mirror.derive()
    with leased(mirror.store) as space:
        space.remove([decision("1")])
        tell(mirror.engine, "UPDATE confluence_pages SET removed_at = now() - interval '9 days'")
        assert mirror.store.prune_bodies(removed_for=timedelta(days=1)) == 1
        space.write_pages([write("1", seen="HR", body=None, action=ChangeAction.RESTORE)])
    mirror.restrict(HR)
    assert shown(mirror.engine) == 0
    mirror.put("1", THREE, version=2)
    assert shown(mirror.engine) == 0
    mirror.derive()
    assert shown(mirror.engine) == 3
    with leased(mirror.store) as space:
        space.hide([decision("1")])
        archived = write("1", seen="HR", version=3, body=TWO, action=ChangeAction.UPDATE)
        assert space.write_archived([archived]) == frozenset()
        space.write_pages([write("1", seen="HR", version=3, body=None, action=ChangeAction.RESTORE)])
    mirror.restrict(HR)
    assert shown(mirror.engine) == 0
    mirror.derive()
    assert shown(mirror.engine) == 2

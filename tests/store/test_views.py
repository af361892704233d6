"""What consumers see: live pages with their bodies. `test_roles.py` has what they do not see by whatever function."""

from sqlalchemy import Engine

from hr_sync.store.store import Store
from tests.store.spaces import ask, decision, leased, tell, write


def test_a_page_is_seen_while_it_is_live_and_has_its_body(store: Store, engine: Engine) -> None:
    """Hidden, removed, archived, or without a body: not seen."""
    with leased(store) as space:
        space.write_pages([write(page_id, status="archived" if page_id == "4" else "current") for page_id in "12345"])
        space.hide([decision("2")])
        space.remove([decision("3")])
    tell(engine, "DELETE FROM page_bodies WHERE page_id = '5'")

    assert ask(engine, "SELECT id FROM live_pages") == [{"id": "1"}]

"""The files of attachments become sections of their pages: read once, shown with the page, told in the feed."""

import pytest
from sqlalchemy import Engine

from tests.derive.reading import FLAVORS, handbook, mirror_of
from tests.support.wiring import full

CSV = b"country,euro\nDenmark,75\nPoland,45\n"
each_flavor = pytest.mark.parametrize("flavor", FLAVORS)


@each_flavor
def test_a_file_becomes_sections_behind_those_of_its_page(engine: Engine, flavor: str) -> None:
    """Below its name; an unchanged space is not asked for it again."""
    world = handbook()
    page = world.pages()[0]
    made = world.attach(page.id, filename="allowances.csv", payload=CSV, media_type="text/csv")
    with mirror_of(world, engine, flavor) as mirror:
        report = mirror.derive()

        assert (report.downloads, report.written, report.failed, report.ended_by) == (1, 1, 0, None)
        table = "| country | euro |\n| --- | --- |\n| Denmark | 75 |\n| Poland | 45 |"
        assert mirror.shown() == [
            (None, ["Days"], "# Days\n\nThirty."),
            (None, ["Forms"], "# Forms\n\nBelow."),
            (made.id, ["allowances.csv"], table),
        ]
        assert len(mirror.downloads()) == 1
        mirror.site.requests.clear()
        full(mirror.context)
        again = mirror.derive()
        assert (again.downloads, again.written, again.counts.outcomes) == (0, 0, {"complete": 1})
        assert mirror.downloads() == []

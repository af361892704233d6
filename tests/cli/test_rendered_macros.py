"""`text.rendered_macros` by the program: refused where it shows too much, and gone with the mode that allows it."""

from pathlib import Path

import pytest
from confluence_simulator import Simulator
from sqlalchemy import Engine

from tests.cli.program import TOKEN, run, settings, written
from tests.cli.test_remedies import world_with
from tests.support.database import rows

REPORT = (
    '<p>All:</p><ac:structured-macro ac:name="contentbylabel" ac:macro-id="m-1">'
    '<ac:parameter ac:name="cql">label = &quot;policy&quot;</ac:parameter></ac:structured-macro>'
)
SHOWN = "SELECT text FROM live_sections WHERE text LIKE 'All:%%'"


@pytest.mark.parametrize("ends_by", ["mode", "setting"])
def test_rendered_macros_from_on_to_off(home: Path, prepared_url: str, engine: Engine, ends_by: str) -> None:
    """With the mode `account` the text has the list; with `enforce` it is refused, and off again it has none."""
    world = world_with("HR", pages=2)
    listed = world.create_page(space_key="HR", title="Sabbatical", storage="<p>x</p>")
    world.label_page(listed.id, "policy")
    world.create_page(space_key="HR", title="Policies", storage=REPORT)
    on = {"HR_SYNC_TEXT__SECTIONS": "true", "HR_SYNC_TEXT__RENDERED_MACROS": "true", "HR_SYNC_ACCESS__MODE": "account"}
    with Simulator(world, api_token=TOKEN) as confluence:
        written(home, settings(confluence.site_url, prepared_url))
        assert run(home, "run", **on).exit_code == 0
        assert "- [Sabbatical](http" in rows(engine, SHOWN)[0]["text"]
        assert "Sabbatical" in run(home, "text", find(engine), **on).stdout

        refused = run(home, "run", **on | {"HR_SYNC_ACCESS__MODE": "enforce"})
        assert refused.exit_code == 78
        assert "text.rendered_macros (HR_SYNC_TEXT__RENDERED_MACROS): must be false unless" in refused.stderr

        off = {"HR_SYNC_TEXT__RENDERED_MACROS": "false"} | (
            {"HR_SYNC_ACCESS__MODE": "enforce"} if ends_by == "mode" else {}
        )
        assert run(home, "run", **on | off).exit_code == 0
    assert rows(engine, SHOWN) == [{"text": "All:\n\n[Confluence shows here: pages with given labels]"}]
    assert rows(engine, "SELECT page_id FROM page_renderings") == []


def find(engine: Engine) -> str:
    (row,) = rows(engine, "SELECT id FROM live_pages WHERE title = 'Policies'")
    return str(row["id"])

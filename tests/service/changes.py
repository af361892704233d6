"""Changes a world while a service mirrors it, and measures how long each change takes to arrive."""

import random
import re
import time
import urllib.request
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from confluence_simulator import Simulator, World
from sqlalchemy import Engine

from tests.service.processes import Serving
from tests.support.database import connect, rows


@dataclass(kw_only=True)
class Change:
    """One change at the source. `seconds` is how long it took to arrive; None as long as it has not."""

    what: str
    began: float  #: monotonic
    query: str
    seconds: float | None = None


def keep_changing(world: World, engine: Engine, *, seconds: float, pause_seconds: float, seed: int) -> list[Change]:
    """Change something again and again for so long, then wait for what is under way; gives all changes."""
    chance = random.Random(seed)  # noqa: S311 -- it chooses, and guards nothing
    changes: list[Change] = []
    ends_at = time.monotonic() + seconds
    next_at = 0.0
    with connect(engine) as connection:
        while time.monotonic() < ends_at or any(change.seconds is None for change in changes):
            now = time.monotonic()
            if next_at <= now < ends_at:
                changes.append(_change(world, chance, len(changes)))
                next_at = now + chance.uniform(0.5, 1.5) * pause_seconds
            for change in changes:
                if change.seconds is None and connection.execute(change.query.encode()).fetchone():
                    change.seconds = time.monotonic() - change.began
            if now > ends_at + 30:
                break
            time.sleep(0.02)
    return changes


def disagreements(service: Serving, engine: Engine) -> list[str]:
    """Compare what metrics and status page tell with the database, once nothing changes any more."""
    base = f"http://127.0.0.1:{service.port()}"
    metrics, page = (urllib.request.urlopen(base + path, timeout=10).read().decode() for path in ("/metrics", "/"))  # noqa: S310
    scraped = {name: float(value) for name, value in re.findall(r"^(hr_sync_\S+) (\S+)$", metrics, re.MULTILINE)}
    live = rows(engine, "SELECT space_key, count(*) AS pages FROM live_pages GROUP BY space_key")
    expected = {f'hr_sync_live_pages{{space="{row["space_key"]}"}}': row["pages"] for row in live}
    for action in ("inserted", "updated", "moved", "removed", "hidden", "restored"):
        (row,) = rows(engine, f"SELECT sum({action}) AS pages FROM sync_runs")
        expected[f'hr_sync_pages_total{{action="{action}"}}'] = row["pages"]
    found = [
        f"{name}: {scraped.get(name)}, not {value}" for name, value in expected.items() if scraped.get(name) != value
    ]
    found += [f"{row['space_key']} not on the page" for row in live if f">{row['pages']}<" not in page]
    (newest,) = rows(engine, "SELECT max(id) AS id FROM sync_runs WHERE finished_at < now() - interval '2 seconds'")
    return found + ([] if f">{newest['id']}<" in page else [f"run {newest['id']} not on the page"])


def rows_differ(site: Simulator, engine: Engine) -> bool:
    """Whether the live pages differ from the world's in anything that changed here."""
    stored = {
        (row["id"], row["title"], row["version"]) for row in rows(engine, "SELECT id, title, version FROM live_pages")
    }
    return stored != {(page.id, page.title, page.version) for page in site.world.pages(status="current")}


def _change(world: World, chance: random.Random, number: int) -> Change:
    world.advance(max(datetime.now(UTC) - world.now, timedelta()))
    pages = [page for page in world.pages(status="current") if page.parent_id]
    page = chance.choice(pages)
    kind = chance.choice(["edit", "edit", "rename", "move", "create", "trash"])
    gone = (
        f"SELECT 1 FROM confluence_pages WHERE id = '{page.id}' AND (removed_at IS NOT NULL OR hidden_at IS NOT NULL)"
    )
    began = time.monotonic()
    match kind:
        case "edit":
            world.edit_page(page.id, storage=f"<p>Edit {number}</p>")
        case "rename":
            world.rename_page(page.id, f"Renamed {number}")
        case "move":
            top = next(each for each in world.pages(space_key=page.space_key) if not each.parent_id)
            world.move_page(page.id, parent_id=top.id)
            began = time.monotonic()
            query = f"SELECT 1 FROM live_pages WHERE id = '{page.id}' AND parent_id = '{top.id}'"
            return Change(what="move", began=began, query=query)
        case "create":
            page = world.create_page(space_key=page.space_key, title=f"New {number}", storage="<p>New</p>")
        case _:
            world.trash_page(page.id)
            return Change(what="trash", began=began, query=gone)
    version = world.page(page.id).version
    # Somebody may trash it before it arrives.
    arrived = f"SELECT 1 FROM live_pages WHERE id = '{page.id}' AND version >= {version} UNION {gone}"
    return Change(what=kind, began=began, query=arrived)

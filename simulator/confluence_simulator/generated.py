"""Worlds of any size from a few numbers. Bodies are recipes: 100,000 pages hold no rendered text."""

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from confluence_simulator.generated_text import generated_storage
from confluence_simulator.world import Label, Page, Space, World
from confluence_simulator.world.clock import DEFAULT_START, DEFAULT_STEP

LABELS = ("leave", "payroll", "onboarding", "travel", "benefits", "policy", "archive-2024", "größe")
HISTORY_DAYS = 700


@dataclass(frozen=True, kw_only=True)
class BodyLengths:
    """Lengths in bytes, log-normal: many short pages and a long tail, cut off at `maximum`."""

    median: int = 6 * 1024
    mean: int = 12 * 1024
    maximum: int = 1024 * 1024

    def draw(self, chance: random.Random) -> int:
        spread = math.sqrt(2 * math.log(max(self.mean / self.median, 1.0)))
        return min(self.maximum, int(chance.lognormvariate(math.log(self.median), spread)))


def generated_world(
    pages: int = 500,
    spaces: int = 1,
    seed: int = 1,
    *,
    lengths: BodyLengths | None = None,
    edited_share: float = 0.2,
    children_per_page: int = 8,
    start: datetime = DEFAULT_START,
    step: timedelta = DEFAULT_STEP,
) -> World:
    """Spaces S00, S01, ... with `pages` pages in all, each space a tree under its homepage.

    `edited_share` of the pages have a second version. The pages' dates lie in the 700 days before `start`.
    """
    world = World(seed=seed, start=start, step=step)
    lengths = lengths or BodyLengths()
    chance = random.Random(seed)  # noqa: S311 - repeatable worlds, no secrets
    labels = [world.label(name) for name in LABELS]
    for number in range(spaces):
        space = world.create_space(f"S{number:02d}", f"Space {number:02d}", created_at=start - timedelta(days=800))
        count = pages // spaces + (number < pages % spaces)
        made = list(
            _space_pages(
                world,
                space,
                count=count,
                chance=chance,
                labels=labels,
                lengths=lengths,
                children_per_page=children_per_page,
            )
        )
        world.load(made)
        world.load(_second_version(page, chance, lengths, start) for page in made if chance.random() < edited_share)
        if made:
            world.set_homepage(space.key, made[0].id)
    return world


def _space_pages(
    world: World,
    space: Space,
    *,
    count: int,
    chance: random.Random,
    labels: list[Label],
    lengths: BodyLengths,
    children_per_page: int,
) -> Iterator[Page]:
    ids: list[str] = []
    for number in range(count):
        page_id = world.new_id()
        ids.append(page_id)
        created = world.now - timedelta(days=HISTORY_DAYS) + timedelta(milliseconds=chance.randrange(86_400_000 * 600))
        yield Page(
            id=page_id,
            kind="page",
            space_id=space.id,
            space_key=space.key,
            title=f"{space.name} home" if number == 0 else f"Policy {number:05d} of {space.name}",
            created_at=created,
            modified_at=created,
            changed_at=created,
            author_id=world.author.account_id,
            editor_id=world.author.account_id,
            owner_id=world.author.account_id,
            body=partial(generated_storage, int(page_id), lengths.draw(chance)),
            parent_id=None if number == 0 else ids[(number - 1) // children_per_page],
            position=None if chance.random() < 0.1 else int(page_id),
            labels=(chance.choice(labels),) if chance.random() < 0.3 else (),
        )


def _second_version(page: Page, chance: random.Random, lengths: BodyLengths, start: datetime) -> Page:
    edited = page.created_at + (start - page.created_at) * chance.random()
    edited = edited.replace(microsecond=edited.microsecond // 1000 * 1000)
    return replace(
        page,
        version=2,
        version_message="Yearly review",
        modified_at=edited,
        changed_at=edited,
        body=partial(generated_storage, int(page.id) + 1_000_000_007, lengths.draw(chance)),
    )

"""The world of the simulator: a pure data structure. Nothing in this package knows HTTP."""

from hr_sync.simulator.world.records import (
    Attachment,
    Comment,
    Content,
    Event,
    Group,
    Label,
    Page,
    Restriction,
    Space,
    User,
    WorldError,
)
from hr_sync.simulator.world.world import World

__all__ = [
    "Attachment",
    "Comment",
    "Content",
    "Event",
    "Group",
    "Label",
    "Page",
    "Restriction",
    "Space",
    "User",
    "World",
    "WorldError",
]

"""The world of the simulator: a pure data structure. Nothing in this package knows HTTP."""

from confluence_simulator.world.records import (
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
from confluence_simulator.world.world import World

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

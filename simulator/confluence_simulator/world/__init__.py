"""The world of the simulator: a pure data structure. Nothing in this package knows HTTP."""

from confluence_simulator.world.readers import Asker, Layer
from confluence_simulator.world.records import (
    Attachment,
    Comment,
    Content,
    Event,
    Group,
    Label,
    Page,
    Restriction,
    SitePermission,
    Space,
    User,
    WorldError,
)
from confluence_simulator.world.world import World

__all__ = [
    "Asker",
    "Attachment",
    "Comment",
    "Content",
    "Event",
    "Group",
    "Label",
    "Layer",
    "Page",
    "Restriction",
    "SitePermission",
    "Space",
    "User",
    "World",
    "WorldError",
]

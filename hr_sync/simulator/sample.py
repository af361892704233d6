"""The sample HR handbook as a world."""

from hr_sync.simulator.world import World


def handbook_world() -> World:
    """Two spaces of believable HR pages, self-written."""
    raise NotImplementedError

"""The world: a Confluence site as a plain value in memory, to be edited by tests and read by the server."""

from confluence_simulator.world.attached import AttachedEdits


class World(AttachedEdits):
    """Spaces, people, pages and what hangs on them, with a clock of its own. All operations are thread-safe.

    Each edit moves the clock by one step, so that the same edits give the same ids, versions and times on every
    machine. Values handed out are frozen: they show the state at the time of the call.
    """

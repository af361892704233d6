"""A simulated Confluence in a process of its own, so that its work is not counted as anybody else's.

One world, and one HTTP server over it for each latency, cap or rate that a step asks for.
"""

import multiprocessing
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from typing import Any

from confluence_simulator import Fault, Simulator, World, generated_world

USERNAME = "hr-bot@example.com"
TOKEN = "bench-token"  # noqa: S105 -- of a Confluence that lives as long as the measurement
CACHE_BYTES = 6 << 30  # answers are made once and then kept, so that the simulator is not what is measured


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """How the site behaves for a step."""

    latency_ms: int = 0
    limit_cap: int | None = None  #: lists are cut to this many entries, whatever is asked for
    rate_per_second: int = 0  #: more requests than this are answered with 429


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What was asked under these conditions since they were last set, and what answering cost the simulator."""

    requests: int
    bytes: int  #: as sent, compressed
    bodies: int  #: pages that were asked for by id, with their body
    refused: int  #: answers with status 429
    peak_concurrency: int
    cpu_seconds: float


class Site:
    """The other end of the process."""

    def __init__(self, pipe: Connection, spaces: list[str]) -> None:
        self._pipe = pipe
        self.spaces = spaces

    def open(self, conditions: Conditions) -> str:
        """Return the address of the site under these conditions, with its counters at zero."""
        return str(self._call("open", conditions))

    def asked(self, conditions: Conditions) -> Asked:
        """Return what was asked under these conditions."""
        asked: Asked = self._call("asked", conditions)
        return asked

    def edit(self, share: float) -> int:
        """Give a share of the pages a new version. Return their number."""
        return int(self._call("edit", share))

    def _call(self, name: str, argument: object) -> Any:
        self._pipe.send((name, argument))
        return self._pipe.recv()


@contextmanager
def running_site(*, pages: int, spaces: int, largest_page_bytes: int = 0) -> Iterator[Site]:
    """Serve a generated world with so many pages, until the block ends."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=(there, pages, spaces, largest_page_bytes), daemon=True)
    process.start()
    try:
        yield Site(here, here.recv())
    finally:
        here.send(("stop", None))
        process.join(10)


def _serve(pipe: Connection, pages: int, spaces: int, largest_page_bytes: int) -> None:
    world = generated_world(pages, spaces, start=datetime.now(UTC))
    if largest_page_bytes:
        world.edit_page(world.pages()[pages // 2].id, storage=f"<p>{'x' * largest_page_bytes}</p>")
    with ExitStack() as stack:
        servers = _Servers(world, stack)
        calls: dict[str, Callable[[Any], object]] = {"open": servers.open, "asked": servers.asked, "edit": servers.edit}
        pipe.send([space.key for space in world.spaces()])
        for name, argument in iter(pipe.recv, ("stop", None)):
            pipe.send(calls[name](argument))


class _Servers:
    def __init__(self, world: World, stack: ExitStack) -> None:
        self._world = world
        self._stack = stack
        self._open: dict[Conditions, Simulator] = {}
        self._cpu_before = 0.0
        self._edits = 0

    def open(self, conditions: Conditions) -> str:
        if conditions not in self._open:
            self._open[conditions] = self._stack.enter_context(self._simulator(conditions))
        self._open[conditions].requests.clear()
        self._cpu_before = time.process_time()
        return self._open[conditions].site_url

    def asked(self, conditions: Conditions) -> Asked:
        requests = self._open[conditions].requests
        with_bodies = [request.query for request in requests if ("body-format", "storage") in request.query]
        return Asked(
            requests=len(requests),
            bytes=requests.response_bytes,
            bodies=sum(name == "id" for query in with_bodies for name, _ in query),
            refused=sum(request.status == 429 for request in requests),
            peak_concurrency=requests.peak_concurrency,
            cpu_seconds=time.process_time() - self._cpu_before,
        )

    def edit(self, share: float) -> int:
        pages = self._world.pages()
        step = round(1 / share)
        self._edits += 1
        for page in pages[::step]:
            self._world.edit_page(page.id, storage=f"{page.storage}<p>Edit {self._edits}.</p>")
        return len(pages[::step])

    def _simulator(self, conditions: Conditions) -> Simulator:
        return Simulator(
            self._world,
            cache_bytes=CACHE_BYTES,
            faults=[Fault(kind="lowered-limit", times=0, argument=conditions.limit_cap)]
            if conditions.limit_cap
            else (),
            username=USERNAME,
            api_token=TOKEN,
            latency_seconds=conditions.latency_ms / 1000,
            rate_per_second=conditions.rate_per_second,
            removed_v1=False,  # the tutorial's library knows no other interface
        )

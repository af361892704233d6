"""The simulator as a command: from plain options to a running site."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import orjson

from confluence_simulator.faults import Fault
from confluence_simulator.generated import generated_world
from confluence_simulator.sample import handbook_world
from confluence_simulator.simulator import Simulator
from confluence_simulator.tenant import Flavor
from confluence_simulator.world import World

DEFAULT_USERNAME = "hr-bot@example.com"
DEFAULT_TOKEN = "simulated-token"  # noqa: S105 - the password of a simulated account


@dataclass(frozen=True, kw_only=True)
class ServeOptions:
    """`pages` None serves the sample handbook, a number that many generated pages."""

    flavor: Flavor = "cloud"
    port: int = 0
    pages: int | None = None
    spaces: int = 1
    seed: int = 1
    latency_ms: int = 0
    faults_file: Path | None = None
    rate_per_second: float = 0.0
    context_path: str = ""
    username: str = DEFAULT_USERNAME
    api_token: str = DEFAULT_TOKEN


def make_simulator(options: ServeOptions) -> Simulator:
    """Not started yet. Raises ValueError, with the file's name, for a faults file that cannot be used."""
    return Simulator(
        _world(options),
        port=options.port,
        faults=() if options.faults_file is None else read_faults(options.faults_file),
        flavor=options.flavor,
        username=options.username,
        api_token=options.api_token,
        context_path=options.context_path,
        latency_seconds=options.latency_ms / 1000,
        rate_per_second=options.rate_per_second,
    )


def serve_forever(
    options: ServeOptions, announce: Callable[[Simulator], None], stop: threading.Event | None = None
) -> None:
    """Serve until `stop` is set or the process is interrupted; `announce` is called once the site can be reached."""
    with make_simulator(options) as simulator:
        announce(simulator)
        (stop or threading.Event()).wait()


def read_faults(path: Path) -> list[Fault]:
    """A JSON list of objects with kind, at, match, times, argument. Raises ValueError for anything else."""
    try:
        listed = orjson.loads(path.read_bytes())
        faults = [Fault.from_data(fault) for fault in listed] if isinstance(listed, list) else None
    except (OSError, ValueError, TypeError) as error:
        raise ValueError(f"{path} must hold a JSON list of faults: {error}") from error
    if faults is None:
        raise ValueError(f"{path} must hold a JSON list of faults")
    return faults


def _world(options: ServeOptions) -> World:
    """Its time begins now, so that its dates look alive."""
    start = datetime.now(UTC)
    if options.pages is None:
        return handbook_world(start=start)
    return generated_world(options.pages, options.spaces, options.seed, start=start)

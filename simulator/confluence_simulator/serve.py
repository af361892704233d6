"""The simulator as a command, `confluence-simulator`: from plain options to a running site."""

import argparse
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from queue import SimpleQueue

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
    """Return a site that is not started; raise ValueError, with the file's name, for a bad faults file."""
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
    options: ServeOptions, announce: Callable[[Simulator], None], wait_for_stop: Callable[[], object]
) -> None:
    """Serve until `wait_for_stop` returns or raises; `announce` is called once the site can be reached."""
    with make_simulator(options) as simulator:
        announce(simulator)
        wait_for_stop()


def read_faults(path: Path) -> list[Fault]:
    """Read a JSON list of objects with kind, at, match, times, argument; raise ValueError for anything else."""
    try:
        listed = orjson.loads(path.read_bytes())
        faults = [Fault.from_data(fault) for fault in listed] if isinstance(listed, list) else None
    except (OSError, ValueError, TypeError) as error:
        raise ValueError(f"{path} must hold a JSON list of faults: {error}") from error
    if faults is None:
        raise ValueError(f"{path} must hold a JSON list of faults")
    return faults


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGINT or SIGTERM, and return the exit code: 0, or 2 for options that cannot be used."""
    given = _parser().parse_args(arguments)
    options = ServeOptions(
        flavor=given.flavor,
        port=given.port,
        pages=given.pages,
        spaces=given.spaces,
        seed=given.seed,
        latency_ms=given.latency_ms,
        faults_file=given.faults,
        rate_per_second=given.rate,
        context_path=given.context_path,
    )
    requests = SimpleQueue[None]()  # a handler may put into it whatever it interrupts, unlike setting an event
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: requests.put(None))
    try:
        serve_forever(options, _announce, requests.get)
    except (OSError, ValueError) as error:
        sys.stderr.write(f"confluence-simulator: cannot start: {error}. Choose another --port or --faults file.\n")
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="confluence-simulator", description="Serve a simulated Confluence on this machine until Ctrl-C."
    )
    parser.add_argument("--flavor", choices=("cloud", "datacenter"), default="cloud", help="cloud by default")
    parser.add_argument("--port", type=_whole(0, 65_535), default=0, help="0, the default, chooses a free port")
    parser.add_argument("--pages", type=_whole(1), help="number of generated pages; without it, an HR handbook")
    parser.add_argument("--spaces", type=_whole(1), default=1, help="number of spaces for the generated pages")
    parser.add_argument("--seed", type=int, default=1, help="seed of the generated site")
    parser.add_argument("--latency-ms", type=_whole(0), default=0, help="wait before each answer")
    parser.add_argument("--faults", type=Path, metavar="FILE", help="JSON file of faults to plan")
    parser.add_argument("--rate", type=_rate, default=0.0, help="requests a second before 429; 0 is no limit")
    parser.add_argument("--context-path", default="", metavar="PATH", help="of Data Center, e.g. /confluence")
    return parser


def _whole(low: int, high: int | None = None) -> Callable[[str], int]:
    def number(text: str) -> int:
        value = int(text)
        if value < low or (high is not None and value > high):
            raise argparse.ArgumentTypeError(f"{value} is not {low} or more" + ("" if high is None else f", to {high}"))
        return value

    return number


def _rate(text: str) -> float:
    value = float(text)
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not 0 or more")
    return value


def _announce(simulator: Simulator) -> None:
    lines = (
        f"Confluence is simulated at {simulator.site_url}",
        f"username {simulator.tenant.username}, token {simulator.tenant.api_token}; Ctrl-C ends it.",
        *([f"Files of attachments come from {simulator.media_origin}"] if simulator.tenant.flavor == "cloud" else []),
    )
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


def _world(options: ServeOptions) -> World:
    """Return the world to serve; its clock begins now."""
    start = datetime.now(UTC)
    if options.pages is None:
        return handbook_world(start=start)
    return generated_world(options.pages, options.spaces, options.seed, start=start)

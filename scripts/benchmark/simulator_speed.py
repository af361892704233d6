"""Measure the speed of the simulator with a client that is not ours. Run by scripts/bench-simulator.

The simulator runs in a process of its own. Each case is measured twice: without the cache of answers, as a client meets
it who asks everything once, and with it.
"""

import multiprocessing
import multiprocessing.connection
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from confluence_simulator.answer_cache import CAPACITY_BYTES
from confluence_simulator.generated import generated_world
from confluence_simulator.simulator import Simulator

PAGES = 2_000
SECONDS = 4
CONNECTIONS = 4
AUTHORIZATION = "Authorization: Bearer simulated-token"
CASES = (
    ("lists of 25 heads", "/wiki/api/v2/pages?limit=25", "identity"),
    ("lists of 250 heads", "/wiki/api/v2/pages?limit=250", "identity"),
    ("lists of 50 bodies", "/wiki/api/v2/pages?limit=50&body-format=storage", "identity"),
    ("lists of 50 bodies, gzip", "/wiki/api/v2/pages?limit=50&body-format=storage", "gzip"),
    ("single page with body", "/wiki/api/v2/pages/98596?body-format=storage", "identity"),
)


@dataclass(frozen=True)
class Figures:
    answers_per_second: float
    megabytes_per_second: float


def main() -> int:
    """Print one line per case. 69 if neither wrk nor curl is there."""
    client = shutil.which("wrk") or shutil.which("curl")
    if client is None:
        sys.stderr.write("bench-simulator needs wrk or curl as its client: install one of them\n")
        return 69
    sys.stdout.write(f"client {client}, {CONNECTIONS} connections, {PAGES} pages in the world\n")
    for cached in (False, True):
        sys.stdout.write("equal questions, cached answers\n" if cached else "every answer made anew\n")
        with _running(cache_bytes=CAPACITY_BYTES if cached else 0) as origin:
            for name, path, encoding in CASES:
                measure = _wrk if client.endswith("wrk") else _curl
                figures = measure(client, origin + path, encoding)
                line = f"{figures.answers_per_second:8.0f} answers/s {figures.megabytes_per_second:8.0f} MB/s\n"
                sys.stdout.write(f"  {name:28}{line}")
    return 0


@contextmanager
def _running(*, cache_bytes: int) -> Iterator[str]:
    """Return the origin of a simulator in another process."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.Process(target=_serve, args=(theirs, cache_bytes), daemon=True)
    process.start()
    try:
        yield ours.recv()
    finally:
        process.terminate()
        process.join()


def _serve(pipe: multiprocessing.connection.Connection, cache_bytes: int) -> None:
    with Simulator(generated_world(PAGES), cache_bytes=cache_bytes) as simulator:
        pipe.send(simulator.origin)
        threading.Event().wait()


def _wrk(client: str, url: str, encoding: str) -> Figures:
    """Return the client's own figures; its transfer is in binary units and counts headers too."""
    command = [client, "-t", "1", "-c", str(CONNECTIONS), "-d", f"{SECONDS}s", "-H", AUTHORIZATION]
    output = _run([*command, "-H", f"Accept-Encoding: {encoding}", url])
    rate = re.search(r"Requests/sec:\s+([\d.]+)", output)
    transfer = re.search(r"Transfer/sec:\s+([\d.]+)([KMG]?)B", output)
    if rate is None or transfer is None or "Non-2xx" in output:
        raise RuntimeError(f"wrk did not get what it asked for:\n{output}")
    unit = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30}[transfer[2]]
    return Figures(float(rate[1]), float(transfer[1]) * unit / 1e6)


def _curl(client: str, url: str, encoding: str) -> Figures:
    """Wall time of one curl over many equal addresses on kept connections, its start included."""
    count = 4_000 if "limit=25&" not in url and "body" not in url else 400
    options = ["--silent", "--fail", "--output", "/dev/null", "--parallel", "--parallel-max", str(CONNECTIONS)]
    command = [client, *options, "-H", AUTHORIZATION, "-H", f"Accept-Encoding: {encoding}"]
    separator = "&" if "?" in url else "?"
    began = time.monotonic()
    output = _run([*command, "--write-out", "%{size_download}\n", f"{url}{separator}turn=[1-{count}]"])
    seconds = time.monotonic() - began
    return Figures(count / seconds, sum(int(line) for line in output.split()) / seconds / 1e6)


def _run(command: list[str]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    sys.exit(main())

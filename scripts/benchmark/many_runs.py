"""Many runs in one process, as the container makes them: prints by how much its memory grew from run to run, as JSON.

Each run fetches and writes every page anew. The slope is fitted over the last 190.
"""

import json
from pathlib import Path
from resource import getpagesize
from statistics import linear_regression

from hr_sync.cancellation import Cancellation
from hr_sync.cli.bootstrap import open_context, open_settings
from hr_sync.cli.options import DEFAULT_SETTINGS
from hr_sync.sync.context import SyncRequest
from hr_sync.sync.run import run

_RUNS = 200
_SETTLING = 10


def resident_megabytes() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * getpagesize() / 1e6


def main() -> None:
    held = []
    with open_context(open_settings(DEFAULT_SETTINGS), Cancellation()) as context:
        for _ in range(_RUNS):
            run(context, SyncRequest(every_page=True))
            held.append(resident_megabytes())
    settled = held[_SETTLING:]
    slope = linear_regression(range(len(settled)), settled).slope
    print(json.dumps({"slope": slope, "first": held[0], "settled": settled[0], "last": held[-1]}))


if __name__ == "__main__":
    main()

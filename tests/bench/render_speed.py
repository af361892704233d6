"""How fast bodies are rendered, in MB/s of one core's time: `.venv/bin/python -m tests.bench.render_speed`.

The sample handbook at several lengths, the same not well-formed, and the hostile bodies of the tests at two lengths:
the ratio of their times should be that of their lengths.
"""

# ruff: noqa: T201 - it prints a report

import time
from collections.abc import Callable

from tests.render import test_hostile_bodies as hostile
from tests.render.reading import HANDBOOK, bodies, render


def seconds(work: Callable[[], object], repeats: int = 3) -> float:
    """Return the processor time of the fastest of several runs."""
    times = []
    for _ in range(repeats):
        begun = time.process_time()
        work()
        times.append(time.process_time() - begun)
    return min(times)


def report(name: str, storage: str, repeats: int = 3) -> float:
    """Print one line; return the time."""
    took = seconds(lambda: render(storage), repeats)
    megabytes = len(storage.encode()) / 1e6
    print(f"{name:40} {megabytes:7.2f} MB {took:7.3f} s {megabytes / took:7.1f} MB/s", flush=True)
    return took


def main() -> None:
    """Print everything."""
    handbook = "".join(storage for _, storage in bodies(HANDBOOK))
    pages = [storage for _, storage in bodies(HANDBOOK)]
    took = seconds(lambda: [render(page) for page in pages])
    print(f"{'handbook, page by page':40} {len(handbook.encode()) / 1e6:7.2f} MB {took:7.3f} s", flush=True)
    for copies in (1, 5, 47):
        report(f"handbook, {copies} times, as one page", handbook * copies)
    report("handbook, not well-formed", f"<br>{handbook * 5}")
    report(
        "table of numbers", f"<table><tbody>{'<tr><td><p>1</p></td><td><p>22</p></td></tr>' * 25_000}</tbody></table>"
    )
    report("prose", f"<p>{'Some words that say nothing. ' * 100}</p>" * 350)
    length = hostile.N
    for name, body in hostile.BODIES.items():
        times = []
        for hostile.N in (length, 2 * length):
            times.append(report(f"{name}, {hostile.N // 1000}k", body(), repeats=1))
        hostile.N = length


if __name__ == "__main__":
    main()

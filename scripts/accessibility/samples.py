"""Serves the pages of the service with samples of every state, until standard input ends. Prints an address a line."""

import sys
from contextlib import ExitStack
from dataclasses import replace

from hr_sync.service.health import judge
from hr_sync.store.read.overview import Overview
from tests.service.samples import HELD, LIMITS, NOW, OVERVIEW, SPACE, WELL, make_endpoints, web

LONG = replace(SPACE, space_key="~712020" + "a0b1c2d3" * 6, name="A name of a space that is rather long " * 3)


def main() -> None:
    """Serve each state at a port of its own."""
    fresh = replace(SPACE, access_age=NOW - NOW)
    well = replace(OVERVIEW, spaces=[fresh], shown=(), failures=[], policy=None)
    states = {
        "wrong": OVERVIEW,
        "long names": replace(OVERVIEW, spaces=[LONG, HELD]),
        "decision": replace(OVERVIEW, spaces=[replace(HELD, age=SPACE.age, viewers_known=True)], shown=()),
        "well": well,
        "empty": Overview(spaces=[], runs=[], failures=[]),
    }
    with ExitStack() as stack:
        for name, overview in states.items():
            endpoints = replace(
                make_endpoints(overview),
                health=lambda read: judge(read.spaces, WELL, LIMITS),
                title=lambda page_id: f"Page {page_id}, with a title of some words",
            )
            port = stack.enter_context(web(endpoints))
            paths = ("/", "/pages/12345", "/pages/999", "/pages/%3F") if name == "wrong" else ("/",)
            for path in paths:
                print(f"{name}\thttp://127.0.0.1:{port}{path}", flush=True)
        print(flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()

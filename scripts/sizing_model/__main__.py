"""Simulates workers, sites and pages beyond one machine, from costs that were measured. See docs/scaling.md."""

import argparse
import sys
from collections.abc import Sequence

from sizing_model.costs import MEASURED, measured_costs
from sizing_model.documents import write
from sizing_model.measuring import measure
from sizing_model.runs import Conditions, Schedule
from sizing_model.sizing import grid, sizing
from sizing_model.tables import limits, sizes


def main(arguments: Sequence[str]) -> None:
    """Print a table, or measure."""
    options = _options(arguments)
    if options.measure:
        measure(MEASURED)
        return
    costs = measured_costs()
    if options.write:
        write(costs)
    elif options.table:
        print(f"{sizes(grid(costs))}\n\n{limits(costs)}")
    else:
        conditions = Conditions(latency_seconds=options.latency / 1000, requests_a_second=options.rate)
        schedule = Schedule(incremental=options.incremental, access=options.access, full=options.full)
        print(sizes([sizing(options.sites, options.pages, costs, conditions, schedule)]))


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    usual, schedule = Conditions(), Schedule()
    parser = argparse.ArgumentParser(prog="scripts/sizing", description=__doc__)
    parser.add_argument("--table", action="store_true", help="print the tables of docs/scaling.md")
    parser.add_argument("--write", action="store_true", help="write them there")
    parser.add_argument("--measure", action="store_true", help="measure the costs anew; five minutes")
    parser.add_argument("--sites", type=int, default=10)
    parser.add_argument("--pages", type=int, default=100_000, help="of all sites together")
    parser.add_argument("--latency", type=float, default=usual.latency_seconds * 1000, help="milliseconds of an answer")
    parser.add_argument("--rate", type=float, default=usual.requests_a_second, help="requests a second of a site")
    parser.add_argument("--incremental", type=float, default=schedule.incremental, help="minutes between two runs")
    parser.add_argument("--access", type=float, default=schedule.access, help="minutes between two runs")
    parser.add_argument("--full", type=float, default=schedule.full, help="minutes between two runs")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main(sys.argv[1:])

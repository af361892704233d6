"""Measures cases and prints a table for people; --json writes every sample for machines."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmark import quick
from benchmark.cases import CASES
from benchmark.postgres import running_postgres
from benchmark.running import run_case
from benchmark.tables import document, table

_STORED = Path(__file__).with_name("quick.json")
_QUICK_REPETITIONS = 3


def main(arguments: Sequence[str]) -> int:
    """Measure. Return 1 if --quick finds a regression."""
    options = _options(arguments)
    if options.quick or options.store:
        return _quick(store=options.store)
    chosen = [CASES[name] for name in options.case] or [case for case in CASES.values() if options.all or not case.slow]
    documents = []
    with running_postgres() as postgres:
        for case in chosen:
            repetitions = run_case(case, postgres, repetitions=options.repeat, report=_report)
            print(f"{table(case, repetitions)}\n", flush=True)
            documents.append(document(case, repetitions))
    if options.json:
        options.json.write_text(json.dumps(documents, indent=1) + "\n")
    return 0


def _quick(*, store: bool) -> int:
    with running_postgres() as postgres:
        repetitions = run_case(quick.CASE, postgres, repetitions=_QUICK_REPETITIONS, report=_report)
    measured = quick.ratios(repetitions)
    print(table(quick.CASE, repetitions))
    print("\n".join(f"- {name}: {value:g}" for name, value in measured.items()))
    if store:
        _STORED.write_text(json.dumps(measured, indent=2) + "\n")
        return 0
    worse = quick.regressions(json.loads(_STORED.read_text()), measured)
    for line in worse:
        print(f"scripts/bench: slower than stored: {line}", file=sys.stderr)
    return 1 if worse else 0


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument(
        "--case",
        action="append",
        default=[],
        choices=sorted(CASES),
        metavar="NAME",
        help="may be given again; see --list",
    )
    parser.add_argument("--all", action="store_true", help="the slow cases too")
    parser.add_argument("--repeat", type=int, default=3, help="repetitions, after one that warms the simulator up")
    parser.add_argument("--quick", action="store_true", help="compare a few ratios with the stored ones; 1 if worse")
    parser.add_argument("--store", action="store_true", help="store the ratios of --quick as measured now")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every sample there")
    return parser.parse_args(arguments)


def _report(what: str) -> None:
    if sys.stderr.isatty():
        print(what, file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

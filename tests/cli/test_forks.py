"""A program that is forked ends as one that is started anew."""

import signal
from dataclasses import replace
from pathlib import Path

import pytest
from confluence_simulator import Fault, Simulator

from tests.cli.program import ended, run, run_anew, start, typed, wired


@pytest.mark.parametrize(
    "arguments", [("--version",), ("run", "--nope"), ("status",), ("config", "example")], ids=lambda each: each[0]
)
def test_a_fork_prints_and_ends_as_a_program_of_its_own(home: Path, arguments: tuple[str, ...]) -> None:
    """Both streams and the exit code, of what succeeds and of what is refused."""
    assert replace(run(home, *arguments), errors=frozenset()) == run_anew(home, *arguments)


def test_a_signal_that_ends_a_fork_is_its_exit_code(home: Path, site: Simulator, prepared_url: str) -> None:
    """As `subprocess` says it."""
    wired(home, site, prepared_url)
    site.faults.add(Fault(kind="stall", match="/pages", times=0))
    process = start(home, "run")
    assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    assert ended(process).exit_code == -signal.SIGKILL


def test_what_is_typed_reaches_a_shell_where_it_needs_one(home: Path) -> None:
    """Quotes do not; what is piped, or holds a variable, does."""
    (home / "$HOME").mkdir()
    assert typed(home, "hr-sync --version | tr a-z A-Z").stdout.startswith("HR-SYNC ")
    assert typed(home, "hr-sync --version >version").stdout == ""
    assert (home / "version").read_text() == run(home, "--version").stdout
    assert typed(home, "hr-sync status --config '$HOME/none.toml'").messages == (
        run(home, "status", "--config", "$HOME/none.toml").messages
    )

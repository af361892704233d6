"""`simulate` and `demo`: a simulated Confluence on this machine, and runs against it.

Both need the package `confluence_simulator`, which is a distribution of its own and not part of the worker's.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from confluence_simulator import Simulator

    from hr_sync.cancellation import Cancellation


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(simulate)
    app.command()(demo)


def simulate(
    flavor: Annotated[str, typer.Option("--flavor", help="cloud or datacenter.")] = "cloud",
    port: Annotated[int, typer.Option("--port", min=0, max=65_535, help="0 chooses a free port.")] = 0,
    pages: Annotated[
        int | None, typer.Option("--pages", min=1, help="Number of generated pages; without it, the HR handbook.")
    ] = None,
    spaces: Annotated[int, typer.Option("--spaces", min=1, help="Number of spaces for the generated pages.")] = 1,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the generated site.")] = 1,
    latency_ms: Annotated[int, typer.Option("--latency-ms", min=0, help="Wait before each answer.")] = 0,
    faults: Annotated[Path | None, typer.Option("--faults", help="JSON file of faults to inject.")] = None,
    rate: Annotated[float, typer.Option("--rate", min=0, help="Requests a second before 429; 0 is no limit.")] = 0.0,
) -> None:
    """Serve a simulated Confluence on this machine until Ctrl-C. See simulator/README.md."""
    _require_simulator("simulate")
    from confluence_simulator.serve import ServeOptions, make_simulator

    from hr_sync.cli.stopping import run_until_stopped
    from hr_sync.errors import UsageError

    if flavor not in {"cloud", "datacenter"}:
        raise UsageError("--flavor is cloud or datacenter.")
    options = ServeOptions(
        flavor="cloud" if flavor == "cloud" else "datacenter",
        port=port,
        pages=pages,
        spaces=spaces,
        seed=seed,
        latency_ms=latency_ms,
        faults_file=faults,
        rate_per_second=rate,
    )

    def work(cancellation: "Cancellation") -> None:
        try:
            with make_simulator(options) as simulator:
                _announce(simulator)
                cancellation.wait()
        except (OSError, ValueError) as error:
            raise UsageError(f"The simulator cannot start: {error}. Choose another --port or --faults file.") from error

    run_until_stopped(work)


def _require_simulator(command: str) -> None:
    """Raise UsageError, with the command to type, where the simulator is not installed."""
    from hr_sync.cli.installing import install_command
    from hr_sync.errors import UsageError

    try:
        import confluence_simulator  # noqa: F401 -- only whether it is there
    except ModuleNotFoundError as error:
        if error.name != "confluence_simulator":
            raise
        raise UsageError(
            f"`{command}` needs the simulator, which is not installed. "
            f"In a clone of the repository, type: {install_command('./simulator')}"
        ) from error


def _announce(simulator: "Simulator") -> None:
    typer.echo(f"Confluence is simulated at {simulator.site_url}")
    typer.echo(f"username {simulator.tenant.username}, token {simulator.tenant.api_token}; Ctrl-C ends it.")
    if simulator.tenant.flavor == "cloud":
        typer.echo(f'For text.attachments: confluence.media_origins = ["{simulator.media_origin}"]')


def demo(
    pause: Annotated[bool, typer.Option("--pause", help="Wait for Enter between the steps.")] = False,
) -> None:
    """Mirror two spaces of a simulated Confluence into a real PostgreSQL, change them, and mirror them again."""
    _require_simulator("demo")
    from hr_sync.cli.commands.demo import play

    play(pause=pause)

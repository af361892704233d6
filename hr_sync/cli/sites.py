"""The option `--site`, and commands over several sites: one after another, each under its name.

With `--json` one document holds those of all sites: `{"sites": {"emea": {...}, "apac": {...}}, "exit_code": 3}`.
"""

import io
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from contextvars import ContextVar
from dataclasses import replace
from functools import cache
from typing import Annotated, Any, TextIO

import typer
from typer.core import TyperCommand
from typer.main import get_command

from hr_sync.cli.help import Commands
from hr_sync.cli.options import OutputForm, ReadSources, SettingsChoice
from hr_sync.errors import HrSyncError, NothingMirrored, UsageError

_SITE = "site"
#: Exit codes from best to worst: a message about several sites ends with the worst.
_WORST_LAST = (0, 5, 3, 4, 75, 77, 78, 2, 1)


class Turns:
    """The turns of the sites in one command: how each has ended, and what it printed.

    `are_stopped`: the process was asked to stop, so that no other site may follow.
    """

    def __init__(self, *, as_json: bool) -> None:
        self.are_stopped = False
        self._as_json = as_json
        self._documents: dict[str, object] = {}
        self._codes: list[int] = []
        self._site = ""
        self._printed = io.StringIO()
        self._outside = sys.stdout

    @contextmanager
    def of(self, site: str) -> Iterator[None]:
        """Let a site print: below its name, or as a part of the document of all."""
        self._site = site
        self._printed = Collected()
        with redirect_stdout(self._printed if self._as_json else _Headed(sys.stdout, f"Site {site}\n")):
            yield

    @property
    def are_begun(self) -> bool:
        """Return True if a site has had its turn."""
        return bool(self._codes)

    def end(self, code: int) -> None:
        """Note how the turn of the last site has ended."""
        import orjson

        self._codes.append(code)
        if self._as_json:
            self._documents[self._site] = orjson.loads(self._printed.getvalue() or "null")

    def print_all(self) -> int:
        """Print the document of all sites, if it is asked for. Return the worst exit code."""
        from hr_sync.cli.output import print_json

        worst = worst_exit_code(self._codes)
        if self._as_json:
            print_json({"sites": self._documents, "exit_code": worst})
        return worst

    def print_stopped(self, code: int) -> None:
        """Print the document of all sites in the middle of a turn, which ends with this exit code."""
        if self._as_json and not self._printed.getvalue():
            self._printed.write(f'{{"error": "Stopped on request.", "exit_code": {code}}}')
        self.end(code)
        with redirect_stdout(self._outside):
            self.print_all()
        self._outside.flush()


_TURNS: ContextVar[Turns | None] = ContextVar("turns", default=None)


def current_turns() -> Turns | None:
    """Return the turns that the command is at; None where it is about one site."""
    return _TURNS.get()


def _only_site(
    site: Annotated[
        str | None,
        typer.Option("--site", metavar="NAME", help="One of several sites in the settings.", show_default=False),
    ] = None,
) -> None:
    del site


@cache
def _site_option() -> Any:
    only = typer.Typer(add_completion=False, rich_markup_mode=None)
    only.command()(_only_site)
    return get_command(only).params[0]


class _TakesSite:
    """Adds `--site` to a command, and puts it into its `config`. Stands before the class of the command."""

    params: list[Any]

    def __init__(self, *args: Any, **options: Any) -> None:
        """Make the command, and add the option behind --config."""
        super().__init__(*args, **options)
        names = [param.name for param in self.params]
        self.params.insert(names.index("config") + 1, _site_option())

    def choose(self, context: Any) -> SettingsChoice:
        """Return what the command line means, and note it for messages."""
        site, read = context.params.pop(_SITE), ReadSources()
        chosen: SettingsChoice = replace(context.params["config"], site=site, read=read)
        _mean(context, chosen)
        return chosen


def _mean(context: Any, chosen: SettingsChoice) -> None:
    context.params["config"] = chosen
    if isinstance(context.obj, OutputForm):
        context.obj.config = chosen


@contextmanager
def _named_in_log(chosen: SettingsChoice) -> Iterator[None]:
    """Add the site that was named to each line of the log."""
    if chosen.site is None:
        yield
        return
    import structlog

    with structlog.contextvars.bound_contextvars(site=chosen.site):
        yield


class _RunsOnce(_TakesSite):
    """Runs a command once, whichever site is named."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command for the site that was named."""
        with _named_in_log(self.choose(ctx)):
            return super().invoke(ctx)  # type: ignore[misc] # of the class of the command


class AllSites(_RunsOnce, TyperCommand):
    """A command that does all sites at once by itself, or the one that is named."""


class OneSite(AllSites):
    """A command about one site. Where several are configured it has to be named: the settings cannot be read else."""


class EachSite(_TakesSite, TyperCommand):
    """A command about the site that is named, or else about all of them.

    `one_with`: options that name something of one site, or decide about it.
    """

    one_with: Sequence[str] = ()

    def invoke(self, ctx: Any) -> Any:
        """Run the command for each site."""
        chosen = self.choose(ctx)
        names = () if any(ctx.params.get(name) for name in self.one_with) else _sites_in_turn(chosen)
        if not names:
            with _named_in_log(chosen):
                return super().invoke(ctx)

        def do(site: str) -> None:
            _mean(ctx, replace(chosen, site=site))
            super(EachSite, self).invoke(ctx)

        as_json = bool(ctx.params.get("as_json"))
        form = ctx.obj if isinstance(ctx.obj, OutputForm) else OutputForm(as_json=as_json)
        raise typer.Exit(_in_turn(names, do, form, Turns(as_json=as_json)))


class OneSiteGroup(_RunsOnce, Commands):
    """A command that is about one site, and holds others."""


def each_site(*one_with: str) -> type[EachSite]:
    """Return the class of a command that is about one site only with these options."""
    return type("EachSite", (EachSite,), {"one_with": one_with})


def _sites_in_turn(chosen: SettingsChoice) -> Sequence[str]:
    """Return the sites that are to have their turn; none where one was named, or none is configured."""
    return () if chosen.site is not None else chosen.sources().sites


def worst_exit_code(codes: Sequence[int]) -> int:
    """Return the exit code that says most about what is wrong. An unknown one counts as a failure."""
    return max(codes, key=lambda code: _WORST_LAST.index(code) if code in _WORST_LAST else len(_WORST_LAST), default=0)


def _in_turn(names: Sequence[str], do: Callable[[str], None], form: OutputForm, turns: Turns) -> int:
    """Run the command for one site after the other, and print what all have to say. Return the worst exit code."""
    before = _TURNS.set(turns)
    try:
        for site in names:
            with turns.of(site):
                code = _turn(site, do, form, turns)
            turns.end(code)
            if turns.are_stopped:
                break
    finally:
        _TURNS.reset(before)
    return turns.print_all()


def _turn(site: str, do: Callable[[str], None], form: OutputForm, turns: Turns) -> int:
    """Run the command for a site. Return its exit code.

    A mistake in typing is about all sites, and found at the first. Anything else is about this one.
    """
    import structlog

    from hr_sync.cli.output import report_failure
    from hr_sync.cli.terminal import is_output_error

    with structlog.contextvars.bound_contextvars(site=site):
        try:
            do(site)
        except typer.Exit as end:
            return end.exit_code
        except HrSyncError as failure:
            if isinstance(failure, UsageError) and not (isinstance(failure, NothingMirrored) or turns.are_begun):
                raise
            report_failure(failure, as_json=form.as_json, config=form.config)
            return failure.exit_code
        except Exception as error:
            if is_output_error(error):
                raise
            structlog.get_logger(__name__).exception("site.crashed")
            bug = HrSyncError("This is a bug. The log has where it happened (site.crashed).")
            report_failure(bug, as_json=form.as_json)
            return bug.exit_code
    return 0


class Collected(io.StringIO):
    """Standard output of one site. A document of ours is UTF-8 there, whatever the terminal takes."""

    encoding = "utf-8"


class _Headed(io.TextIOBase):
    """Standard output that begins with a heading, once there is any."""

    def __init__(self, stream: TextIO, heading: str) -> None:
        self._stream = stream
        self._heading = heading

    @property
    def encoding(self) -> str:  # type: ignore[override] # of the stream below
        """Return what the stream below is written in."""
        return self._stream.encoding

    def write(self, text: str) -> int:
        """Write the heading, if it is not there yet, and the text."""
        if text and self._heading:
            heading, self._heading = self._heading, ""
            self._stream.write(heading)
        return self._stream.write(text)

    def writable(self) -> bool:
        """Return True."""
        return True

    def flush(self) -> None:
        """Write what is buffered below."""
        self._stream.flush()

    def isatty(self) -> bool:
        """Return True on a terminal."""
        return self._stream.isatty()

    def fileno(self) -> int:
        """Return the descriptor of the stream below."""
        return self._stream.fileno()

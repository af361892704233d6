"""`changes`: the feed of changes for consumers, their positions, and snapshots to begin from."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from hr_sync.cli.options import DEFAULT_SETTINGS, AsJson, Config, JsonLines, SettingsChoice
from hr_sync.cli.sites import EachSite, OneSite, OneSiteGroup

if TYPE_CHECKING:
    from hr_sync.cancellation import Cancellation
    from hr_sync.cli.feed_output import ChangeLines
    from hr_sync.settings import Settings
    from hr_sync.store.feed_store import FeedStore
    from hr_sync.store.read.feed import SnapshotOf

Name: TypeAlias = Annotated[str, typer.Option("--consumer", help="Name of the consumer.", metavar="NAME")]

changes_commands = typer.Typer(
    cls=OneSiteGroup, help="Give consumers what has changed, once and in order; a consumer begins with a snapshot."
)


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.add_typer(changes_commands, name="changes")


@changes_commands.callback(invoke_without_command=True)
def changes(
    context: typer.Context,
    config: Config = DEFAULT_SETTINGS,
    consumer: Annotated[
        str | None, typer.Option("--consumer", help="Name of the consumer.", metavar="NAME", show_default=False)
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Wait for further changes, until SIGTERM or Ctrl-C.")
    ] = False,
    compact: Annotated[
        bool, typer.Option("--compact", help="Only the last change of each page, without what has changed.")
    ] = False,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, help="At most so many changes.", show_default=False)
    ] = None,
    as_json: JsonLines = False,
) -> None:
    """Print the changes that a consumer has not acknowledged, a line each, oldest first."""
    from hr_sync.cli.feed_output import ChangeLines
    from hr_sync.errors import UsageError
    from hr_sync.feed.follow import read_changes

    if context.invoked_subcommand is not None:
        if consumer or follow or compact or limit or as_json or config != DEFAULT_SETTINGS:
            raise UsageError(
                f"Options belong behind the command: hr-sync changes {context.invoked_subcommand} --consumer NAME."
            )
        return
    if consumer is None:
        raise UsageError("Name the consumer with --consumer. `hr-sync changes consumers` lists those that there are.")
    if follow and limit is not None:
        raise UsageError("--limit ends, and --follow does not: use one of them.")
    lines = ChangeLines(as_json=as_json)
    if follow:
        _follow(config, consumer, lines, compact=compact)
        return
    with _opened_feed(config) as (feed, _), lines.until_closed():
        for change in read_changes(feed, consumer, limit=limit, compact=compact):
            lines.write(change)


@changes_commands.command("ack", cls=OneSite)
def ack(
    seq: Annotated[int, typer.Argument(metavar="SEQ", min=0, help="The last change that was dealt with.")],
    consumer: Name,
    config: Config = DEFAULT_SETTINGS,
    epoch: Annotated[
        str | None, typer.Option("--epoch", help="Epoch of that change, if the consumer noted it.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Note that a consumer has dealt with every change up to one. It is not given them again."""
    from hr_sync.cli.output import print_json
    from hr_sync.cli.terminal import one_line

    with _opened_feed(config) as (feed, _):
        position = feed.ack(consumer, seq, epoch=epoch)
    if as_json:
        print_json({"consumer": consumer, "epoch": position.epoch, "seq": position.seq})
    else:
        typer.echo(f"Consumer {one_line(consumer)} has acknowledged everything up to {position.seq}.")


@changes_commands.command("snapshot", cls=OneSite)
def snapshot(consumer: Name, config: Config = DEFAULT_SETTINGS, as_json: JsonLines = False) -> None:
    """Print everything that is live, as JSON lines, and let the consumer go on from there.

    Sections, or pages where no texts are made. The first line is the position; the last one says that it is complete.
    """
    from hr_sync.cli.feed_output import SnapshotLines

    del as_json  # it is the form in any case; the option also says how a failure is printed
    lines = SnapshotLines()
    with _opened_feed(config) as (feed, settings), lines.until_closed():
        feed.check_keeps_positions(consumer)
        feed.tell_recency()
        view: SnapshotOf = "live_sections" if settings.text.sections else "live_pages"
        position = feed.snapshot(view, lines.write, lambda position: lines.begin(view, position))
        lines.end()
        feed.start_consumer(consumer, position)


@changes_commands.command("consumers", cls=EachSite)
def consumers(config: Config = DEFAULT_SETTINGS, as_json: AsJson = False) -> None:
    """List the consumers of the feed, and how far behind each is."""
    from hr_sync.cli.feed_output import print_consumers
    from hr_sync.cli.output import print_json

    with _opened_feed(config) as (feed, _):
        found = feed.consumers()
    if as_json:
        print_json(found)
    else:
        print_consumers(found, config)


@changes_commands.command("remove", cls=OneSite)
def remove(consumer: Name, config: Config = DEFAULT_SETTINGS) -> None:
    """Forget a consumer. No changes are kept for it any more."""
    from hr_sync.cli.terminal import one_line
    from hr_sync.errors import UsageError

    with _opened_feed(config) as (feed, _):
        is_known = feed.remove_consumer(consumer)
    if not is_known:
        raise UsageError(
            f"There is no consumer {one_line(consumer)}. `hr-sync changes consumers` lists those that there are."
        )
    typer.echo(f"Consumer {one_line(consumer)} is removed.")


def _follow(config: SettingsChoice, consumer: str, lines: "ChangeLines", *, compact: bool) -> None:
    from hr_sync.cli.stopping import run_until_stopped
    from hr_sync.feed.follow import follow_changes

    def work(cancellation: "Cancellation") -> None:
        with _opened_feed(config) as (feed, _), lines.until_closed():
            follow_changes(feed, consumer, lines.write, cancellation, compact=compact, is_over=lines.is_closed)

    run_until_stopped(work)


@contextmanager
def _opened_feed(config: SettingsChoice) -> "Iterator[tuple[FeedStore, Settings]]":
    from hr_sync.cli.bootstrap import open_settings, open_store
    from hr_sync.store.schema import check_schema

    settings = open_settings(config)
    with open_store(settings, tables=check_schema) as store:
        yield store.feed, settings

"""Prints the feed: a line for each change or row, flushed at once, until nobody reads any more."""

import select
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from hr_sync.cli.options import DEFAULT_SETTINGS, SettingsChoice, with_config
from hr_sync.cli.output import print_json_line
from hr_sync.cli.terminal import Rows, make_console, moment, one_line, print_message
from hr_sync.domain.feed import ConsumerState

if TYPE_CHECKING:
    from hr_sync.domain.feed import Consumer, FeedChange, FeedPosition


class Lines:
    """Lines on standard output."""

    @contextmanager
    def until_closed(self) -> Iterator[None]:
        """End the block quietly when nobody reads standard output any more."""
        with suppress(BrokenPipeError):
            yield

    def is_closed(self) -> bool:
        """Return True if nobody reads standard output any more, also while there is nothing to print."""
        poll = select.poll()
        poll.register(sys.stdout.fileno(), 0)
        return bool(poll.poll(0))


class ChangeLines(Lines):
    """Changes, for programs or for people."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json

    def write(self, change: "FeedChange") -> None:
        """Print one change."""
        if self._as_json:
            print_json_line(asdict(change))
            return
        sections = [
            f"{len(ids)} sections {word}"
            for word, ids in (
                ("added", change.sections_added),
                ("changed", change.sections_changed),
                ("removed", change.sections_removed),
            )
            if ids
        ]
        what = ", ".join([*(change.changed_fields or ()), *sections])
        words = (change.seq, moment(change.changed_at), change.space_key, change.page_id, change.action, what)
        sys.stdout.write(" ".join(one_line(word) for word in words) + "\n")
        sys.stdout.flush()


class SnapshotLines(Lines):
    """The rows of a snapshot as JSON objects. The first line is the position, the last one says that it is complete."""

    def __init__(self) -> None:
        self._kind = ""
        self._rows = 0

    def begin(self, view: str, position: "FeedPosition") -> None:
        """Print from where a consumer goes on afterwards."""
        self._kind = "section" if view == "live_sections" else "page"
        print_json_line({"kind": "snapshot", "of": view, **asdict(position)})

    def write(self, row: Mapping[str, Any]) -> None:
        """Print one row."""
        print_json_line({"kind": self._kind, **row})
        self._rows += 1

    def end(self) -> None:
        """Print that this was everything."""
        print_json_line({"kind": "end", "rows": self._rows})


def print_consumers(consumers: "Sequence[Consumer]", config: SettingsChoice = DEFAULT_SETTINGS) -> None:
    """Print consumers, a line each, and what those need that cannot go on."""
    from hr_sync.store.read.feed import snapshot_command

    if not consumers:
        start = "No consumer is known. One begins with `hr-sync changes snapshot --consumer NAME`."
        make_console().print(with_config(start, config), soft_wrap=True)
        return
    table = Rows("consumer", "state", ">acknowledged", ">behind", ">seconds", "last seen")
    for each in consumers:
        state = each.state.value.replace("_", " ")
        behind = (each.lag_rows, round(each.lag.total_seconds()))
        table.add(each.name, state, each.position.seq, *behind, moment(each.seen_at))
    make_console().print(table.table)
    for each in consumers:
        if each.state is not ConsumerState.CURRENT:
            lost = f"{each.name} cannot go on from its position: `{snapshot_command(each.name)}`."
            print_message(with_config(lost, config))

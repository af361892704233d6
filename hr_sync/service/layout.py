"""What all pages have in common: the document, tables, times and durations."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from hr_sync.service.html import Html, join, tag
from hr_sync.service.style import STYLE

NUMBER = "number"
WORDS = "words"


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """One column: its heading, and the class of its cells."""

    heading: str
    kind: str | None = None


def column(heading: str, kind: str | None = None) -> Column:
    """Make a column."""
    return Column(heading=heading, kind=kind)


def document(title: str, *body: object) -> Html:
    """Make a whole document."""
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("link", rel="icon", href="data:,"),
        tag("title", title),
        tag("style", STYLE),
    )
    return join(Html("<!doctype html>\n"), tag("html", head, tag("body", tag("main", *body)), lang="en"))


def table(caption: str, columns: Sequence[Column], rows: Sequence[Sequence[object]], *, empty: str = "") -> Html:
    """Make a table whose first column heads its row, or a sentence when there are no rows.

    It scrolls within itself where it is too wide, and by keyboard too.
    """
    if not rows:
        return tag("p", empty)
    heads = [tag("th", each.heading, scope="col", class_=each.kind) for each in columns]
    lines = [
        tag(
            "tr",
            tag("th", row[0], scope="row", class_=columns[0].kind),
            *(tag("td", cell, class_=each.kind) for cell, each in zip(row[1:], columns[1:], strict=True)),
        )
        for row in rows
    ]
    whole = tag("table", tag("caption", caption), tag("thead", tag("tr", *heads)), tag("tbody", *lines))
    return tag("div", whole, class_="wide", tabindex=0, role="region", aria_label=caption)


def moment(when: datetime) -> Html:
    """Show a time in UTC, to the second."""
    utc = when.astimezone(UTC)
    return tag("time", f"{utc:%Y-%m-%d %H:%M:%S} UTC", datetime=utc.isoformat(timespec="seconds"))


def ago(age: timedelta | None) -> Html:
    """Show an age in the largest unit that fits."""
    if age is None:
        return tag("span", "never", class_="nowrap")
    seconds = max(0, int(age.total_seconds()))
    units = ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s"))
    size, unit = next((each for each in units if seconds >= each[0]), (1, "s"))
    return tag("span", f"{seconds // size} {unit} ago", class_="nowrap")


def prose(text: str) -> Html:
    """Show a message; what stands in backticks in it is a command."""
    return join(*(tag("code", part) if place % 2 else part for place, part in enumerate(text.split("`"))))

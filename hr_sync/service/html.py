"""The HTML pages, made from the templates beside this module. Pages load nothing from other hosts."""

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from hr_sync import __version__
from hr_sync.domain.access import AccessMode
from hr_sync.domain.not_mirrored import not_mirrored_in_words
from hr_sync.domain.outcome import look_command, release_command
from hr_sync.domain.printed_commands import complete_commands
from hr_sync.service.health import Health, ScheduleSnapshot
from hr_sync.service.progress import Progress
from hr_sync.store.read.history import PageHistory, StoredFacts
from hr_sync.store.read.overview import Overview

# Characters that a terminal or browser interprets: controls, and marks that change the direction of writing.
_INVISIBLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
# Confluence's addresses end with the title; labels reveal the subject of a page, readers the people.
_CONFIDENTIAL = {"url", "labels", "readers"}
_MOST_RUNS = 15
_UNITS = ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Activity:
    """The current and the next work of the service, and its Confluence."""

    schedule: ScheduleSnapshot
    progress: Mapping[str, Progress]  #: spaces whose pages are being fetched, by key
    site: str | None  #: base address of pages in a browser, without a slash at its end; None: not known

    def link(self, page_id: str) -> str | None:
        """Return the address of a page in Confluence, without its title."""
        if self.site is None or not page_id.isalnum():
            return None
        return f"{self.site}/pages/viewpage.action?pageId={page_id}"


class Pages:
    """Renders each page of the service. Every value is escaped, whichever template shows it.

    `site`: the one of several sites that the pages are about.
    """

    def __init__(self, site: str | None = None) -> None:
        self._templates = Environment(
            loader=PackageLoader("hr_sync.service"),
            autoescape=True,
            finalize=_visible,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters |= {
            "moment": _moment,
            "ago": _ago,
            "commands": lambda text, of=site: _commands(complete_commands(text or "", site=of)),
            "seconds": _seconds,
            "until": _until,
        }
        style = self._templates.get_template("style.css").render()
        option = "" if site is None else f" --site {site}"
        self._templates.globals |= {
            "style": Markup(style),  # noqa: S704 -- ours
            "look": lambda key: look_command(key) + option,
            "release": lambda key: release_command(key) + option,
            "site_option": option,
            "root": "" if site is None else path_of_site(site),
            "site_name": site,
        }
        #: Source of the style sheet for a content security policy.
        self.style_source = f"'sha256-{base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()}'"

    def status(
        self, overview: Overview, health: Health, activity: Activity, *, now: datetime, show_titles: bool
    ) -> str:
        """Return the status page. Names of spaces are shown together with the titles of pages, or not at all."""
        lanes = activity.schedule.lanes
        return self._templates.get_template("status.html").render(
            overview=overview,
            health=health,
            fresh={space.space_key: space.freshness.ok for space in health.spaces},
            health_by_space={space.space_key: space for space in health.spaces},
            status_by_space={space.space_key: space for space in overview.spaces},
            enforced=overview.policy is not None and overview.policy.mode is AccessMode.ENFORCE,
            runs=overview.runs[:_MOST_RUNS],
            not_mirrored=not_mirrored_in_words(overview.not_mirrored),
            now=now,
            show_titles=show_titles,
            activity=activity,
            running=[lane for lane in lanes if lane.running],
            next_runs=sorted((at, job) for lane in lanes for job, at in lane.next_runs.items()),
            version=__version__,
        )

    def page(
        self, page_id: str, history: PageHistory, *, title: str | None, show_titles: bool, link: str | None = None
    ) -> str:
        """Return the page of one mirrored page, with a link to Confluence; sends no request there."""
        return self._templates.get_template("page.html").render(
            page_id=page_id,
            title=title,
            link=link,
            history=history,
            facts=_facts(history.stored, show_titles=show_titles) if history.stored else None,
        )

    def sites(self, states: Mapping[str, Health], *, now: datetime) -> str:
        """Return the page that leads to the status page of each site."""
        return self._templates.get_template("sites.html").render(
            states=states, paths={site: path_of_site(site) for site in states}, now=now, version=__version__
        )

    def message(self, heading: str, message: str) -> str:
        """Return a page with one message."""
        return self._templates.get_template("message.html").render(heading=heading, message=message)


def path_of_site(site: str) -> str:
    """Return how the paths of one of several sites begin."""
    return f"/sites/{site}"


def _facts(stored: StoredFacts, *, show_titles: bool) -> Sequence[tuple[str, object]]:
    """Return names and values of the columns that are set, without what is confidential unless titles are shown."""
    return [
        (each.name.replace("_", " "), value)
        for each in fields(stored)
        if (value := getattr(stored, each.name)) is not None and (show_titles or each.name not in _CONFIDENTIAL)
    ]


def _visible(value: object) -> object:
    """Return a value as text in which nothing is invisible; HTML of our own as it is, None as nothing."""
    if value is None:
        return ""
    return value if isinstance(value, Markup) else _INVISIBLE.sub("\N{REPLACEMENT CHARACTER}", str(value))


def _moment(value: object) -> object:
    """Show a time in UTC, to the second; a list as its entries; anything else as it is."""
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    if not isinstance(value, datetime):
        return value
    utc = value.astimezone(UTC)
    markup = Markup('<time datetime="{}">{} UTC</time>')
    return markup.format(utc.isoformat(timespec="seconds"), f"{utc:%Y-%m-%d %H:%M:%S}")


def _ago(age: timedelta | None) -> str:
    """Show an age in the largest unit that fits."""
    if age is None:
        return "never"
    seconds = max(0, int(age.total_seconds()))
    size, unit = next((each for each in _UNITS if seconds >= each[0]), _UNITS[-1])
    return f"{seconds // size} {unit} ago"


def _until(moment: datetime, now: datetime) -> str:
    """Show how far ahead a moment is."""
    seconds = max(0, int((moment - now).total_seconds()))
    size, unit = next((each for each in _UNITS if seconds >= each[0]), _UNITS[-1])
    return f"in {seconds // size} {unit}"


def _commands(text: str) -> Markup:
    """Show a message; what stands in backticks in it is a command."""
    parts = text.split("`")
    shown = (Markup("<code>{}</code>") if number % 2 else Markup("{}") for number in range(len(parts)))
    return Markup("").join(markup.format(_visible(part)) for markup, part in zip(shown, parts, strict=True))


def _seconds(started: datetime, finished: datetime | None) -> str:
    """Show how long a run took; nothing if it has not ended."""
    return "" if finished is None else f"{(finished - started).total_seconds():.1f} s"

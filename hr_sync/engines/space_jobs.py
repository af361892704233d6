"""The job of one space, and what is due. Every engine is an adapter around these two functions."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager, nullcontext
from contextvars import copy_context
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from structlog.contextvars import bound_contextvars

from hr_sync import __version__
from hr_sync.cancellation import Cancellation
from hr_sync.domain.outcome import Mode, RunReport
from hr_sync.domain.rounds import Cadence, DueSpace
from hr_sync.engines.space_result import SpaceResult, nothing_done, result_of
from hr_sync.errors import HrSyncError, UsageError

if TYPE_CHECKING:
    from hr_sync.cli.shared_sites import SharedSite
    from hr_sync.service.schedule import Trigger
    from hr_sync.settings import Settings
    from hr_sync.store.store import Store
    from hr_sync.sync.context import SyncContext, SyncRequest

ConfigFile: TypeAlias = "str | PathLike[str] | None"  #: None: as for the commands, by HR_SYNC_CONFIG or config.toml
Result = TypeVar("Result")

_MODES = (Mode.FULL, Mode.INCREMENTAL, Mode.ACCESS)


@dataclass(frozen=True, slots=True)
class SiteSettings:
    """The settings of one of several sites in a file."""

    file: Path
    site: str | None = None


def run_space(
    space_key: str,
    mode: Mode | str,
    config: ConfigFile = None,
    *,
    site: str | None = None,
    only_if_due: bool = True,
    cancellation: Cancellation | None = None,
) -> SpaceResult:
    """Do the pass over a space that is due, under its lease, and return how it ended.

    A space that is not due, or that another worker is at work on, is left alone: a task that comes twice does no harm.
    What leaves counts to the limit of the round over all spaces. Not `only_if_due`: do it in any case, as `hr-sync run
    --space KEY` does, and wait for the lease. `site`: which one, where the settings have several.

    A set `cancellation` (one for each call) stops the job within seconds, and so does an exception that a signal
    handler raises in the calling thread. What was committed stays.

    Raise UsageError for a space that is not in the scope and for a mode that cannot be scheduled, ConfigurationError
    for wrong settings, and DatabaseUnavailable if there is nowhere to write how it ended. All are HrSyncError, and have
    an `exit_code`.
    """
    return run_space_through(None, space_key, mode, config, site, only_if_due=only_if_due, cancellation=cancellation)


def run_space_through(
    shared: "SharedSite | None",
    space_key: str,
    mode: Mode | str,
    config: ConfigFile,
    site: str | None,
    *,
    only_if_due: bool = True,
    cancellation: Cancellation | None = None,
) -> SpaceResult:
    """Do the same over the connections, and by the rate of the site, that other calls of this process share.

    Where the site limits the rate, a job that others keep waiting does nothing. Raise Stopped for one that is stopped
    while it waits.
    """
    from hr_sync.cli.texts import check_attachment_texts
    from hr_sync.sync.context import SyncRequest

    mode = _mode(mode)
    settings = _settings(config, site)
    check_attachment_texts(settings)
    stop = cancellation or Cancellation()

    def work() -> RunReport | None:
        with _Opened.of(settings, stop, shared) as opened:
            cadence = opened.cadences((mode,))[mode] if only_if_due else None
            request = SyncRequest(mode=mode, space_keys=(space_key,), cadence=cadence)
            # A task that came twice asks Confluence nothing, and waits for no turn.
            if not opened.may_be_due(request):
                return None
            with shared.turn(mode, stop.is_set) if shared else nullcontext(True) as is_begun:
                if not is_begun:
                    stop.check()
                    return None
                return opened.run(request) if opened.may_be_due(request) else None

    report = _until_interrupted(work, stop)
    return nothing_done(space_key, mode) if report is None else result_of(report, space_key)


def site_names(config: ConfigFile = None) -> Sequence[str]:
    """Return the sites that the settings have; none where they are those of one site. Raise ConfigurationError."""
    from hr_sync.settings import site_names as names_in

    return names_in(None if config is None else Path(config))


def due_spaces(
    config: ConfigFile = None, *, site: str | None = None, cancellation: Cancellation | None = None
) -> Sequence[DueSpace]:
    """Return the spaces that are due and that nobody is at work on, each once, in the order of their turns.

    The schedule of the settings (`sync.full_interval_minutes` and the like) says what is due. Where something is,
    Confluence is asked for the spaces in scope, so that new ones are among them. Otherwise it is not asked.
    `site`: which one, where the settings have several.

    Raise HrSyncError if Confluence or the database cannot be reached: then there is nothing that could be done.
    """
    return due_spaces_through(None, config, site, cancellation)


def due_spaces_through(
    shared: "SharedSite | None", config: ConfigFile, site: str | None, cancellation: Cancellation | None = None
) -> Sequence[DueSpace]:
    """Do the same over shared connections, and ask Confluence for the spaces in scope once a minute at most."""
    from hr_sync.sync.due_rounds import open_rounds

    settings = _settings(config, site)
    stop = cancellation or Cancellation()

    def work() -> Sequence[DueSpace]:
        with _Opened.of(settings, stop, shared) as opened:
            store, cadences = opened.store, opened.cadences(_MODES)
            waiting = {mode: each for mode, each in cadences.items() if store.due.has_work(mode, each)}
            if not waiting:
                return []

            def begin() -> None:
                open_rounds(opened.context(), waiting)

            if shared is None:
                begin()
            elif not shared.begin_rounds(begin):
                return []
            return store.due.spaces(list(cadences))

    return _until_interrupted(work, stop)


def prune(config: ConfigFile = None, *, site: str | None = None, cancellation: Cancellation | None = None) -> None:
    """Delete what is older than the settings keep. Call it once a day, where no `hr-sync serve` does it.

    Raise DatabaseUnavailable if there is no database.
    """
    from hr_sync.cli import retention

    settings = _settings(config, site)
    stop = cancellation or Cancellation()

    def work() -> None:
        with _Opened.of(settings, stop) as opened:
            retention.prune(settings, opened.store, stop)

    _until_interrupted(work, stop)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Opened:
    """Settings, database, and a way to Confluence for one call."""

    settings: "Settings"
    store: "Store"
    context: "Callable[[], SyncContext]"

    @classmethod
    @contextmanager
    def of(cls, settings: "Settings", stop: Cancellation, shared: "SharedSite | None" = None) -> "Iterator[_Opened]":
        """Open the database, and create the tables if they are missing, as `hr-sync run` does, or take what is open."""
        from hr_sync.cli.bootstrap import make_context, open_store
        from hr_sync.cli.shared_rate import shared_gate
        from hr_sync.cli.stopping import deadline
        from hr_sync.confluence.http.stats import HttpStats
        from hr_sync.store.schema import ensure_schema
        from hr_sync.store.values import Worker

        worker, stats = Worker.current(), HttpStats()
        with (
            bound_contextvars(**({} if settings.site is None else {"site": settings.site})),
            deadline(stop, settings.sync.run_deadline_minutes * 60),
            # No views over all sites: jobs are many.
            shared.open_store(settings) if shared else open_store(settings, tables=ensure_schema) as store,
            shared_gate(store, worker, stats, shared.gate if shared else None) as gate,
        ):
            yield cls(
                settings=settings,
                store=store,
                context=lambda: make_context(settings, store, stop, stats=stats, worker=worker, gate=gate),
            )

    def cadences(self, modes: Sequence[Mode]) -> Mapping[Mode, Cadence]:
        """Return how often spaces are due in these modes. Raise UsageError if nothing schedules them."""
        from hr_sync.cli.shared_runs import cadence_at

        now = self.store.now()
        triggers = {mode: _trigger(self.settings, mode) for mode in modes}
        found = {mode: cadence_at(self.settings, each, now) for mode, each in triggers.items() if each is not None}
        if not found:
            raise UsageError(
                f"Nothing schedules {modes[0]} runs. Set access.interval_minutes, or leave only_if_due out."
            )
        return found

    def may_be_due(self, request: "SyncRequest") -> bool:
        """Return False if the space of a request is not due, or if another worker is at work on it."""
        cadence, (space_key,) = request.cadence, request.space_keys
        return cadence is None or self.store.due.may_be_due(request.mode, space_key, cadence)

    def run(self, request: "SyncRequest") -> RunReport:
        """Do a run, and make the texts of its pages."""
        from hr_sync.cli.texts import TextMaker
        from hr_sync.store.values import Worker
        from hr_sync.sync.run import record_failed_start, run

        try:
            context = self.context()
        except HrSyncError as failure:
            return record_failed_start(self.store, Worker.current(), __version__, request, failure)
        report = run(context, request)
        return TextMaker().make(self.settings, context, report) if report.spaces else report


def _mode(name: Mode | str) -> Mode:
    found = next((mode for mode in _MODES if str(mode) == str(name)), None)
    if found is None:
        raise UsageError(f"{name} is no mode of a space job. Write {', '.join(_MODES)}.")
    return found


def _trigger(settings: "Settings", mode: Mode) -> "Trigger | None":
    from hr_sync.cli.schedule import access_trigger, full_trigger, incremental_trigger

    made: Mapping[Mode, Callable[[Settings], Trigger | None]] = {
        Mode.FULL: full_trigger,
        Mode.INCREMENTAL: incremental_trigger,
        Mode.ACCESS: access_trigger,
    }
    return made[mode](settings)


def _settings(config: ConfigFile, site: str | None) -> "Settings":
    from hr_sync.logs import join_logging
    from hr_sync.settings import load_settings, secret_values

    settings = load_settings(None if config is None else Path(config), site=site)
    join_logging(secret_values(settings))
    return settings


def _until_interrupted(work: Callable[[], Result], stop: Cancellation) -> Result:
    """Do the work in a thread, so that an exception of a signal handler in this one stops it. Return as it does."""
    context = copy_context()  # what the caller has bound to its log
    with ThreadPoolExecutor(1, thread_name_prefix="work") as pool:
        try:
            done = pool.submit(context.run, work)
            wait([done])
        except BaseException:
            stop.set("by the engine")
            raise
        return done.result()

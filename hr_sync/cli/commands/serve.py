"""`serve`: the long-running container. Wires schedule, runs, metrics and HTTP together, for one site or several."""

import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager, suppress
from contextvars import copy_context
from functools import partial
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

import typer

from hr_sync.cli.options import DEFAULT_SETTINGS, Config, SettingsChoice, with_config
from hr_sync.cli.sites import AllSites
from hr_sync.errors import ConfigurationError, DatabaseConflict, HrSyncError

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from hr_sync.cancellation import Cancellation
    from hr_sync.cli.served_site import ServedSite
    from hr_sync.cli.stopping import HeldLeases
    from hr_sync.service.web import Endpoints
    from hr_sync.settings import Settings


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command(cls=AllSites)(serve)


def serve(config: Config = DEFAULT_SETTINGS) -> None:
    """Update the mirror on a schedule until SIGTERM, with health, metrics and a status page over HTTP."""
    from hr_sync.cli.bootstrap import open_database, open_each_settings
    from hr_sync.cli.stopping import HeldLeases, run_until_stopped
    from hr_sync.cli.texts import check_attachment_texts

    sites = [CurrentSettings(each) for each in open_each_settings(config)]
    check_service(sites[0].settings)
    for each in sites:
        check_attachment_texts(each.settings)
    Reloading(config, sites).start()
    leases = HeldLeases()

    def work(cancellation: "Cancellation") -> None:
        with open_database(sites[0].settings, sites=len(sites)) as engine:
            _serve(sites, engine, leases, cancellation)

    run_until_stopped(work, clean_up=leases.release)


def check_service(settings: "Settings") -> None:
    """Raise ConfigurationError if other machines could read the service without a token."""
    from hr_sync.service.auth import is_loopback

    if settings.service.token is None and not is_loopback(settings.service.host):
        source = settings.source_of("service.host")
        raise ConfigurationError(
            f"service.host{f' ({source})' if source else ''} lets other machines connect, and there is no token. Set "
            "service.token, best in a file named by HR_SYNC_SERVICE__TOKEN_FILE, or listen on 127.0.0.1."
        )


class CurrentSettings:
    """The settings of a site that are in force: they apply to the next run, and to the scope that is shown."""

    def __init__(self, settings: "Settings") -> None:
        self.settings = settings

    def in_force(self) -> "Settings":
        """Return the settings now."""
        return self.settings

    def replace(self, fresh: "Settings") -> Sequence[str]:
        """Put other settings in force. Return the groups whose change needs a restart."""
        old, self.settings = self.settings, fresh
        groups = ("database", "sync", "access", "service", "log")
        return [group for group in groups if getattr(fresh, group) != getattr(old, group)]


class Reloading:
    """Reads the settings again on SIGHUP, in a thread of its own.

    A handler of signals may interrupt another one: where two reloads were nested, the settings that were read first
    would be put in force last.
    """

    def __init__(self, config: SettingsChoice, sites: Sequence[CurrentSettings]) -> None:
        self._config = config
        self._sites = sites
        self._requests: SimpleQueue[None] = SimpleQueue()  # a handler may put into it whatever it interrupts

    def start(self) -> None:
        """Handle SIGHUP from now on."""
        # With what is bound to the log: the site, where only one is served.
        reading = partial(copy_context().run, self._reload_on_request)
        threading.Thread(target=reading, name="settings", daemon=True).start()
        signal.signal(signal.SIGHUP, lambda *_: self._requests.put(None))

    def _reload_on_request(self) -> None:
        import structlog

        while True:
            self._requests.get()
            with suppress(Empty):  # those that came meanwhile want the same
                while True:
                    self._requests.get_nowait()
            try:
                self.reload()
            except Exception:  # noqa: BLE001 -- the next request must still be heard
                structlog.get_logger(__name__).exception("settings.not_reloaded")

    def reload(self) -> None:
        """Read the settings again. A mistake keeps the old ones in force; changes that need a restart are logged."""
        import structlog

        from hr_sync.cli.bootstrap import load_each_settings

        log = structlog.get_logger(__name__)
        try:
            fresh = {each.site: each for each in load_each_settings(self._config.again())}
        except HrSyncError as error:  # also where the site is not there any more
            log.error("settings.refused", error=str(error))  # noqa: TRY400 -- the message says it all
            return
        needs_restart = [] if fresh.keys() == {each.settings.site for each in self._sites} else ["sites"]
        for each in self._sites:
            if (found := fresh.get(each.settings.site)) is not None:
                needs_restart += each.replace(found)
        log.info("settings.reloaded", needs_restart=list(dict.fromkeys(needs_restart)))


def _serve(
    sites: Sequence[CurrentSettings], engine: "Engine", leases: "HeldLeases", cancellation: "Cancellation"
) -> None:
    from hr_sync.store.union import keep_union

    served, endpoints = open_sites(sites, engine, leases)
    if sites[0].settings.schemas:
        keep_union(engine, sites[0].settings.schemas)
    with _opened_web(sites[0].settings, endpoints):
        _keep_running(served, cancellation)


def open_sites(
    sites: Sequence[CurrentSettings], engine: "Engine", leases: "HeldLeases"
) -> "tuple[Sequence[ServedSite], Mapping[str | None, Endpoints]]":
    """Return the sites that can be served, and what is shown of every one. Raise HrSyncError if there is none.

    A site whose schema or schedule is wrong, or whose tables somebody is at work on, is left out until a restart.
    """
    import structlog

    from hr_sync.cli.served_site import ServedSite, endpoints_without_runs
    from hr_sync.store.engine import in_schema
    from hr_sync.store.schema import ensure_schema
    from hr_sync.store.store import Store
    from hr_sync.store.values import Worker

    worker = Worker.current()
    served: list[ServedSite] = []
    endpoints: dict[str | None, Endpoints] = {}
    for each in sites:
        site = each.settings.site
        store = Store(in_schema(engine, each.settings.database.schema_name))  # a forced stop cancels its statements
        try:
            ensure_schema(store.engine)
            served.append(ServedSite(each.in_force, store, worker))
        except (ConfigurationError, DatabaseConflict) as failure:
            if len(endpoints) + 1 == len(sites) and not served:
                raise
            error = with_config(str(failure), SettingsChoice(site=site))
            structlog.get_logger(__name__).error("site.not_served", site=site, error=error)
            endpoints[site] = endpoints_without_runs(each.in_force, store, type(failure)(error))
        else:
            leases.are_in(store, worker)
            endpoints[site] = served[-1].endpoints
    return served, endpoints


def _keep_running(served: "Sequence[ServedSite]", cancellation: "Cancellation") -> None:
    """Let every site do its runs until they are cancelled. The end of one by a bug ends the process."""
    if len(served) == 1:
        served[0].keep_running(cancellation)
        return
    with ThreadPoolExecutor(len(served), thread_name_prefix="site") as pool:
        running = [pool.submit(each.keep_running, cancellation) for each in served]
        try:
            wait(running, return_when=FIRST_EXCEPTION)
        finally:
            cancellation.set()
    for each in running:
        each.result()


@contextmanager
def _opened_web(settings: "Settings", endpoints: "Mapping[str | None, Endpoints]") -> Iterator[None]:
    """Serve HTTP until the block ends. Raise ConfigurationError if the address cannot be opened."""
    from hr_sync.service.web import start_web
    from hr_sync.service.web_of_sites import start_web_of_sites

    host, port = settings.service.host, settings.service.port
    named = {site: each for site, each in endpoints.items() if site is not None}
    with ExitStack() as stack:
        try:
            if named:
                stack.enter_context(start_web_of_sites(host, port, named))
            else:
                stack.enter_context(start_web(host, port, endpoints[None]))
        except OSError as error:
            raise ConfigurationError(
                f"service.host and service.port: {host} port {port} cannot be opened ({error.strerror or error}). "
                "Choose another one, or stop the process that uses it."
            ) from None
        yield

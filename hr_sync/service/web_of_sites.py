"""The HTTP application of several sites: one index, and below `/sites/NAME` what a single site has.

| path | of all sites |
|---|---|
| `/livez`, `/readyz` | 200 means it of every site |
| `/healthz` | the worst state; with the token that of each site by its name |
| `/metrics` | the metrics of all, with a label `site` |
| `/` | the state of each site, and the way to its page |
| `/notify` | nothing: a notification is about one site, `/sites/NAME/notify` |
"""

import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from http import HTTPStatus
from wsgiref.types import StartResponse, WSGIEnvironment

from hr_sync.domain.printed_commands import complete_commands
from hr_sync.errors import HrSyncError
from hr_sync.service.auth import may_read
from hr_sync.service.health import Health, HealthState
from hr_sync.service.html import path_of_site
from hr_sync.service.site_metrics import exposition_of_sites
from hr_sync.service.web import (
    MOST_PAGES,
    Answer,
    Application,
    Endpoints,
    Probes,
    Running,
    SiteApplication,
    health_document,
    health_of_site,
    json_answer,
    not_notified,
    start_application,
    text_answer,
)

_STATES = list(HealthState)


@contextmanager
def start_web_of_sites(host: str, port: int, sites: Mapping[str, Endpoints]) -> Iterator[Running]:
    """Serve until the block ends; port 0 lets the system choose. Raise OSError when the port is taken."""
    with start_application(host, port, _BySite(sites)) as running:
        yield running


class _BySite:
    """Leads a request to the site that its path names, or to the view over all."""

    def __init__(self, sites: Mapping[str, Endpoints]) -> None:
        slots = threading.BoundedSemaphore(MOST_PAGES)
        self._all = _AllSites(sites, slots)
        self._sites = {path_of_site(name): SiteApplication(each, slots) for name, each in sites.items()}

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        for begin, application in self._sites.items():
            if path == begin or path.startswith(f"{begin}/"):
                inside = environ | {"SCRIPT_NAME": begin, "PATH_INFO": path.removeprefix(begin) or "/"}
                return application(inside, start_response)
        if re.fullmatch("/sites/[^/]*/notify", path) and environ["REQUEST_METHOD"] == "POST":
            environ = environ | {"PATH_INFO": "/notify"}
        return self._all(environ, start_response)


class _AllSites(Application):
    def __init__(self, sites: Mapping[str, Endpoints], slots: threading.BoundedSemaphore) -> None:
        def ready() -> None:
            for name, each in sites.items():
                try:
                    each.ready()
                except HrSyncError as failure:
                    raise HrSyncError(f"{name}: {complete_commands(str(failure), site=name)}") from failure

        token = next(iter(sites.values())).token  # the same for all
        probes = Probes(alive=lambda: all(each.alive() for each in sites.values()), ready=ready, token=token)
        super().__init__(probes, slots)
        self._sites = sites

    def show(self, path: str, query: str) -> Answer:
        """Return the metrics of all sites, or the page that leads to each."""
        del query
        if path == "/metrics":
            metrics = {name: each.metrics.registry for name, each in self._sites.items()}
            return Answer(body=exposition_of_sites(metrics), kind="text/plain; version=0.0.4; charset=utf-8")
        if path == "/":
            return Answer(body=self._pages.sites(self._health_by_site(), now=datetime.now(UTC)))
        return self._not_found("There is nothing here. What is about one site is below /sites/NAME.")

    def health(self, *, may: bool) -> Answer:
        """Answer how well the mirrors are: as well as the worst of them."""
        by_site = self._health_by_site()
        worst = max((each.state for each in by_site.values()), key=_STATES.index)
        detail = {"sites": {name: health_document(each, name) for name, each in by_site.items()}} if may else {}
        is_well = worst is HealthState.WELL
        return json_answer({"ok": is_well, "state": worst} | detail, ok=is_well)

    def notified(self, environ: WSGIEnvironment) -> Answer:
        """Refuse what is about no site, as a site does without a token: nobody else is told which sites there are."""
        if not may_read(environ.get("HTTP_AUTHORIZATION", ""), self._probes.token):
            return not_notified()
        return text_answer("Name the site: POST to /sites/NAME/notify.", HTTPStatus.NOT_FOUND)

    def _health_by_site(self) -> dict[str, Health]:
        return {name: health_of_site(each) for name, each in self._sites.items()}

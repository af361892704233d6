"""`verify` and `explain`: compare the mirror with Confluence or search it; show why a page is or is not in it.

They write nothing, but for the result of an audit of access.
"""

from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from hr_sync.cli.options import DEFAULT_SETTINGS, AsJson, Config, SettingsChoice, Spaces
from hr_sync.cli.sites import OneSite, each_site
from hr_sync.errors import UsageError

if TYPE_CHECKING:
    from hr_sync.cancellation import Cancellation
    from hr_sync.settings import Settings
    from hr_sync.sync.audit import Audit


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command(cls=each_site("space"))(verify)
    app.command(cls=OneSite)(explain)


def verify(
    config: Config = DEFAULT_SETTINGS,
    space: Spaces = None,
    sample: Annotated[
        int, typer.Option("--sample", min=0, help="Compare this many bodies of each space, chosen at random, by hash.")
    ] = 100,
    access: Annotated[
        int | None,
        typer.Option(
            "--access",
            min=1,
            max=10_000,
            metavar="N",
            help="Ask Confluence for N pairs of a page and a user who may read what, and compare nothing else (Cloud).",
        ),
    ] = None,
    erased: Annotated[
        str | None,
        typer.Option(
            "--erased",
            metavar="PAGE|USER",
            help="Search every table for a page (id or URL), a user, or any other words, and compare nothing: is "
            "anything left?",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compare the mirror with Confluence, every page by its head and some by their body; exit 3 when they differ."""
    if erased is not None:
        if space or access is not None:
            raise UsageError("--erased searches every table: leave --space and --access out.")
        _verify_erased(config, erased, as_json=as_json)
    if access is not None:
        if space:
            raise UsageError("--access draws from all spaces: leave --space out.")
        _verify_access(config, access, as_json=as_json)
    from hr_sync.cli.bootstrap import open_context, open_settings
    from hr_sync.cli.output import print_audit, print_json
    from hr_sync.cli.stopping import run_until_stopped
    from hr_sync.store.schema import check_schema
    from hr_sync.sync.audit import audit
    from hr_sync.sync.context import SyncRequest

    settings = open_settings(config)

    def work(cancellation: "Cancellation") -> "Audit":
        with open_context(settings, cancellation, tables=check_schema) as context:
            return audit(context, SyncRequest(space_keys=tuple(space or ())), sample=sample)

    found = run_until_stopped(work, as_json=as_json)
    _write_metrics(settings, found)
    if as_json:
        print_json(found)
    else:
        print_audit(found)
    raise typer.Exit(found.exit_code)


def _verify_access(config: SettingsChoice, number: int, *, as_json: bool) -> NoReturn:
    from hr_sync.cli.bootstrap import open_context, open_settings
    from hr_sync.cli.output import print_access_audit, print_json
    from hr_sync.cli.stopping import run_until_stopped
    from hr_sync.store.schema import check_schema
    from hr_sync.sync.access_audit import AccessAudit, audit_access

    settings = open_settings(config)

    def work(cancellation: "Cancellation") -> AccessAudit:
        with open_context(settings, cancellation, tables=check_schema) as context:
            return audit_access(context, number)

    found = run_until_stopped(work, as_json=as_json)
    if as_json:
        print_json(found)
    else:
        print_access_audit(found)
    raise typer.Exit(found.exit_code)


def _verify_erased(config: SettingsChoice, given: str, *, as_json: bool) -> NoReturn:
    from dataclasses import asdict

    from hr_sync.cli.bootstrap import open_settings, open_store
    from hr_sync.cli.output import print_json, print_traces
    from hr_sync.domain.outcome import ExitCode
    from hr_sync.domain.page_ref import page_id_of
    from hr_sync.store.schema import check_schema

    words = page_id_of(given) if "://" in given else given.strip()
    if not words:
        raise UsageError("--erased needs a page, a user, or other words to search for.")
    with open_store(open_settings(config), tables=check_schema) as store:
        traces = store.find_traces(words)
    if as_json:
        print_json({"words": words} | asdict(traces))
    else:
        print_traces(words, traces, config)
    raise typer.Exit(ExitCode.PARTIAL if traces.found or traces.unsearched else ExitCode.COMPLETE)


def _write_metrics(settings: "Settings", found: "Audit") -> None:
    """Write the count of each kind of difference beside the metrics of the runs, if `service.metrics_file` is set."""
    from hr_sync.domain.drift import DriftKind

    path = settings.service.metrics_file
    if path is None:
        return
    from hr_sync.service.metrics import write_drift

    kinds = [drift.kind for drift in found.drifts]
    counts: dict[str, int] = {kind: kinds.count(kind) for kind in DriftKind}
    write_drift(path.with_name(f"{path.stem}_drift{path.suffix}"), counts, settings.site)


def explain(
    page: Annotated[str, typer.Argument(metavar="PAGE", help="A page, by id or URL.")],
    config: Config = DEFAULT_SETTINGS,
    as_json: AsJson = False,
) -> None:
    """Show one page: its state in Confluence, its row, and what a full run would decide and why."""
    from hr_sync.cli.bootstrap import open_context, open_settings
    from hr_sync.cli.output import print_explanation, print_json
    from hr_sync.cli.stopping import run_until_stopped
    from hr_sync.domain.page_ref import page_id_of
    from hr_sync.store.schema import check_schema
    from hr_sync.sync.explain import Explanation
    from hr_sync.sync.explain import explain as explain_page

    page_id = page_id_of(page)
    settings = open_settings(config)

    def work(cancellation: "Cancellation") -> Explanation:
        with open_context(settings, cancellation, tables=check_schema) as context:
            return explain_page(context, page_id)

    explanation = run_until_stopped(work, as_json=as_json)
    if as_json:
        print_json(explanation)
    else:
        print_explanation(explanation, config)

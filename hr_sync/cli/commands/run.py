"""`run` and `resync`: one run."""

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from hr_sync import __version__
from hr_sync.cli.options import DEFAULT_SETTINGS, AsJson, Config, SettingsChoice, Spaces
from hr_sync.cli.sites import each_site
from hr_sync.errors import HrSyncError

if TYPE_CHECKING:
    from hr_sync.cancellation import Cancellation
    from hr_sync.domain.outcome import RunReport
    from hr_sync.sync.context import SyncRequest

Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="Print nothing unless something needs attention; log warnings alone.")
]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Log more than log.level says.")]
AllowMassDelete = Annotated[
    bool, typer.Option("--allow-mass-delete", help="Carry out the removals that are held, in this run only.")
]


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command(cls=each_site("space", "allow_mass_delete"))(run)  # who looked at the removals of one site
    app.command(cls=each_site("page", "space"))(resync)


def run(
    config: Config = DEFAULT_SETTINGS,
    space: Spaces = None,
    full: Annotated[
        bool, typer.Option("--full", help="Compare every page, and find pages that are gone. The default.")
    ] = False,
    incremental: Annotated[
        bool, typer.Option("--incremental", help="Fetch only what changed since the last run; remove nothing.")
    ] = False,
    access: Annotated[
        bool, typer.Option("--access", help="Only who may read each page; no page is fetched or removed.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what a full run would do; write nothing.")] = False,
    allow_mass_delete: AllowMassDelete = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    as_json: AsJson = False,
) -> None:
    """Update the mirror once, then exit: 0 complete, 3 partial, 4 held, 75 temporary, 77 refused, 78 configuration."""
    from hr_sync.domain.outcome import Mode
    from hr_sync.errors import UsageError
    from hr_sync.sync.context import SyncRequest

    _check_how(quiet=quiet, verbose=verbose)
    if sum((incremental, access, full or dry_run)) > 1:
        raise UsageError(
            "--incremental and --access cannot be combined with each other, with --full or with --dry-run; "
            "leave one of them out."
        )
    if allow_mass_delete and (incremental or access):
        raise UsageError("--allow-mass-delete needs a full run: leave --incremental and --access out.")
    request = SyncRequest(
        mode=Mode.INCREMENTAL if incremental else Mode.ACCESS if access else Mode.FULL,
        space_keys=tuple(space or ()),
        allow_mass_delete=allow_mass_delete,
    )
    if dry_run:
        _dry_run(config, request, quiet=quiet, verbose=verbose, as_json=as_json)
    else:
        _run(config, request, quiet=quiet, verbose=verbose, as_json=as_json)


def resync(
    config: Config = DEFAULT_SETTINGS,
    page: Annotated[
        list[str] | None, typer.Option("--page", help="A page by id or URL; may be given again.", metavar="ID_OR_URL")
    ] = None,
    space: Spaces = None,
    failed: Annotated[bool, typer.Option("--failed", help="The pages that failed.")] = False,
    every: Annotated[bool, typer.Option("--all", help="Every space in scope.")] = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    as_json: AsJson = False,
) -> None:
    """Fetch pages again whatever their version: some pages, whole spaces, those that failed, or everything."""
    from hr_sync.domain.outcome import Mode
    from hr_sync.domain.page_ref import page_id_of
    from hr_sync.errors import UsageError
    from hr_sync.sync.context import SyncRequest

    _check_how(quiet=quiet, verbose=verbose)
    if sum((bool(page), bool(space), failed, every)) != 1:
        raise UsageError("Name what to fetch again: either --page, or --space, or --failed, or --all.")
    request = SyncRequest(
        mode=Mode.RESYNC,
        space_keys=tuple(space or ()),
        page_ids=tuple(page_id_of(each) for each in page or ()),
        failed_pages=failed,
        every_page=every or bool(space),
    )
    _run(config, request, quiet=quiet, verbose=verbose, as_json=as_json)


def _check_how(*, quiet: bool, verbose: bool) -> None:
    """Raise UsageError for both at once."""
    from hr_sync.errors import UsageError

    if quiet and verbose:
        raise UsageError("--quiet and --verbose exclude each other; leave one of them out.")


def _run(config: SettingsChoice, request: "SyncRequest", *, quiet: bool, verbose: bool, as_json: bool) -> None:
    from hr_sync.cli.bootstrap import make_context, open_settings, open_store
    from hr_sync.cli.notifications import notify
    from hr_sync.cli.progress import shown_progress
    from hr_sync.cli.stopping import HeldLeases, deadline, run_until_stopped
    from hr_sync.cli.texts import TextMaker, check_attachment_texts

    settings = open_settings(config, is_quiet=quiet, is_verbose=verbose)
    check_attachment_texts(settings)
    leases = HeldLeases()

    def work(cancellation: "Cancellation") -> "tuple[RunReport, int]":
        from hr_sync.cli.shared_rate import shared_gate
        from hr_sync.confluence.http.stats import HttpStats
        from hr_sync.store.values import Worker
        from hr_sync.sync.run import record_failed_start
        from hr_sync.sync.run import run as run_once

        worker, stats = Worker.current(), HttpStats()
        with (
            deadline(cancellation, settings.sync.run_deadline_minutes * 60),
            open_store(settings) as store,
            shared_gate(store, worker, stats) as gate,
            shown_progress(quiet=quiet) as progress,
        ):
            leases.are_in(store, worker)
            try:
                context = make_context(settings, store, cancellation, stats=stats, worker=worker, gate=gate)
            except HrSyncError as failure:
                report = record_failed_start(store, worker, __version__, request, failure)
            else:
                progress.stats = stats
                report = run_once(replace(context, on_progress=progress.note), request)
                report = TextMaker().make(settings, context, report)
            return report, store.held_removals()

    with notify(settings, request.mode) as notify_report:
        report, held = run_until_stopped(work, clean_up=leases.release, as_json=as_json)
        notify_report(report, held=held)
    _print(report, config, as_json=as_json, quiet=quiet)
    raise typer.Exit(report.exit_code)


def _print(report: "RunReport", config: SettingsChoice, *, as_json: bool, quiet: bool) -> None:
    from hr_sync.cli.output import print_json, print_report

    if as_json:
        print_json(report)
    elif not quiet or report.exit_code:
        print_report(report, config)


def _dry_run(config: SettingsChoice, request: "SyncRequest", *, quiet: bool, verbose: bool, as_json: bool) -> None:
    from hr_sync.cli.bootstrap import open_context, open_settings
    from hr_sync.cli.output import print_json
    from hr_sync.cli.preview_output import print_previews
    from hr_sync.cli.stopping import run_until_stopped
    from hr_sync.store.schema import check_schema
    from hr_sync.sync.dry_run import SpacePreview, dry_run

    settings = open_settings(config, is_quiet=quiet, is_verbose=verbose)

    def work(cancellation: "Cancellation") -> list[SpacePreview]:
        with open_context(settings, cancellation, tables=check_schema) as context:
            return dry_run(context, request)

    previews = run_until_stopped(work, as_json=as_json)
    exit_code = max((preview.exit_code for preview in previews), default=0)
    if as_json:
        print_json(previews)
    elif not quiet or exit_code or any(preview.deletions.held for preview in previews):
        print_previews(previews, config)
    raise typer.Exit(exit_code)

"""`text`: one page as Markdown, made from its stored body and those of the pages that it includes; or one document."""

from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hr_sync.cli.options import DEFAULT_SETTINGS, AsJson, Config, SettingsChoice
from hr_sync.cli.sites import OneSite

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from hr_sync.cancellation import Cancellation
    from hr_sync.render.result import RenderedPage


def add_to(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command(cls=OneSite)(text)


def text(
    page: Annotated[str | None, typer.Argument(help="A page by id or URL.", metavar="PAGE", show_default=False)] = None,
    file: Annotated[
        Path | None,
        typer.Option("--file", help="A document on this machine in the place of a page.", show_default=False),
    ] = None,
    config: Config = DEFAULT_SETTINGS,
    as_json: AsJson = False,
) -> None:
    """Print the text of one live page, made from stored bodies, or of a document, as Markdown. --json adds sections."""
    from hr_sync.errors import UsageError

    if (page is None) == (file is None):
        raise UsageError("Name one page, or one document by --file. Try 'hr-sync text -h' for help.")
    if file is not None:
        _print_document(file, as_json=as_json)
    elif page is not None:
        _print_page(page, config, as_json=as_json)


def _print_page(page: str, config: SettingsChoice, *, as_json: bool) -> None:
    from hr_sync.cli.bootstrap import open_database, open_settings
    from hr_sync.cli.output import print_json
    from hr_sync.cli.terminal import visible
    from hr_sync.domain.page_ref import page_id_of
    from hr_sync.store.engine import make_sessions, session_scope
    from hr_sync.store.schema import check_schema

    page_id = page_id_of(page)
    with open_database(open_settings(config)) as engine:
        check_schema(engine)
        with session_scope(make_sessions(engine)) as session:
            rendered = render_live_page(session, page_id)
    if as_json:
        print_json(rendered)
    else:
        typer.echo(visible(rendered.markdown))


def _print_document(file: Path, *, as_json: bool) -> None:
    """Read a document in a process with limits. Needs no settings and no database."""
    from hr_sync.cli.documents_output import WHY_UNREADABLE, print_document
    from hr_sync.cli.stopping import run_until_stopped
    from hr_sync.documents.reader import DocumentReader, sections_of
    from hr_sync.documents.result import Limits, Unreadable
    from hr_sync.errors import DocumentUnreadable, UsageError

    def work(cancellation: "Cancellation") -> None:
        limits = Limits()
        with DocumentReader(limits, cancellation) as reader:
            try:
                found = reader.read(file, media_type="", name=file.name)
            except OSError as error:
                raise UsageError(f"{file} cannot be opened: {error.strerror}. Name another --file.") from error
        if isinstance(found, Unreadable):
            why = WHY_UNREADABLE[found.reason].format(**asdict(limits))
            raise DocumentUnreadable(f"{file.name} cannot be read: {why}.", reason=found.reason)
        sections = sections_of(found, document_id=file.name, title=file.name, space="file", cancellation=cancellation)
        print_document(found, sections, as_json=as_json)

    run_until_stopped(work)


def render_live_page(session: "Session", page_id: str) -> "RenderedPage":
    """Return a live page as text. Raise UsageError for a page that is not live."""
    from hr_sync.derive.people import People
    from hr_sync.derive.texts import TextMaking, make_text, naming
    from hr_sync.errors import UsageError
    from hr_sync.render.result import RenderLimits
    from hr_sync.store.mention_store import MentionStore
    from hr_sync.store.read.pages import find_address, find_body, find_page
    from hr_sync.store.read.renderings import stored_outputs
    from hr_sync.store.read.texts import PendingText, find_included
    from hr_sync.store.transaction import OpenTransaction

    row, body = find_page(session, page_id), find_body(session, page_id)
    if row is None or row.hidden_at or row.removed_at or body is None:
        raise UsageError(f"The mirror has no live page {page_id}. See why: `hr-sync explain {page_id}`.")
    page = PendingText(
        page_id=row.id,
        title=row.title,
        space_key=row.space_key,
        content_hash=row.content_hash,
        storage=body,
        outputs=stored_outputs(session, page_id, row.version),
    )
    people = People(MentionStore(OpenTransaction(session)), None)
    people.know([body, page.outputs])
    making = TextMaking(
        limits=RenderLimits(),
        resolve=partial(find_address, session),
        find=naming(people, partial(find_included, session)),
        people=people,
    )
    return make_text(page, making).rendered

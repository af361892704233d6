"""`search`: the sections that fit words best, among those that somebody may read. Writes nothing."""

from typing import TYPE_CHECKING, Annotated

import typer

from hr_sync.cli.options import DEFAULT_SETTINGS, AsJson, Config
from hr_sync.cli.sites import each_site

if TYPE_CHECKING:
    from hr_sync.settings import Settings
    from hr_sync.store.read.search import SearchAsker
    from hr_sync.store.store import Store


def add_to(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command(cls=each_site("user", "group"))(search)


def search(
    words: Annotated[
        list[str],
        typer.Argument(metavar="WORDS", help='Words; "a phrase", or, and -word work as in a web search (behind --).'),
    ],
    config: Config = DEFAULT_SETTINGS,
    user: Annotated[
        str | None,
        typer.Option(
            "--as",
            metavar="USER",
            help="Search what this user may read: an account id (Cloud), a user key (Data Center), or an e-mail "
            "address. Else what every reader of the audience may read.",
        ),
    ] = None,
    group: Annotated[
        list[str] | None,
        typer.Option("--group", help="A group of the user, by id or name; may be given again. Else the mirrored ones."),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="Most sections to show.")] = 10,
    as_json: AsJson = False,
) -> None:
    """Search the text of the mirrored pages, section by section. Needs text.sections."""
    from hr_sync.cli.bootstrap import open_settings, open_store
    from hr_sync.cli.output import print_json
    from hr_sync.cli.search_output import notes_of, print_found
    from hr_sync.store.schema import check_schema
    from hr_sync.sync.search import search as search_mirror

    settings = open_settings(config)
    with open_store(settings, tables=check_schema) as store:
        found = search_mirror(
            store,
            " ".join(words),
            asker=_asker(settings, store, user, group or None),
            limit=limit,
            makes_texts=settings.text.sections,
            search_languages=settings.text.search_languages,
        )
    notes = notes_of(found, makes_texts=settings.text.sections, config=config)
    if as_json:
        from dataclasses import asdict

        print_json(asdict(found) | {"notes": notes})
    else:
        print_found(found, notes)


def _asker(settings: "Settings", store: "Store", user: str | None, groups: list[str] | None) -> "SearchAsker | None":
    """Return who searches; None for the audience. Raise UsageError for an address or a group that nobody knows."""
    from hr_sync.cli.bootstrap import open_trial_source
    from hr_sync.store.read.search import SearchAsker
    from hr_sync.sync.principal_names import NamesOfConfluence
    from hr_sync.sync.readable import find_group, find_user

    if user is None and groups is None:
        return None
    names = NamesOfConfluence(lambda: open_trial_source(settings))
    return SearchAsker(
        user=None if user is None else find_user(store, user),
        groups=None if groups is None else sorted({find_group(store, each, names) for each in groups}),
    )

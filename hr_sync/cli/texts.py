"""Makes the texts of pages and attachments after a run, as the settings say."""

import threading
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from hr_sync.domain.outcome import Outcome
from hr_sync.errors import ConfigurationError

if TYPE_CHECKING:
    from hr_sync.cancellation import Cancellation
    from hr_sync.confluence.source import Source
    from hr_sync.derive.attachments import AttachmentReport
    from hr_sync.derive.texts import TextReport
    from hr_sync.domain.outcome import RunReport
    from hr_sync.settings import Settings
    from hr_sync.store.store import Store
    from hr_sync.sync.context import SyncContext


def check_attachment_texts(settings: "Settings") -> None:
    """Raise ConfigurationError where text.attachments is on without what it needs, with the remedy."""
    if not settings.text.attachments:
        return
    from hr_sync.documents.reader import check_libraries

    source = settings.source_of("text.attachments")
    key = f"text.attachments{f' ({source})' if source else ''}"
    if not settings.text.sections:
        raise ConfigurationError(f"{key} needs the texts of pages too. Set text.sections = true.")
    if "attachments" not in settings.confluence.include:
        raise ConfigurationError(
            f'{key} needs the attachments. Set confluence.include = ["pages", "attachments"], or text.attachments = '
            "false."
        )
    try:
        check_libraries()
    except ConfigurationError as missing:
        raise ConfigurationError(f"{key}: {missing}, or set text.attachments = false.") from None


def derive_again(
    settings: "Settings", store: "Store", cancellation: "Cancellation", source: "Source | None"
) -> "TextReport":
    """Make the texts that are missing or outdated; without a source, of what the mirror knows alone."""
    from hr_sync.derive.people import NoPeople, People
    from hr_sync.derive.renderings import NoRenderings, Renderings
    from hr_sync.derive.texts import derive_texts

    text = settings.text
    ask = None if source is None else source.public_names
    interval = timedelta(hours=text.people_interval_hours)
    people = People(store.mentions, ask, interval=interval) if text.people else NoPeople(store.mentions)
    renderings: Renderings = NoRenderings(store.renderings)
    if text.rendered_macros:
        rendered_body = None if source is None else source.rendered_body
        max_age = timedelta(hours=text.rendered_max_age_hours)
        renderings = Renderings(store.renderings, rendered_body, max_age=max_age)
    return derive_texts(
        store,
        cancellation,
        section_size=text.section_characters,
        search_languages=text.search_languages,
        people=people,
        renderings=renderings,
    )


class TextMaker:
    """Makes texts after runs. Where several runs end at once, one of them reads the files."""

    def __init__(self) -> None:
        self._reading = threading.Lock()

    def make(self, settings: "Settings", context: "SyncContext", report: "RunReport") -> "RunReport":
        """Make the texts of pages whose body is another one now, if the settings say so, and of their files.

        Return the report of the run with what an operator should know of the texts.
        """
        if not settings.text.sections:
            return report
        from hr_sync.derive.attachments import forget_attachment_texts

        made = derive_again(settings, context.store, context.cancellation, context.source)
        report = replace(report, warnings=(*report.warnings, *made.warnings))
        if not settings.text.attachments:
            forget_attachment_texts(context.store, context.cancellation)
            return report
        if report.outcome in (Outcome.FAILED, Outcome.STOPPED) or not self._reading.acquire(blocking=False):
            return report
        try:
            read = _read_files(settings, context)
        except ConfigurationError as failure:  # settings that were read again since the start
            return replace(report, warnings=(*report.warnings, str(failure)))
        finally:
            self._reading.release()
        return replace(report, warnings=(*report.warnings, *read.warnings), attachment_texts=read.counts)


def _read_files(settings: "Settings", context: "SyncContext") -> "AttachmentReport":
    from hr_sync.derive.attachments import FileSettings, derive_attachment_texts

    check_attachment_texts(settings)
    text = settings.text
    return derive_attachment_texts(
        context.store,
        context.source,
        context.cancellation,
        FileSettings(
            kinds=text.attachment_types,
            max_bytes=text.max_attachment_megabytes * 1_000_000,
            max_bytes_of_pass=text.attachment_megabytes_per_run * 1_000_000,
            section_size=text.section_characters,
            search_languages=text.search_languages,
        ),
    )

"""What docs/reading.md promises to stay: names, parameters with their defaults, fields, and errors."""

import dataclasses
import inspect
import re
from collections.abc import Callable
from pathlib import Path

import pytest

import hr_sync
from hr_sync import errors, reading

GUIDE = Path(__file__).parents[2] / "docs/reading.md"
NAMES = {
    "LIVE_ATTACHMENTS",
    "LIVE_COMMENTS",
    "LIVE_PAGES",
    "LIVE_SECTIONS",
    "MIRROR_FRESHNESS",
    "ConfluencePage",
    "FeedChange",
    "FoundSection",
    "LiveAttachment",
    "LiveComment",
    "LivePage",
    "LiveSection",
    "MirrorReader",
    "MirrorStore",
    "SpaceFreshness",
    "SpaceStatistics",
    "open_store",
    "session_scope",
}
SIGNATURES = {
    "open_store": "(url, *, schema='public', pool_size=5, pool_timeout_seconds=30, connect_timeout_seconds=10, "
    "statement_timeout_seconds=60, idle_timeout_seconds=60, application_name='hr_sync reading', allow_plaintext=False)",
    "session_scope": "(store)",
    "MirrorStore.snapshot": "(self, *, consumer=None)",
    "MirrorStore.changes": "(self, consumer, *, compact=False)",
    "MirrorStore.ack": "(self, consumer, change)",
    "MirrorStore.close": "(self)",
    "MirrorReader.page": "(self, page_id)",
    "MirrorReader.body": "(self, page_id)",
    "MirrorReader.pages": "(self, *, space_key=None, after='', limit=100)",
    "MirrorReader.iterate_pages": "(self, *, space_key=None)",
    "MirrorReader.changed_since": "(self, since, *, after='', space_key=None, limit=100)",
    "MirrorReader.iterate_changed_since": "(self, since, *, space_key=None)",
    "MirrorReader.titled": "(self, title, *, space_key=None)",
    "MirrorReader.search_titles": "(self, words, *, space_key=None, limit=100)",
    "MirrorReader.count": "(self, *, space_key=None)",
    "MirrorReader.statistics": "(self)",
    "MirrorReader.freshness": "(self)",
    "MirrorReader.sections": "(self, page_id)",
    "MirrorReader.attachments": "(self, page_id)",
    "MirrorReader.comments": "(self, page_id)",
    "MirrorReader.section": "(self, section_id)",
    "MirrorReader.iterate_sections": "(self, *, space_key=None)",
    "MirrorReader.readable_by": "(self, user, groups=None)",
    "MirrorReader.sections_readable_by": "(self, user, groups=None)",
    "MirrorReader.attachments_readable_by": "(self, user, groups=None)",
    "MirrorReader.comments_readable_by": "(self, user, groups=None)",
    "MirrorReader.may_read": "(self, user, groups, page_id)",
    "MirrorReader.search": "(self, words, *, limit=10)",
    "MirrorReader.search_for": "(self, words, user, groups=None, *, limit=10)",
}
FIELDS = {
    "FeedChange": "epoch seq kind page_id action changed_fields sections_added sections_changed sections_removed "
    "space_key version changed_at attachment_id comment_id page_kind",
    "FoundSection": "section_id page_id ordinal title heading_path url space_key snippet rank version last_updated "
    "checked_at access_checked_at attachment_id comment_id",
    "LiveAttachment": "id page_id name media_type size_bytes version last_updated download_path page_title page_url "
    "space_key synced_at checked_at access_checked_at page_kind",
    "LiveComment": "id page_id kind parent_id version author_id created_at last_updated resolution quoted_text storage "
    "content_hash page_title page_url space_key synced_at checked_at access_checked_at page_kind",
    "LivePage": "id title space_key content_hash last_updated version url parent_id synced_at checked_at "
    "access_checked_at kind",
    "LiveSection": "section_id page_id ordinal level parent_section_id heading_path text embed_text text_hash title "
    "url space_key version last_updated checked_at access_checked_at attachment_id comment_id page_kind",
    "SpaceFreshness": "space_key space_id name checked_at listed_at access_checked_at access_is_recent viewers_known "
    "is_shown access_mode attachments_checked_at comments_checked_at",
    "SpaceStatistics": "space_key pages last_updated synced_at",
}


def test_the_public_names_are_these() -> None:
    """A name more is a promise more; a name less breaks somebody."""
    assert set(reading.__all__) == NAMES
    assert all(hasattr(reading, name) for name in NAMES)


def test_parameters_and_defaults_are_these() -> None:
    """Of every function and of every method that a consumer calls."""
    found: dict[str, Callable[..., object]] = {"open_store": reading.open_store, "session_scope": reading.session_scope}
    for kind in (reading.MirrorReader, reading.MirrorStore):
        methods = {name: value for name, value in vars(kind).items() if inspect.isfunction(value) and name[0] != "_"}
        found |= {f"{kind.__name__}.{name}": value for name, value in methods.items()}

    assert {name: bare(inspect.signature(value)) for name, value in found.items()} == SIGNATURES


def bare(signature: inspect.Signature) -> str:
    """Return a signature without types, which a type checker compares."""
    plain = [each.replace(annotation=inspect.Parameter.empty) for each in signature.parameters.values()]
    return str(signature.replace(parameters=plain, return_annotation=inspect.Signature.empty))


@pytest.mark.parametrize("name", FIELDS)
def test_values_have_these_fields_and_do_not_change(name: str) -> None:
    """Frozen, so that threads may share them."""
    kind = getattr(reading, name)
    assert [field.name for field in dataclasses.fields(kind)] == FIELDS[name].split()
    assert kind.__dataclass_params__.frozen


def test_the_types_are_for_consumers_too() -> None:
    """PEP 561: a type checker reads the annotations of an installed package only if it says so."""
    assert (Path(hr_sync.__file__).parent / "py.typed").exists()


def test_the_guide_names_everything() -> None:
    """Every public name, every question, every error that is raised, and none that does not exist."""
    guide = GUIDE.read_text(encoding="utf-8")
    named = set(re.findall(r"`([A-Za-z_]+)", guide))
    questions = {name.partition(".")[2] for name in SIGNATURES if "." in name}

    assert (NAMES | questions) - named == set()
    raised = {name for name in named if re.fullmatch(r"[A-Z][a-z]+([A-Z][a-z]+)+", name)} - NAMES
    assert raised - {"ValueError", "RuntimeError"} <= set(vars(errors))
    assert {
        "ConfigurationError",
        "SchemaError",
        "DatabaseUnavailable",
        "DatabaseCredentialsRefused",
        "SnapshotNeeded",
    } <= raised

"""Settings: what may be set, where it is read from, and how mistakes are reported.

Commands import this when they need it, not at start, since pydantic takes its time. What only some of them need stands
in modules of its own: `example.py`, `pasted.py`, `written.py`.
"""

from hr_sync.settings.addresses import has_password, with_password, without_password
from hr_sync.settings.confluence import ConfluenceSettings
from hr_sync.settings.load import Sources, load_settings, load_sites, read_sources, settings_of, site_names
from hr_sync.settings.model import (
    AccessSettings,
    DatabaseSettings,
    LogSettings,
    ServiceSettings,
    Settings,
    SyncSettings,
)
from hr_sync.settings.redacted import secret_values, shown

__all__ = [
    "AccessSettings",
    "ConfluenceSettings",
    "DatabaseSettings",
    "LogSettings",
    "ServiceSettings",
    "Settings",
    "Sources",
    "SyncSettings",
    "has_password",
    "load_settings",
    "load_sites",
    "read_sources",
    "secret_values",
    "settings_of",
    "shown",
    "site_names",
    "with_password",
    "without_password",
]

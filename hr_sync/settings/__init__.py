"""Settings: what may be set, where it is read from, and how mistakes are reported.

Importing this costs about 0.3 s (pydantic-settings): commands import it when they need it, not at start.
"""

from hr_sync.settings.addresses import has_password, with_password, without_password
from hr_sync.settings.confluence import ConfluenceSettings
from hr_sync.settings.example import config_example, config_schema
from hr_sync.settings.load import Sources, load_settings, load_sites, read_sources, settings_of, site_names
from hr_sync.settings.model import (
    AccessSettings,
    DatabaseSettings,
    LogSettings,
    ServiceSettings,
    Settings,
    SyncSettings,
)
from hr_sync.settings.pasted import PastedAddress, read_pasted
from hr_sync.settings.redacted import secret_values, shown
from hr_sync.settings.written import config_text

__all__ = [
    "AccessSettings",
    "ConfluenceSettings",
    "DatabaseSettings",
    "LogSettings",
    "PastedAddress",
    "ServiceSettings",
    "Settings",
    "Sources",
    "SyncSettings",
    "config_example",
    "config_schema",
    "config_text",
    "has_password",
    "load_settings",
    "load_sites",
    "read_pasted",
    "read_sources",
    "secret_values",
    "settings_of",
    "shown",
    "site_names",
    "with_password",
    "without_password",
]

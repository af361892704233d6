"""Settings: what may be set, where it is read from, and how mistakes are reported.

Importing this costs about 0.3 s (pydantic-settings): commands import it when they need it, not at start.
"""

from hr_sync.settings.addresses import without_password
from hr_sync.settings.confluence import ConfluenceSettings
from hr_sync.settings.example import config_example, config_schema
from hr_sync.settings.load import load_settings
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
    "SyncSettings",
    "config_example",
    "config_schema",
    "load_settings",
    "secret_values",
    "shown",
    "without_password",
]

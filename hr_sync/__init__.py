"""hr_sync mirrors chosen Confluence spaces into PostgreSQL."""

__version__ = "0.1.0"

"""Confluence as hr_sync reads it: one HTTP client, one source for each flavour, and decoders. Read only."""

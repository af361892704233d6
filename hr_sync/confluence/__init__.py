"""Confluence as hr_sync reads it: one HTTP door, readers for its two flavours, and the wire format. Read only."""

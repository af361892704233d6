"""The command line: parses, wires, prints, exits. The composition root, and the only reader of the settings.

Every command imports what it needs within itself, so that `hr-sync --help` answers at once.
"""

from hr_sync.cli.main import main

__all__ = ["main"]

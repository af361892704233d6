"""The command line: parses, wires, prints, exits. The composition root, and the only reader of the settings.

Every command imports what it needs within itself, so that `hr-sync --help` answers at once.
"""

import gc
import os
import resource
from typing import NoReturn

from hr_sync.cli.stopping import leave_when_asked


def main() -> NoReturn:
    """Run the command line. Signals are handled from here on, before anything else is loaded."""
    leave_when_asked()
    keep_secrets_in_memory()
    # Imports and decoded JSON make many objects and few cycles: looking for those every 700 objects found nothing and
    # took a tenth of a run.
    gc.set_threshold(20_000, 20, 100)
    from hr_sync.cli.main import main as command_line

    command_line()


def keep_secrets_in_memory() -> None:
    """Make no core dump, which would hold the token, and log no keys of TLS connections."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.environ.pop("SSLKEYLOGFILE", None)


__all__ = ["main"]

"""The command line: parses, wires, prints, exits. The composition root, and the only reader of the settings.

Every command imports what it needs within itself, so that `hr-sync --help` answers at once.
"""

import atexit
import gc
import os
import resource
import sys
from typing import NoReturn

from hr_sync.cli.stopping import leave_when_asked


def main() -> NoReturn:
    """Run the command line. Signals are handled from here on, before anything else is loaded."""
    leave_when_asked()
    _open_standard_streams()
    _keep_secrets_in_memory()
    # Imports and decoded JSON make many objects and few cycles: collecting those every 700 objects found nothing and
    # took a tenth of a run.
    gc.set_threshold(20_000, 20, 100)
    # Before it ends, the interpreter looks for cycles among everything that was ever loaded, several times: a fifth of
    # a run that finds nothing changed.
    atexit.register(gc.freeze)
    from hr_sync.cli.main import main as command_line

    command_line()


def _open_standard_streams() -> None:
    """Open the standard streams that the caller closed, or a connection would get their numbers (`hr-sync run >&-`)."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115 -- open until the end


def _keep_secrets_in_memory() -> None:
    """Write no core dump, and let no library write the keys of TLS connections to a file."""
    _, most = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, most))
    os.environ.pop("SSLKEYLOGFILE", None)


__all__ = ["main"]

"""The command line: parses, wires, prints, exits. The composition root, and the only reader of the settings.

Every command imports what it needs within itself, so that `hr-sync --help` answers at once.
"""

import atexit
import gc
import os
import resource
import sys
from contextlib import suppress
from typing import NoReturn

from hr_sync.cli.stopping import leave_when_asked

_OBJECTS_OF_A_SHORT_COMMAND = 400_000  #: that it makes, and keeps, at most; a run makes more


def main() -> NoReturn:
    """Run the command line. Signals are handled from here on, before anything else is loaded."""
    leave_when_asked()
    _open_standard_streams()
    _keep_secrets_in_memory()
    gc.set_threshold(_OBJECTS_OF_A_SHORT_COMMAND, 20, 100)
    gc.callbacks.append(_collect_from_now_on)
    # structlog would import rich's tracebacks, with what highlights source code; our log writes tracebacks by itself.
    sys.modules.setdefault("rich.traceback", None)  # type: ignore[arg-type]
    end = _End()
    atexit.register(end.leave)  # before any library registers something, so that it is called last
    from hr_sync.cli.main import main as command_line

    try:
        command_line()
    except SystemExit as exit_:
        end.code = exit_.code
        raise


def _collect_from_now_on(phase: str, _info: dict[str, int]) -> None:
    """Collect cycles as often as a run needs it, once there was a first collection, and leave alone what is loaded.

    Imports and decoded JSON make many objects and few cycles: collecting those every 700 objects, as Python does, found
    nothing and took a tenth of a run; every 20,000 objects still took a twentieth of a short command.
    """
    if phase == "stop":
        gc.callbacks.remove(_collect_from_now_on)
        gc.freeze()
        gc.set_threshold(20_000, 20, 100)


class _End:
    """Ends the process without the interpreter's last work: it takes apart everything that was ever loaded.

    That takes a twentieth of a short command, and looking for cycles first took a fifth of a run that found nothing
    changed. Threads have ended by then, and other functions of `atexit` have been called.
    """

    def __init__(self) -> None:
        self.code: object = None  #: of `sys.exit`; None: it was not called

    def leave(self) -> None:
        """Write what is buffered and end the process; leave the end to the interpreter after an unforeseen error."""
        if not isinstance(self.code, int):
            gc.freeze()
            return
        with suppress(OSError, ValueError):  # closed, or reported by `main` already
            sys.stdout.flush()
        with suppress(OSError, ValueError):
            sys.stderr.flush()
        os._exit(self.code)


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
    """Write no core dump, let no library write the keys of TLS connections to a file, and show settings to no plugin.

    Looking for plugins of pydantic reads a file of every package that is installed.
    """
    _, most = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, most))
    os.environ.pop("SSLKEYLOGFILE", None)
    os.environ["PYDANTIC_DISABLE_PLUGINS"] = "__all__"


__all__ = ["main"]

"""The command that installs something into this environment, with the installer that is present."""

import importlib.util
import shlex
import sys
from pathlib import Path


def install_command(*what: str) -> str:
    """Return the command to type."""
    if importlib.util.find_spec("pip") is not None:
        return shlex.join([sys.executable, "-m", "pip", "install", *what])
    # uv makes environments without pip; that of a clone is beside the environment, and not on the path.
    own = Path(sys.prefix).parent / ".tools" / "bin" / "uv"
    uv = str(own) if own.is_file() else "uv"
    return shlex.join([uv, "pip", "install", "--python", sys.executable, *what])

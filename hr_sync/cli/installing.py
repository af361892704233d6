"""The command that installs something into this environment, with the installer that is present."""

import importlib.util
import shlex
import sys


def install_command(*what: str) -> str:
    """Return the command to type."""
    if importlib.util.find_spec("pip") is None:  # uv makes environments without it
        return shlex.join(["uv", "pip", "install", "--python", sys.executable, *what])
    return shlex.join([sys.executable, "-m", "pip", "install", *what])

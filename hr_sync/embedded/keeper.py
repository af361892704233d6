"""The process that keeps an embedded PostgreSQL: starts it, waits for its last user to leave, stops it.

Run as a file by `server.py`, apart from hr_sync: standard library only, and the whole of its life is in `main`.
It holds `keeper.lock` while it lives, so that "is there a keeper" is a question to the kernel. The order of events:
take the lock, let the caller go (fork), start or adopt the server, wait for `in_use.lock` exclusively, stop the server,
exit. A newcomer waits for that lock as well, and so never joins a server that is being stopped.
"""

import argparse
import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

# How the server is asked to stop, and how long it is given: fast (breaks connections, writes a checkpoint), immediate
# (recovers at the next start), not asked at all (for one that is stuck).
STOPS = ((signal.SIGINT, 10.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 1.0))
LONGEST_STOP_SECONDS = sum(seconds for _, seconds in STOPS)
POLL_SECONDS = 0.02


def main(arguments: Sequence[str]) -> int:
    """Keep one server. Return 0 to the caller at once, and 1 if there is another keeper."""
    options = _parse(arguments)
    lock = os.open(options.folder / "keeper.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return 1
    if os.fork():  # the caller waits for no child, and leaves no zombie
        return 0
    os.setsid()  # Ctrl-C at the terminal is for the users, not for their database
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)  # it ends when its users have ended
    if options.adopt is None:
        _keep_own(options)
    else:
        _keep_adopted(options)
    return 0


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--adopt", type=int, help="process id of a server that has lost its keeper")
    parser.add_argument("--user", type=int)
    parser.add_argument("--group", type=int)
    parser.add_argument("command", nargs="*", help="the server, with its arguments")
    return parser.parse_args(arguments)


def _keep_own(options: argparse.Namespace) -> None:
    server = subprocess.Popen(  # noqa: S603 -- the command comes from hr_sync.embedded.server
        options.command,
        cwd="/",
        user=options.user,
        group=options.group,
        extra_groups=None if options.user is None else [],
    )
    threading.Thread(target=_stop_after_last_user, args=(options.folder, server.pid), daemon=True).start()
    server.wait()


def _keep_adopted(options: argparse.Namespace) -> None:
    stopping = threading.Thread(target=_stop_after_last_user, args=(options.folder, options.adopt), daemon=True)
    stopping.start()
    while _runs(options.adopt, options.folder / "data" / "postmaster.pid") and stopping.is_alive():
        time.sleep(POLL_SECONDS)


def _stop_after_last_user(folder: Path, server: int) -> None:
    """Wait until nobody uses the server, then stop it. `main` returns when the server has ended."""
    in_use = os.open(folder / "in_use.lock", os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(in_use, fcntl.LOCK_EX)  # kept until this process has ended
    with contextlib.suppress(ProcessLookupError):
        for how, seconds in STOPS:
            os.kill(server, how)
            time.sleep(seconds)


def _runs(server: int, its_file: Path) -> bool:
    """Return True until the server has ended. In a container without an init it stays a zombie; its file is gone."""
    try:
        os.kill(server, 0)
    except ProcessLookupError:
        return False
    return its_file.exists()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

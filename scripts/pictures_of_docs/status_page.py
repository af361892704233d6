"""The status page of a real `serve` in a real browser: two spaces, of which one holds removals."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from confluence_simulator import Simulator, handbook_world

_TOKEN = "a-token-of-the-simulator"  # noqa: S105 -- of a Confluence that lives for a picture
_PORT = 8392
_SETTINGS = """
[confluence]
url = "{url}"
username = "hr-bot@example.com"
api_token = "{token}"
spaces = ["HR", "IT"]
[database]
embedded_folder = "{folder}/postgres"
[sync]
max_removed_pages = 5
max_removed_fraction = 0.05
[service]
port = {port}
"""


def status_page(target: Path) -> bool:
    """Write the picture; return False where there is no browser."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        return False
    with _served() as address:
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--window-size=1040,760"]
        subprocess.run(
            [browser, *options, f"--screenshot={target}", address], check=True, capture_output=True, timeout=120
        )
    return True


@contextmanager
def _served() -> Iterator[str]:
    """Mirror the handbook, hide a tree of it, run once more, and serve the status page."""
    world = handbook_world()
    with tempfile.TemporaryDirectory(prefix="hr-sync-picture-") as folder, Simulator(world, api_token=_TOKEN) as site:
        Path(folder).chmod(0o711)
        config = Path(folder) / "config.toml"
        config.write_text(
            _SETTINGS.format(url=site.site_url, token=_TOKEN, folder=folder, port=_PORT), encoding="utf-8"
        )
        config.chmod(0o600)
        program = [str(Path(sys.executable).parent / "hr-sync")]
        environment = os.environ | {"HR_SYNC_CONFIG": str(config)}
        subprocess.run([*program, "run"], env=environment, check=True, capture_output=True, timeout=120)
        tree = next(page for page in world.pages(space_key="HR") if page.title == "Pay and benefits")
        world.hide_page(tree.id)
        subprocess.run([*program, "run"], env=environment, check=False, capture_output=True, timeout=120)
        process = subprocess.Popen([*program, "serve"], env=environment, stderr=subprocess.DEVNULL)
        try:
            address = f"http://127.0.0.1:{_PORT}/"
            _wait(address)
            yield address
        finally:
            process.terminate()
            process.wait(30)


def _wait(address: str) -> None:
    """Wait until the page is served, and the first runs of `serve` have ended."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            with urllib.request.urlopen(address, timeout=5) as answer:  # noqa: S310 -- on loopback
                if b"complete" in answer.read():
                    time.sleep(5)
                    return
        except OSError:
            time.sleep(0.5)
    raise TimeoutError(address)

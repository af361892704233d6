"""Consumers of the feed that die at any moment, beside writers that do, end with exactly what is shown."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_consumers_that_are_killed_end_with_what_is_live(prepared_url: str) -> None:
    """Four writers, two consumers; nothing is missed, nothing comes out of order. The campaign does more of it."""
    program = [sys.executable, "-m", "tests.proof.feed_play", prepared_url, "--changes", "600", "--kill-every", "0.5"]
    program.append("--lingers")
    played = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)

    assert played.returncode == 0, played.stderr[-3000:]
    found = json.loads(played.stdout)
    assert found["changes"] >= 600
    assert found["kills"] >= 3
    assert found["pages"]["given"] > 300
    assert found["sections"]["rows"] > 50
    assert found["pages"]["told"] == {"new": 1}

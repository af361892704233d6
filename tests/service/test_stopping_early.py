"""A signal that comes while the program still loads."""

import os
import signal
from pathlib import Path

import pytest

from tests.service.processes import AS_PROCESS_1, can_be_process_1, serving_anew, wait_until


@pytest.mark.parametrize("before", [(), AS_PROCESS_1], ids=["ordinary", "process 1"])
def test_a_signal_is_heard_before_anything_is_loaded(tmp_path: Path, before: tuple[str, ...]) -> None:
    """Exit code 75; process 1 would otherwise never hear it, and be killed when the patience of its engine ends."""
    if before and not can_be_process_1():
        pytest.skip("unshare may not make a process namespace here")
    with serving_anew(tmp_path, *before) as service:
        wait_until(service.hears, service)
        os.kill(service.pid, signal.SIGTERM)

        assert service.process.wait(5) == 75
    # Without any settings it ends with 78 by itself, and says so, as soon as it comes to them.
    assert service.log.read_text() == ""

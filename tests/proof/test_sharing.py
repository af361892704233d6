"""Three replicas do what is due, one is killed and one sleeps: each space is done once, by one writer."""

import pytest
from confluence_simulator import Simulator

from tests.proof.sharing import check, share, small_spaces


@pytest.mark.timeout(120)
def test_replicas_share_a_round_although_one_dies_and_one_sleeps(prepared_url: str) -> None:
    """What they had begun is done by those that are left."""
    with Simulator(small_spaces(40)) as site:
        shared = share(prepared_url, site, seed=1, lease_seconds=0.8, latency_seconds=0.02)

    check(shared)
    assert sum(replica.exit_code is None for replica in shared.replicas) == 1, "one was killed"
    assert shared.epochs > shared.spaces, "a lease was taken over"
    assert len(shared.by_worker) >= 2

"""Two replicas over two sites with limits; one replica is killed."""

from pathlib import Path

import pytest

from tests.proof.many_sites import opened, play, serve
from tests.proof.sites_campaign import check

LIMITS = {"emea": 2, "apac": 4}


@pytest.mark.timeout(120)
def test_replicas_share_sites_although_one_dies(tmp_path: Path, database_url: str) -> None:
    """Every page is in the schema of its site, written once, and no site is asked for more than it allows for long."""
    with opened(tmp_path, database_url, serve, {"emea": 4, "apac": 4}, LIMITS) as sites:
        played = play(sites, workers=2, seed=1, most_troubles=1)

    check(played)
    assert played.kills == 1
    assert sum(played.refused.values()) > 0, "a limit was met"

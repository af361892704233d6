"""The settings reach the source: flavour, credentials, address."""

from pathlib import Path

import pytest
from confluence_simulator import Simulator
from confluence_simulator.tenant import Switches

from hr_sync.cancellation import Cancellation
from hr_sync.cli.bootstrap import open_context
from hr_sync.confluence.cloud import CloudSource
from hr_sync.confluence.datacenter import DataCenterSource
from hr_sync.domain.outcome import Outcome
from hr_sync.settings import load_settings
from hr_sync.sync.context import SyncRequest
from hr_sync.sync.run import run
from tests.confluence.clients import TOKEN, USERNAME
from tests.confluence.flavors import routes, world_of

ACCOUNT = {"username": USERNAME, "api_token": TOKEN}


@pytest.mark.parametrize(
    ("switches", "account", "source"),
    [
        ({"flavor": "cloud"}, ACCOUNT, CloudSource),
        ({"flavor": "datacenter", "context_path": "/a/b"}, ACCOUNT, DataCenterSource),
        ({"flavor": "datacenter"}, {"token": TOKEN}, DataCenterSource),
    ],
    ids=["cloud", "password", "token"],
)
@pytest.mark.parametrize("set_flavor", [False, True])
def test_settings_choose_the_source(
    prepared_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    switches: Switches,
    account: dict[str, str],
    source: type,
    set_flavor: bool,
) -> None:
    """Detected or set, a run over it is complete; a flavour that is set is not asked for."""
    monkeypatch.chdir(tmp_path)  # away from anybody's config.toml
    with Simulator(world_of(8), **switches) as site:
        confluence = {"url": site.site_url, "spaces": "*", **account}
        if set_flavor:
            confluence["flavor"] = switches["flavor"]
        environ = {f"HR_SYNC_CONFLUENCE__{name.upper()}": value for name, value in confluence.items()}
        environ["HR_SYNC_DATABASE__URL"] = prepared_url.replace("+psycopg", "")
        with open_context(load_settings(environ=environ), Cancellation()) as context:
            report = run(context, SyncRequest())

    assert isinstance(context.source, source)
    assert (report.outcome, report.counts.inserted) == (Outcome.COMPLETE, 8)
    assert (routes(site)[0] == "/rest/api/user/current") is set_flavor

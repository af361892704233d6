"""The settings reach the source: flavour, credentials, address."""

from pathlib import Path

import pytest
from confluence_simulator import Simulator
from confluence_simulator.tenant import Switches

from hr_sync.cancellation import Cancellation
from hr_sync.cli.bootstrap import open_client, open_context
from hr_sync.confluence.cloud import CloudSource
from hr_sync.confluence.datacenter import DataCenterSource
from hr_sync.confluence.source import open_source
from hr_sync.domain.outcome import Outcome
from hr_sync.settings import load_settings, secret_values
from hr_sync.sync.context import SyncRequest
from hr_sync.sync.run import run
from tests.confluence.clients import TOKEN, USERNAME
from tests.confluence.flavors import routes, world_of

ACCOUNT = {"username": USERNAME, "api_token": TOKEN}


CLIENT = {"client_id": "client-of-hr", "client_secret_file": "secret"}


@pytest.mark.parametrize(
    ("switches", "account", "source"),
    [
        ({"flavor": "cloud"}, ACCOUNT, CloudSource),
        ({"flavor": "datacenter", "context_path": "/a/b"}, ACCOUNT, DataCenterSource),
        ({"flavor": "datacenter"}, {"token": TOKEN}, DataCenterSource),
        ({"flavor": "datacenter", "client_id": CLIENT["client_id"], "version": "10.2.19"}, CLIENT, DataCenterSource),
    ],
    ids=["cloud", "password", "token", "client"],
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
    Path("secret").write_text("simulated-secret\n")
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
    asked = [route for route in routes(site) if not route.endswith("/token")]
    assert (asked[0] == "/rest/api/user/current") is set_flavor


def test_client_credentials_of_cloud_reach_the_gateway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set with the address of the gateway: it knows its kind, and the secret comes from a file."""
    monkeypatch.chdir(tmp_path)
    Path("secret").write_text("simulated-secret\n")
    with Simulator(world_of(2), client_id=CLIENT["client_id"]) as site:
        confluence = {"url": site.gateway_url.removesuffix("/wiki"), "spaces": "*", **CLIENT}
        environ = {f"HR_SYNC_CONFLUENCE__{name.upper()}": value for name, value in confluence.items()}
        settings = load_settings(environ=environ)
        client = open_client(settings, Cancellation())
        source = open_source(client, settings.confluence.flavor)
        source.check_account()
        client.close()

    assert isinstance(source, CloudSource)
    assert [record.route for record in site.requests] == ["/oauth/token", "/rest/api/user/current"]
    assert "simulated-secret" in secret_values(settings)

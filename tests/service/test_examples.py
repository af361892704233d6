"""The examples of senders do what they say: the Forge app's function is run by Node.js against a served /notify."""

import json
import os
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from hr_sync.sync.context import Notified
from tests.service.samples import make_endpoints
from tests.service.test_notification import OF_FORGE
from tests.service.test_notify import serving
from tests.service.test_web import TOKEN

EXAMPLES = Path(__file__).parents[2] / "examples"
APP = EXAMPLES / "forge-doorbell"
NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="no node here; `apt-get install nodejs` brings one")
MOVED = OF_FORGE | {"prevContent": {"id": "838205441", "space": {"key": "OLD"}}}
SECRET = TOKEN.replace("ö", "o")  # a header of fetch() is ASCII


def send(event: dict[str, Any], port: int, token: str = SECRET) -> str:
    """Run the function of the app with an event; return what it logs."""
    script = f"import {{ notify }} from {json.dumps(str(APP / 'src/index.js'))}; await notify({json.dumps(event)});"
    variables = {"HR_SYNC_URL": f"http://127.0.0.1:{port}", "HR_SYNC_TOKEN": token}
    done = subprocess.run(
        [str(NODE), "--input-type=module", "--eval", script],
        env=os.environ | variables,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    return done.stderr


@needs_node
@pytest.mark.parametrize(
    ("event", "given"),
    [
        (OF_FORGE, [Notified(page_ids=("838205441",), space_keys=("SP",))]),
        (MOVED, [Notified(page_ids=("838205441",), space_keys=("SP", "OLD"))]),
        (
            {"eventType": "avi:confluence:permissions_updated:space:V2", "space": {"key": "HR"}},
            [Notified(space_keys=("HR",))],
        ),
        ({"eventType": "another"}, []),
    ],
)
def test_the_forge_app_sends_ids(event: dict[str, Any], given: list[Notified]) -> None:
    """Of a page and of its spaces, before and after a move; nothing of an event without any."""
    with serving(replace(make_endpoints(), token=SECRET)) as rig:
        assert send(event, rig.port) == ""
        assert rig.given == given


@needs_node
def test_the_forge_app_logs_that_it_was_refused() -> None:
    """Without the token, and without what the event held."""
    with serving(replace(make_endpoints(), token=SECRET)) as rig:
        said = send(OF_FORGE, rig.port, token="another-token-0123")
        assert said == "hr_sync answered 401 to avi:confluence:permissions_updated:page\n"
        assert rig.given == []


def test_the_manifest_names_the_function() -> None:
    """Each event is one of Confluence's, and goes to the handler that is there."""
    manifest = yaml.safe_load((APP / "manifest.yml").read_text(encoding="utf-8"))
    triggers = manifest["modules"]["trigger"]
    events = [event for trigger in triggers for event in trigger["events"]]
    assert len(events) == len(set(events)) > 10
    assert all(re.fullmatch(r"avi:confluence:[a-z_]+:[a-z]+(:V2)?", event) for event in events)
    for name in ("updated", "permissions_updated", "moved", "trashed"):
        assert f"avi:confluence:{name}:page" in events
    (function,) = manifest["modules"]["function"]
    assert {trigger["function"] for trigger in triggers} == {function["key"]}
    module, _, exported = function["handler"].partition(".")
    assert f"export async function {exported}(" in (APP / "src" / f"{module}.js").read_text(encoding="utf-8")


@pytest.mark.parametrize("file", ["forge-doorbell/README.md", "datacenter-webhook.md", "fastapi/README.md"])
def test_what_was_not_tried_is_said(file: str) -> None:
    """Under a heading of its own."""
    assert "## Not tried\n" in (EXAMPLES / file).read_text(encoding="utf-8")


def test_the_webhook_of_data_center_can_be_registered_as_written() -> None:
    """The body of the request is JSON, with a secret and known events."""
    text = (EXAMPLES / "datacenter-webhook.md").read_text(encoding="utf-8")
    body = re.search(r"--data '(.*?)'", text, re.DOTALL)
    assert body
    webhook = json.loads(body[1])
    assert set(webhook) == {"name", "url", "active", "configuration", "events"}
    assert {"page_moved", "page_trashed", "content_permissions_updated", "space_permissions_updated"} <= {
        *webhook["events"]
    }

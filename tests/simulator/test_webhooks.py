"""Data Center's webhooks: registered by POST, sent for each event, signed."""

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from confluence_simulator import Simulator
from confluence_simulator.tenant import Switches

from tests.simulator.sites import client, furnished_world, titled


class TestWebhooks:
    """Registered by POST, sent for each event."""

    @pytest.fixture
    def receiver(self) -> Iterator[tuple[str, list[tuple[str, bytes]]]]:
        """Serve a receiver, and return its address and what it got: signature and body."""
        received: list[tuple[str, bytes]] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                received.append((self.headers["X-Hub-Signature"], body))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        server = HTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/hook", received
        server.shutdown()
        thread.join()
        server.server_close()

    def register(self, simulator: Simulator, url: str, *events: str) -> Any:
        wanted = {"name": "sync", "events": events, "url": url, "configuration": {"secret": "s3cret"}}
        return client(simulator).session.post(simulator.site_url + "/rest/api/webhooks", json=wanted, timeout=5)

    def test_events_are_signed_and_hold_ids_alone(self, receiver: tuple[str, list[tuple[str, bytes]]]) -> None:
        """Only the events asked for; a move names both parents."""
        url, received = receiver
        world = furnished_world()
        leave = titled(world, "Leave")
        with Simulator(world, flavor="datacenter") as simulator:
            assert self.register(simulator, url, "page_moved", "page_updated").status_code == 201
            world.label_page(leave.id, "new")
            world.edit_page(leave.id, storage="x")
            world.move_page(leave.id, parent_id=None)

        signature, body = received[0]
        updated, moved = (json.loads(content) for _, content in received)
        assert signature == "sha256=" + hmac.new(b"s3cret", body, hashlib.sha256).hexdigest()
        assert (updated["event"], updated["page"]) == ("page_updated", {"id": int(leave.id)})
        assert (moved["event"], moved["oldParent"]) == ("page_moved", {"id": int(titled(world, "Home").id)})

    @pytest.mark.parametrize(
        "switches",
        [
            Switches(flavor="datacenter", webhook_signature="wrong"),
            Switches(flavor="datacenter", webhook_details=True),
        ],
    )
    def test_wrong_signature_and_details_by_switch(
        self, receiver: tuple[str, list[tuple[str, bytes]]], switches: Switches
    ) -> None:
        """Older versions send details; a forged webhook has a signature that does not fit."""
        url, received = receiver
        world = furnished_world()
        with Simulator(world, **switches) as simulator:
            self.register(simulator, url, "page_updated")
            world.edit_page(titled(world, "Leave").id, storage="x")

        signature, body = received[0]
        right = "sha256=" + hmac.new(b"s3cret", body, hashlib.sha256).hexdigest()
        assert (signature == right) == ("webhook_signature" not in switches)
        assert ("title" in json.loads(body)["page"]) == ("webhook_details" in switches)

    def test_receivers_must_be_on_loopback(self, datacenter: Simulator) -> None:
        """The simulator talks to nobody else; hooks can be listed and removed."""
        assert self.register(datacenter, "http://example.com/hook", "page_updated").status_code == 400
        hook = self.register(datacenter, "http://127.0.0.1:9/hook", "page_updated").json()
        site = client(datacenter)

        assert site.get("/rest/api/webhooks")["size"] == 1
        address = f"{datacenter.site_url}/rest/api/webhooks/{hook['id']}"
        assert site.session.delete(address, timeout=5).status_code == 204
        assert site.get("/rest/api/webhooks")["size"] == 0

"""Data Center's webhooks: registered by POST, sent for each event of the world. No delivery is promised or repeated."""

import hashlib
import hmac
import http.client
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import orjson

from confluence_simulator.call import Call
from confluence_simulator.messages import Answer
from confluence_simulator.refusals import RefusedError, v1_refusal
from confluence_simulator.routes import Route
from confluence_simulator.tenant import Tenant
from confluence_simulator.world import Event, Page, World

SIGNATURE_HEADER = "X-Hub-Signature"
SEND_TIMEOUT_SECONDS = 2.0
LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True, kw_only=True)
class Webhook:
    id: int
    name: str
    url: str
    events: tuple[str, ...]
    secret: str
    active: bool

    def as_document(self) -> dict[str, Any]:
        """Without the secret."""
        return {
            "id": self.id,
            "name": self.name,
            "events": list(self.events),
            "configuration": {},
            "url": self.url,
            "active": self.active,
        }


class Webhooks:
    """Sends from a thread of its own while started. Receivers must be on loopback."""

    def __init__(self, world: World, tenant: Tenant) -> None:
        self._world = world
        self._tenant = tenant
        self._hooks: list[Webhook] = []
        self._waiting: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._unlisten: Callable[[], None] | None = None

    def start(self) -> None:
        self._unlisten = self._world.listen(self._waiting.put)
        self._thread = threading.Thread(target=self._send_all, name="confluence-webhooks", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Send what waits, then end."""
        if self._unlisten is not None and self._thread is not None:
            self._unlisten()
            self._waiting.put(None)
            self._thread.join(timeout=5)

    def routes(self) -> tuple[Route, ...]:
        return (
            Route("POST", "/rest/api/webhooks", self._register),
            Route("GET", "/rest/api/webhooks", self._list),
            Route("DELETE", "/rest/api/webhooks/{id}", self._remove),
        )

    def _register(self, call: Call) -> Answer:
        try:
            wanted = orjson.loads(call.request.body)
            hook = Webhook(
                id=len(self._hooks) + 1,
                name=str(wanted["name"]),
                url=str(wanted["url"]),
                events=tuple(wanted["events"]),
                secret=str(wanted.get("configuration", {}).get("secret", "")),
                active=bool(wanted.get("active", True)),
            )
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
            raise RefusedError(v1_refusal(400, "BadRequestException", "name, url and events are needed")) from error
        if urlsplit(hook.url).hostname not in LOOPBACK_HOSTS:
            raise RefusedError(v1_refusal(400, "BadRequestException", "the simulator sends to loopback alone"))
        self._hooks.append(hook)
        return Answer(status=201, document=hook.as_document())

    def _list(self, _: Call) -> Answer:
        results = [hook.as_document() for hook in self._hooks]
        return Answer(document={"results": results, "start": 0, "limit": 100, "size": len(results)})

    def _remove(self, call: Call) -> Answer:
        kept = [hook for hook in self._hooks if str(hook.id) != call.captured["id"]]
        found = len(kept) < len(self._hooks)
        self._hooks = kept
        return Answer(status=204 if found else 404, body=b"")

    def _send_all(self) -> None:
        while (event := self._waiting.get()) is not None:
            for hook in tuple(self._hooks):
                if hook.active and event.name in hook.events:
                    self._send(hook, event)

    def _send(self, hook: Webhook, event: Event) -> None:
        body = orjson.dumps(self._payload(event))
        secret = "not the secret" if self._tenant.webhook_signature == "wrong" else hook.secret
        digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        address = urlsplit(hook.url)
        connection = http.client.HTTPConnection(
            address.hostname or "", address.port or 80, timeout=SEND_TIMEOUT_SECONDS
        )
        try:
            headers = {"Content-Type": "application/json", SIGNATURE_HEADER: f"sha256={digest}"}
            connection.request("POST", address.path or "/", body, headers)
            connection.getresponse().read()
        except (OSError, http.client.HTTPException):
            pass  # a webhook is lost when its receiver does not answer, as on a real server
        finally:
            connection.close()

    def _payload(self, event: Event) -> dict[str, Any]:
        """Ids alone, as newer versions send, or with details."""
        payload: dict[str, Any] = {
            "timestamp": int(event.at.timestamp() * 1000),
            "event": event.name,
            "userKey": self._world.user(event.actor_id).user_key,
            "page": {"id": int(event.content_id.removeprefix("att"))},
        }
        if event.name == "page_updated":
            payload["updateTrigger"] = "edit_page"
        for name, parent_id in (("oldParent", event.old_parent_id), ("newParent", event.new_parent_id)):
            if parent_id is not None:
                payload[name] = {"id": int(parent_id)}
        page = self._world.find(event.content_id)
        if self._tenant.webhook_details and isinstance(page, Page):
            payload["page"] |= {
                "title": page.title,
                "contentType": page.kind,
                "creatorKey": self._world.user(page.author_id).user_key,
                "lastModifierKey": self._world.user(page.editor_id).user_key,
                "creationDate": int(page.created_at.timestamp() * 1000),
                "modificationDate": int(page.modified_at.timestamp() * 1000),
                "version": page.version,
                "spaceKey": page.space_key,
            }
        return payload

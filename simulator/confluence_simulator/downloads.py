"""Files of attachments: served by Data Center itself, and by Cloud's media service behind a signed address."""

import hashlib
from urllib.parse import quote

from confluence_simulator.call import Call
from confluence_simulator.messages import Answer, Request
from confluence_simulator.refusals import RefusedError, not_found, redirect, v2_not_found
from confluence_simulator.routes import Route
from confluence_simulator.world import Attachment, World

MEDIA_PREFIX = "/media/file/"
"""Of the media service, which is at the site's own origin here and takes no credentials."""


def download(call: Call) -> Answer:
    """Answer the bytes of an attachment, from the path that its `downloadLink` names."""
    page = call.find_page(call.captured["page"])
    filename = call.captured["filename"]
    found = [] if page is None else [row for row in call.world.attachments(page.id) if row.title == filename]
    if not found:
        raise RefusedError(v2_not_found("attachment", filename))
    return _file(found[0])


def redirected(call: Call) -> Answer:
    """Answer where the media service has the bytes of an attachment of a page that the caller may view."""
    page = call.find_page(call.captured_id())
    rows = [] if page is None else call.world.attachments(page.id)
    found = next((row for row in rows if row.id == call.captured["attachment"]), None)
    if found is None:
        raise RefusedError(not_found(call.request.path, call.captured["attachment"]))
    name = quote(found.title)
    return redirect(f"{call.origin}{MEDIA_PREFIX}{found.id}/binary?token={_signature(found)}&name={name}")


def answer_media(world: World, request: Request) -> Answer:
    """Answer as the media service, by the signature of the address alone."""
    content_id = request.path.removeprefix(MEDIA_PREFIX).partition("/")[0]
    found = world.find(content_id)
    if not isinstance(found, Attachment) or ("token", _signature(found)) not in request.query:
        return Answer(status=403, document={"error": {"code": "JwtAuthoriser:AuthorisationFailure"}})
    return _file(found)


def _file(attachment: Attachment) -> Answer:
    return Answer(body=attachment.payload, content_type=attachment.media_type)


def _signature(attachment: Attachment) -> str:
    """Return what stands for a signature: another one for each version."""
    return hashlib.sha256(f"{attachment.id} {attachment.version}".encode()).hexdigest()


LINK_ROUTE = Route("GET", "/download/attachments/{page}/{filename}", download)
CLOUD_ROUTES = (LINK_ROUTE, Route("GET", "/rest/api/content/{id}/child/attachment/{attachment}/download", redirected))
DATACENTER_ROUTES = (LINK_ROUTE,)

"""Files of attachments: served by Data Center itself, and by Cloud's media service behind a signed address."""

import hashlib
from urllib.parse import quote

from confluence_simulator.call import Call
from confluence_simulator.messages import Answer, Request
from confluence_simulator.refusals import RefusedError, not_found, oauth_wanted, redirect, v1_refusal, v2_not_found
from confluence_simulator.routes import Route
from confluence_simulator.world import Attachment, World

MEDIA_PREFIX = "/media/file/"
"""Of the media service, which has an origin of its own and takes no credentials."""
_LARGEST_VERSION = 2**31 - 1


def download(call: Call) -> Answer:
    """Answer the bytes of an attachment, from the path that its `downloadLink` names."""
    page = call.find_page(call.captured["page"])
    filename = call.captured["filename"]
    found = [] if page is None else [row for row in call.world.attachments(page.id) if row.title == filename]
    if not found:
        raise RefusedError(v2_not_found("attachment", filename))
    return _file(_asked_version(call, found[0]))


def refuse_tokens(call: Call) -> Answer:
    """Answer that the path of `downloadLink` takes sessions of browsers alone, as Cloud's does (CHANGE-2735).

    Every caller of this site has a token.
    """
    raise RefusedError(oauth_wanted(call.origin + call.tenant.context))


def redirected(call: Call) -> Answer:
    """Answer where the media service has the bytes of an attachment of a page that the caller may view."""
    page = call.find_page(call.captured_id())
    rows = [] if page is None else call.world.attachments(page.id)
    found = next((row for row in rows if row.id == call.captured["attachment"]), None)
    if found is None:
        raise RefusedError(not_found(call.request.path, call.captured["attachment"]))
    version = _asked_version(call, found)
    signed = f"token={_signature(version)}&version={version.version}&name={quote(version.title)}"
    return redirect(f"{call.media_origin}{MEDIA_PREFIX}{found.id}/binary?{signed}")


def answer_media(world: World, request: Request) -> Answer:
    """Answer as the media service, by the signature of the address alone."""
    content_id = request.path.removeprefix(MEDIA_PREFIX).partition("/")[0]
    for found in world.versions(content_id):
        if isinstance(found, Attachment) and ("token", _signature(found)) in request.query:
            return _file(found)
    return Answer(status=403, document={"error": {"code": "JwtAuthoriser:AuthorisationFailure"}})


def _asked_version(call: Call, attachment: Attachment) -> Attachment:
    """Return the version that the query names, or the latest one. Refuse one that there is not."""
    number = call.query.integer("version", attachment.version, low=1, high=_LARGEST_VERSION)
    versions = [each for each in call.world.versions(attachment.id) if isinstance(each, Attachment)]
    found = next((each for each in versions if each.version == number), None)
    if found is None:
        raise RefusedError(v1_refusal(400, "BadRequestException", f"There is no version {number}"))
    return found


def _file(attachment: Attachment) -> Answer:
    return Answer(body=attachment.payload, content_type=attachment.media_type)


def _signature(attachment: Attachment) -> str:
    """Return what stands for a signature: another one for each version."""
    return hashlib.sha256(f"{attachment.id} {attachment.version}".encode()).hexdigest()


CLOUD_ROUTES = (
    Route("GET", "/download/attachments/{page}/{filename}", refuse_tokens),
    Route("GET", "/rest/api/content/{id}/child/attachment/{attachment}/download", redirected),
)
DATACENTER_ROUTES = (Route("GET", "/download/attachments/{page}/{filename}", download),)

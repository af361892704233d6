"""A page in which Confluence has carried out the macros, as HTML, by a single read of either flavour.

Of the representations `export_view` is read: `view` leaves the rows of reports and the issues of Jira to the browser.
Lists of pages do not have it (api/v2/pages), or have it of the search index alone, which may show an older version.
"""

from urllib.parse import quote

from hr_sync.confluence.http.client import HttpClient
from hr_sync.confluence.http.response import Json
from hr_sync.confluence.json_fields import FieldError, int_of, object_of
from hr_sync.domain.content import RenderedBody
from hr_sync.domain.sanitize import sanitize
from hr_sync.errors import AnswerNotTrusted

_FORMAT = "export_view"


def rendered_on_cloud(client: HttpClient, collection: str, page_id: str) -> RenderedBody:
    """Return a page of Cloud, in a `collection` of v2, as our account is shown it.

    Raise as `Source.rendered_body` does.
    """
    return _read(client.get(f"api/v2/{collection}/{quote(page_id, safe='')}", {"body-format": _FORMAT}), page_id)


def rendered_on_datacenter(client: HttpClient, page_id: str) -> RenderedBody:
    """Return a page of Data Center as our account is shown it. Raise as `Source.rendered_body` does."""
    query = {"expand": f"body.{_FORMAT},version", "status": "current"}
    return _read(client.get(f"rest/api/content/{quote(page_id, safe='')}", query), page_id)


def _read(answer: Json, page_id: str) -> RenderedBody:
    if answer.get("id") != page_id or answer.get("status") != "current":
        raise AnswerNotTrusted("Confluence answered with something other than the current page that was requested.")
    try:
        html = object_of(object_of(answer, "body"), _FORMAT).get("value")
        version = int_of(object_of(answer, "version"), "number")
    except FieldError as error:
        raise AnswerNotTrusted(f"Confluence describes a rendered page without {error}.") from None
    if not isinstance(html, str):
        raise AnswerNotTrusted("Confluence describes a rendered page without its value.")
    return RenderedBody(version=version, html=sanitize(html))

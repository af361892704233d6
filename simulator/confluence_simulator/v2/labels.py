"""Cloud v2: which labels the content of a space carries, and which pages carry a label."""

from confluence_simulator.call import Call
from confluence_simulator.messages import Answer
from confluence_simulator.refusals import RefusedError, v2_not_found
from confluence_simulator.routes import Route
from confluence_simulator.v2.attached import label_list
from confluence_simulator.v2.pages import content_list
from confluence_simulator.v2.spaces import space_of
from confluence_simulator.world import Label, Page


def content_labels(call: Call) -> Answer:
    """Each label once, whatever its prefix, of all that the caller sees there: pages, blog posts, archived ones too."""
    space = space_of(call)
    found = {label.id: label for row in _labelled(call) if row.space_id == space.id for label in row.labels}
    return label_list(call, list(found.values()))


def site_labels(call: Call) -> Answer:
    """List each label of the site once, of all content that the caller sees."""
    return label_list(call, list({label.id: label for row in _labelled(call) for label in row.labels}.values()))


def labelled_pages(call: Call) -> Answer:
    """Pages alone; of the spaces that `space-id` names, or of all."""
    label = _label_of(call)
    space_ids = call.query.ids("space-id", most=100)
    return content_list(call, "page", space_ids, keep=lambda page: label in page.labels)


def labelled_blog_posts(call: Call) -> Answer:
    """Do the same for blog posts."""
    label = _label_of(call)
    space_ids = call.query.ids("space-id", most=100)
    return content_list(call, "blogpost", space_ids, keep=lambda post: label in post.labels)


def _labelled(call: Call) -> list[Page]:
    moment = call.list_moment() or call.world.now
    shown = ("current", "archived")
    return [
        row for row in call.world.contents(moment) if isinstance(row, Page) and row.status in shown and call.sees(row)
    ]


def _label_of(call: Call) -> Label:
    """Return the label that the path names; refuse with 404 one that only hidden pages carry."""
    label_id = call.captured_id()
    for row in _labelled(call):
        for label in row.labels:
            if label.id == label_id:
                return label
    raise RefusedError(v2_not_found("label", label_id))


ROUTES = (
    Route("GET", "/api/v2/spaces/{id}/content/labels", content_labels),
    Route("GET", "/api/v2/labels", site_labels),
    Route("GET", "/api/v2/labels/{id}/pages", labelled_pages),
    Route("GET", "/api/v2/labels/{id}/blogposts", labelled_blog_posts),
)

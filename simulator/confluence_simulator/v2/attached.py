"""Cloud v2: what belongs to a page: labels, versions, attachments and comments."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from confluence_simulator.call import Call
from confluence_simulator.listing import Key
from confluence_simulator.messages import Answer
from confluence_simulator.refusals import RefusedError, v2_not_found
from confluence_simulator.routes import Route
from confluence_simulator.v2.attached_shapes import attachment_object, comment_object, label_object, listed_version
from confluence_simulator.v2.lists import content_key, list_answer
from confluence_simulator.v2.pages import LIST_FORMATS, content_of
from confluence_simulator.v2.shapes import version_object
from confluence_simulator.v2.spaces import space_of
from confluence_simulator.world import Attachment, Comment, Content, Label

Attached = TypeVar("Attached", Attachment, Comment)
PREFIXES = ("my", "team", "global", "system")
LABEL_SORTS = ("created-date", "-created-date", "id", "-id", "name", "-name")
ATTACHMENT_SORTS = ("created-date", "-created-date", "modified-date", "-modified-date")
ATTACHMENT_LIMIT = 50


def labels(call: Call) -> Answer:
    return label_list(call, content_of(call, _kind(call)).labels)


def space_labels(call: Call) -> Answer:
    return label_list(call, space_of(call).labels)


def _kind(call: Call) -> str:
    return "blogpost" if call.route.startswith("/api/v2/blogposts") else "page"


def label_list(call: Call, found: Sequence[Label]) -> Answer:
    prefix = call.query.choice("prefix", PREFIXES)
    sort = call.query.choice("sort", LABEL_SORTS, "id")

    def key(label: Label) -> Key:
        return (label.name if sort.endswith("name") else int(label.id), int(label.id))

    kept = [label for label in found if not prefix or label.prefix == prefix]
    return list_answer(call, lambda: kept, key, label_object, sort=sort, cursor_first=False)


def versions(call: Call) -> Answer:
    """Newest first, as without `sort` on real sites."""
    content = content_of(call, _kind(call))
    body_format = call.query.choice("body-format", LIST_FORMATS)
    sort = call.query.choice("sort", ("modified-date", "-modified-date"), "-modified-date")
    return list_answer(
        call,
        lambda: call.world.versions(content.id),
        lambda version: (version.version, version.version),
        lambda version: listed_version(version, body_format),
        sort=sort,
        cursor_first=False,
    )


def version(call: Call) -> Answer:
    content = content_of(call, _kind(call))
    wanted = call.captured["number"]
    for state in call.world.versions(content.id):
        if str(state.version) == wanted:
            document = {**version_object(state), "contentTypeModified": False, "collaborators": [state.editor_id]}
            if state.version > 1:
                document["prevVersion"] = state.version - 1
            if state.version < content.version:
                document["nextVersion"] = state.version + 1
            return Answer(document=document)
    raise RefusedError(v2_not_found("version", wanted))


def page_attachments(call: Call) -> Answer:
    content = content_of(call, _kind(call))
    return _attachment_list(call, lambda: call.world.under(content.id))


def attachments(call: Call) -> Answer:
    return _attachment_list(call, lambda: call.world.contents(call.list_moment()))


def _attachment_list(call: Call, candidates: Callable[[], Sequence[Content]]) -> Answer:
    statuses = call.query.choices("status", ("current", "archived", "trashed"), ("current", "archived"))
    media_type, filename = call.query.one("mediaType"), call.query.one("filename")
    sort = call.query.choice("sort", ATTACHMENT_SORTS, "created-date")

    def rows() -> list[Attachment]:
        return [
            row
            for row in candidates()
            if isinstance(row, Attachment)
            and row.status in statuses
            and (not media_type or row.media_type == media_type)
            and (not filename or row.title == filename)
        ]

    key = content_key(sort.removeprefix("-"))
    return list_answer(
        call,
        rows,
        key,
        lambda row: attachment_object(call.world, row),
        sort=sort,
        default_limit=ATTACHMENT_LIMIT,
        cursor_first=False,
        sees=call.sees,
    )


def attachment(call: Call) -> Answer:
    found = _one(call, Attachment)
    document = attachment_object(call.world, found)
    document["_links"]["base"] = call.site_url
    return Answer(document=document)


def footer_comments(call: Call) -> Answer:
    return _comment_list(call, "footer")


def inline_comments(call: Call) -> Answer:
    return _comment_list(call, "inline")


def _comment_list(call: Call, location: str) -> Answer:
    """Of a page, or of the whole site where the path names none; replies are under `children` alone."""
    body_format = call.query.choice("body-format", LIST_FORMATS)
    container = content_of(call, _kind(call)) if "id" in call.captured else None

    def rows() -> list[Comment]:
        candidates = call.world.contents(call.list_moment()) if container is None else call.world.under(container.id)
        return [
            row
            for row in candidates
            if isinstance(row, Comment) and row.location == location and row.parent_comment_id is None
        ]

    return _shown_comments(call, rows, body_format)


def comment_children(call: Call) -> Answer:
    parent = _one(call, Comment)
    body_format = call.query.choice("body-format", LIST_FORMATS)

    def rows() -> list[Comment]:
        return [row for row in call.world.comments(parent.container_id) if row.parent_comment_id == parent.id]

    return _shown_comments(call, rows, body_format, without=("pageId", "blogPostId"))


def _shown_comments(
    call: Call, rows: Callable[[], Sequence[Comment]], body_format: str, without: tuple[str, ...] = ()
) -> Answer:
    sort = call.query.choice("sort", ATTACHMENT_SORTS, "created-date")

    def show(row: Comment) -> dict[str, Any]:
        document = comment_object(call.world, row, body_format)
        return {name: value for name, value in document.items() if name not in without}

    return list_answer(call, rows, content_key(sort.removeprefix("-")), show, sort=sort, sees=call.sees)


def footer_comment(call: Call) -> Answer:
    return _comment(call, "footer")


def inline_comment(call: Call) -> Answer:
    return _comment(call, "inline")


def _comment(call: Call, location: str) -> Answer:
    """Each endpoint shows its own comments and no others."""
    found = _one(call, Comment)
    if found.location != location:
        raise RefusedError(v2_not_found("comment", found.id))
    document = comment_object(call.world, found, call.query.choice("body-format", LIST_FORMATS))
    document["_links"]["base"] = call.site_url
    return Answer(document=document)


def _one(call: Call, kind: type[Attached]) -> Attached:
    content_id = call.captured_id()
    found = call.find(content_id)
    if not isinstance(found, kind):
        raise RefusedError(v2_not_found(kind.__name__.lower(), content_id))
    return found


def _on_both(path: str, handler: Callable[[Call], Answer]) -> tuple[Route, Route]:
    return Route("GET", f"/api/v2/pages/{path}", handler), Route("GET", f"/api/v2/blogposts/{path}", handler)


ROUTES = (
    *_on_both("{id}/labels", labels),
    *_on_both("{id}/versions", versions),
    *_on_both("{id}/versions/{number}", version),
    *_on_both("{id}/attachments", page_attachments),
    *_on_both("{id}/footer-comments", footer_comments),
    *_on_both("{id}/inline-comments", inline_comments),
    Route("GET", "/api/v2/spaces/{id}/labels", space_labels),
    Route("GET", "/api/v2/attachments", attachments),
    Route("GET", "/api/v2/attachments/{id}", attachment),
    Route("GET", "/api/v2/footer-comments", footer_comments),
    Route("GET", "/api/v2/inline-comments", inline_comments),
    Route("GET", "/api/v2/footer-comments/{id}", footer_comment),
    Route("GET", "/api/v2/inline-comments/{id}", inline_comment),
    Route("GET", "/api/v2/footer-comments/{id}/children", comment_children),
    Route("GET", "/api/v2/inline-comments/{id}/children", comment_children),
)

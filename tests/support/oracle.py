"""What the database must hold, worked out from the simulator's world alone, and what it does hold.

Shares no code with the worker: its own SQL through psycopg, its own slow cleaning of text, its own hashes, its own
reading of the scope. Everything is read in one REPEATABLE READ snapshot, so that a worker may be at it meanwhile.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, TypeAlias
from urllib.parse import quote_plus

import psycopg
from confluence_simulator import Simulator, World
from confluence_simulator.world import Comment, Page
from confluence_simulator.world.access import can_view, can_view_space
from confluence_simulator.world.records import Space
from psycopg.rows import dict_row
from sqlalchemy import Engine, make_url

KEPT_CONTROLS = (0x09, 0x0A, 0x0D)
SEPARATORS = (0x0B, 0x0C, 0x1C, 0x1D, 0x1E, 0x1F, 0x85, 0x2028, 0x2029)
UNSEEN_RANGES = (
    (0x00, 0x1F),
    (0x7F, 0x9F),
    (0x200B, 0x200B),
    (0x200E, 0x200F),
    (0x2028, 0x202E),
    (0x2060, 0x2064),
    (0x2066, 0x2069),
    (0xFEFF, 0xFEFF),
    (0xFFFE, 0xFFFF),
    (0xE0000, 0xE007F),
)
EVERY_SPACE = "*"
COMMENT = "comment: "  #: how the type of a comment begins, among files
GONE = ("hide", "remove", "purge")
APPEARS = ("insert", "restore")

# Who may read what, as sets of tokens in the simulator's ids: `u:<account id>`, `g:<group id>`, `c:<class>`.
Layers: TypeAlias = frozenset[frozenset[str]]
EVERY_CLASS = ("anonymous-users", "authenticated-users", "all-licensed-users")
OPEN_TO_ALL = frozenset(f"c:{name}" for name in EVERY_CLASS)


class Row(NamedTuple):
    """One live page, in the columns that consumers know."""

    title: str
    space_key: str
    space_id: str | None
    version: int
    status: str
    parent_id: str | None
    parent_type: str | None
    last_updated: datetime
    url: str
    content_hash: str
    kind: str


class FileRow(NamedTuple):
    """One attachment that is shown, in the columns that consumers know; of a comment its text is the name."""

    page_id: str
    name: str
    media_type: str | None
    size_bytes: int | None
    version: int
    last_updated: datetime


class FileState(NamedTuple):
    """One row of an attachment or a comment, and its page."""

    row: FileRow
    hidden: str | None
    removed: str | None
    page_is_live: bool

    @property
    def live(self) -> bool:
        """Return True if it is neither hidden nor removed, whatever its page is."""
        return self.hidden is None and self.removed is None


class PageAttributes(NamedTuple):
    """What a live page carries without a version. None is not known."""

    labels: tuple[str, ...] | None
    readers: frozenset[frozenset[str]] | None  #: tokens of users and groups of each restriction, its own and above


class Hidden(NamedTuple):
    """One page that is kept and not shown."""

    reason: str
    since_run: int | None  #: run that hid it first
    space_id: str | None  #: of its row


class FeedRow(NamedTuple):
    """One row of the feed."""

    page_id: str
    space_key: str
    run_id: int
    action: str
    version: int | None
    attachment_id: str | None = None
    comment_id: str | None = None


class SpaceRow(NamedTuple):
    """Where one space stands."""

    key: str
    held: int  #: pages
    held_files: int
    watermark: datetime | None
    last_complete_at: datetime | None
    last_full_at: datetime | None
    full_pass_due: bool
    fingerprint: str | None
    allowed_run: int | None
    last_outcome: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """The configured scope, as a user would write it."""

    spaces: tuple[str, ...]
    exclude_spaces: tuple[str, ...] = ()
    page_trees: frozenset[str] = frozenset()
    exclude_page_trees: frozenset[str] = frozenset()
    include_labels: frozenset[str] = frozenset()
    exclude_labels: frozenset[str] = frozenset()
    attachments: bool = False
    comments: bool = False
    blog_posts: bool = False

    @property
    def is_every_page(self) -> bool:
        """Return True if no page of the spaces is out of scope."""
        return not (self.page_trees or self.exclude_page_trees or self.include_labels or self.exclude_labels)


@dataclass(frozen=True, kw_only=True, slots=True)
class Stored:
    """One snapshot of the database."""

    live: Mapping[str, Row]
    hidden: Mapping[str, Hidden]
    removed: Mapping[str, str | None]  #: page id → reason
    bodies: Mapping[str, str]  #: page id → stored text
    shown: frozenset[str]  #: ids in the view live_pages
    hashes: Mapping[str, str] = field(default_factory=dict)  #: page id → content_hash, of every row
    versions: Mapping[str, int] = field(default_factory=dict)  #: page id → version, of every row
    attributes: Mapping[str, PageAttributes] = field(default_factory=dict)  #: of the live pages
    audience: frozenset[str] = frozenset()  #: ids of the live pages that the view shows by its documented rule
    without_set: frozenset[str] = frozenset()  #: ids of rows that name an access set which is not there
    known_readers: frozenset[str] = frozenset()  #: ids of rows that name an access set
    last_action: Mapping[str, tuple[str, int | None]] = field(
        default_factory=dict
    )  #: page id → last action in the feed
    feed: Sequence[FeedRow] = ()  #: in the documented order
    spaces: Mapping[str, SpaceRow] = field(default_factory=dict)  #: by space id
    failing: Mapping[str, str] = field(default_factory=dict)  #: page id → stage
    files: Mapping[str, FileState] = field(default_factory=dict)  #: every row of an attachment or a comment, by id
    shown_files: frozenset[str] = frozenset()  #: ids in the views live_attachments and live_comments
    file_feed: Sequence[FeedRow] = ()  #: what the feed tells of attachments and comments, in order

    @property
    def kept(self) -> int:
        """Return how many rows are not removed."""
        return len(self.live) + len(self.hidden)


def sanitized(text: str) -> str:
    """Leave out what no reader sees, one character at a time.

    What separates lines becomes a newline, and a lone surrogate U+FFFD.
    """
    kept = []
    for character in text:
        code = ord(character)
        if 0xD800 <= code <= 0xDFFF:
            kept.append("\ufffd")
        elif code in SEPARATORS:
            kept.append("\n")
        elif code in KEPT_CONTROLS or not any(first <= code <= last for first, last in UNSEEN_RANGES):
            kept.append(character)
    return "".join(kept)


def one_line(text: str) -> str:
    """Clean a title."""
    return " ".join(sanitized(text).split())


def sha256(text: str) -> str:
    """Return 64 hex digits over UTF-8."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def mirrored_spaces(world: World, wanted: Wanted) -> dict[str, Space]:
    """Return the spaces that a right mirror has, by id."""
    return {
        space.id: space
        for space in world.spaces()
        if _covers(wanted, space) and space.status == "current" and can_view_space(space, world.bot)
    }


def _covers(wanted: Wanted, space: Space) -> bool:
    if space.key in wanted.exclude_spaces:
        return False
    return EVERY_SPACE in wanted.spaces or space.key in wanted.spaces


def visible(world: World, wanted: Wanted) -> dict[str, Page]:
    """Return the pages that a right mirror shows, by id."""
    with world.lock:
        spaces = mirrored_spaces(world, wanted)
        posts = world.pages(status="current", kind="blogpost") if wanted.blog_posts else []
        return {
            page.id: page
            for page in (*world.pages(status="current"), *posts)
            if page.space_id in spaces and can_view(world, page, world.bot) and _in_scope(world, page, wanted)
        }


def _in_scope(world: World, page: Page, wanted: Wanted) -> bool:
    if wanted.is_every_page:
        return True
    chain = {page.id, *(ancestor.id for ancestor in world.ancestors(page))}
    labels = set(labels_of(page))
    if chain & wanted.exclude_page_trees or labels & wanted.exclude_labels:
        return False
    in_trees = not wanted.page_trees or bool(chain & wanted.page_trees)
    return in_trees and (not wanted.include_labels or bool(labels & wanted.include_labels))


def labels_of(page: Page) -> tuple[str, ...]:
    """Return the labels of a page that everybody sees, sorted."""
    return tuple(sorted({one_line(label.name) for label in page.labels if label.prefix != "my"} - {""}))


def expected(world: World, site_url: str, wanted: Wanted) -> dict[str, Row]:
    """Return the live rows of a right mirror of this world, by page id."""
    with world.lock:
        return {page_id: _row(world, page, site_url) for page_id, page in visible(world, wanted).items()}


def expected_files(world: World, wanted: Wanted) -> dict[str, FileRow]:
    """Return the attachments and comments that a right mirror shows, by id: the current ones of the pages it shows."""
    with world.lock:
        files = {
            each.id: FileRow(
                page_id=page_id,
                name=one_line(each.title),
                media_type=each.media_type,
                size_bytes=each.file_size,
                version=each.version,
                last_updated=each.modified_at,
            )
            for page_id in (visible(world, wanted) if wanted.attachments else ())
            for each in world.attachments(page_id)
        }
        comments = {
            each.id: FileRow(
                page_id=page_id,
                name=sanitized(each.storage),
                media_type=_comment_state(each),
                size_bytes=None,
                version=each.version,
                last_updated=each.modified_at,
            )
            for page_id in (visible(world, wanted) if wanted.comments else ())
            for each in world.comments(page_id)
            if each.status == "current"
        }
    return files | comments


def _comment_state(comment: Comment) -> str:
    """Say where a comment stands, about which words, and whether it is open."""
    if comment.location == "footer":
        return f"{COMMENT}footer"
    return f"{COMMENT}inline, {'resolved' if comment.resolved else 'open'}, {comment.selection}"


def file_differences(right: Mapping[str, FileRow], found: Stored) -> list[str]:
    """Say which items of live pages are otherwise than they should be, whoever may read the pages."""
    live = {each: file.row for each, file in found.files.items() if file.live and file.page_is_live}
    return [
        f"item {each}: right {right.get(each)}, stored {live.get(each)}"
        for each in sorted(right.keys() | live.keys())
        if right.get(each) != live.get(each)
    ]


def _row(world: World, page: Page, site_url: str) -> Row:
    parent = None if page.parent_id is None else world.find(page.parent_id)
    path = f"/spaces/{page.space_key}/pages/{page.id}/{quote_plus(page.title)}"
    if world.space(page.space_id).homepage_id == page.id:
        path = f"/spaces/{page.space_key}/overview"
    if page.kind == "blogpost":
        path = f"/spaces/{page.space_key}/blog/{page.created_at:%Y/%m/%d}/{page.id}/{quote_plus(page.title)}"
    return Row(
        title=one_line(page.title),
        space_key=page.space_key,
        space_id=page.space_id,
        version=page.version,
        status=page.status,
        parent_id=None if parent is None else parent.id,
        parent_type=None if parent is None else parent.kind,
        last_updated=page.modified_at,
        url=site_url + path,
        content_hash=sha256(sanitized(page.storage)),
        kind={"page": "page", "blogpost": "blog_post"}[page.kind],
    )


def expected_attributes(world: World, wanted: Wanted) -> dict[str, PageAttributes]:
    """Return the labels and readers of the live pages of a right mirror, by page id."""
    with world.lock:
        return {page_id: _attributes_of(world, page) for page_id, page in visible(world, wanted).items()}


def _attributes_of(world: World, page: Page) -> PageAttributes:
    above = [each.read for each in (page, *world.ancestors(page))]
    return PageAttributes(
        labels=labels_of(page),
        readers=frozenset(
            frozenset([f"u:{user}" for user in own.users] + [f"g:{group}" for group in own.groups])
            for own in above
            if own.users or own.groups
        ),
    )


def _stored_attributes(row: Mapping[str, Any], layers: Mapping[int, Sequence[frozenset[str]]]) -> PageAttributes:
    """Return labels and readers of a row; of its access set without the layer of the space."""
    of_space = frozenset(row["viewers"] or ())
    return PageAttributes(
        labels=None if row["labels"] is None else tuple(row["labels"]),
        readers=None
        if row["access_set_id"] is None
        else frozenset(layer for layer in layers.get(row["access_set_id"], ()) if layer != of_space),
    )


def _audience_of(
    rows: Iterable[Mapping[str, Any]], layers: Mapping[int, Sequence[frozenset[str]]], policy: Mapping[str, Any] | None
) -> frozenset[str]:
    """Return the live pages that consumers are shown: all in mode `account`, else those that the audience may read."""
    if policy is None:
        return frozenset()
    licences = frozenset(f"g:{name}" for name in policy["licence_groups"])
    tokens = {"c:everyone", *OPEN_TO_ALL, *(f"g:{name}" for name in policy["audience_groups"])}
    tokens |= licences if len(licences) == 1 else set()

    def is_shown(row: Mapping[str, Any]) -> bool:
        if row["hidden_at"] is not None or row["removed_at"] is not None:
            return False
        needed = layers.get(row["access_set_id"])
        lets_in = needed is not None and all(each & tokens or (licences and licences <= each) for each in needed)
        return bool(policy["mode"] == "account" or (lets_in and row["recent"]))

    return frozenset(row["id"] for row in rows if is_shown(row))


_PAGES = """
    SELECT page.*, EXISTS (
        SELECT FROM sync_spaces space JOIN access_policy policy ON true WHERE space.space_id = page.space_id
            AND space.access_checked_at > now() - policy.max_age_hours * interval '1 hour'
    ) AS recent, (
        SELECT array_agg(principal) FROM space_permissions permission WHERE permission.space_id = page.space_id
    ) AS viewers
    FROM confluence_pages page"""
_FILES = """
    SELECT file.*, page.hidden_at IS NULL AND page.removed_at IS NULL AS page_is_live
    FROM page_attachments file JOIN confluence_pages page ON page.id = file.page_id"""
_COMMENTS = f"""
    SELECT comment.*, comment.storage AS name, NULL AS size_bytes,
        '{COMMENT}' || comment.kind
            || CASE comment.kind WHEN 'inline' THEN concat(', ', resolution, ', ', quoted_text) ELSE '' END
            AS media_type,
        page.hidden_at IS NULL AND page.removed_at IS NULL AS page_is_live
    FROM page_comments comment JOIN confluence_pages page ON page.id = comment.page_id"""
_SHOWN_FILES = "SELECT id FROM live_attachments UNION ALL SELECT id FROM live_comments"
_TOLD = """
    SELECT page_id, space_key, run_id, action, version, attachment_id, comment_id FROM content_changes ORDER BY seq"""
_LAYERS = """
    SELECT set_id, array_remove(array_agg(principal), NULL) AS principals
    FROM access_layers LEFT JOIN access_principals USING (layer) GROUP BY set_id, layer"""


def attribute_differences(right: Mapping[str, PageAttributes], found: Stored) -> list[str]:
    """Say which live pages have other labels or readers than they should, after both were compared."""
    return [
        f"{page_id}: right {attributes}, stored {found.attributes[page_id]}"
        for page_id, attributes in right.items()
        if page_id in found.attributes and found.attributes[page_id] != attributes
    ]


def stored(database_url: str) -> Stored:
    """Read the whole database in one snapshot."""
    plain = make_url(database_url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, row_factory=dict_row) as connection:
        return stored_through(connection)


def stored_through(connection: psycopg.Connection[dict[str, Any]]) -> Stored:
    """Do the same over a connection that is there already, is not within a transaction, and returns rows as dicts."""
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        rows = connection.execute(_PAGES).fetchall()
        layers: dict[int, list[frozenset[str]]] = {}
        for layer in connection.execute(_LAYERS).fetchall():
            layers.setdefault(layer["set_id"], []).append(frozenset(layer["principals"]))
        bodies = connection.execute("SELECT page_id, storage FROM page_bodies").fetchall()
        view = connection.execute("SELECT id FROM live_pages").fetchall()
        policy = connection.execute("SELECT * FROM access_policy").fetchone()
        told = connection.execute(_TOLD).fetchall()
        files = connection.execute(_FILES).fetchall() + connection.execute(_COMMENTS).fetchall()
        shown_files = connection.execute(
            "SELECT id FROM live_attachments UNION ALL SELECT id FROM live_comments"
        ).fetchall()
        spaces = connection.execute("SELECT * FROM sync_spaces").fetchall()
        failing = connection.execute("SELECT page_id, stage FROM page_failures").fetchall()
    columns = Row._fields
    feed = [row for row in told if row["attachment_id"] is None and row["comment_id"] is None]
    return Stored(
        live={
            row["id"]: Row(*(row[name] for name in columns))
            for row in rows
            if row["hidden_at"] is None and row["removed_at"] is None
        },
        hidden={
            row["id"]: Hidden(row["hidden_reason"], row["missing_since_run_id"], row["space_id"])
            for row in rows
            if row["hidden_at"] and not row["removed_at"]
        },
        removed={row["id"]: row["removed_reason"] for row in rows if row["removed_at"]},
        bodies={row["page_id"]: row["storage"] for row in bodies},
        shown=frozenset(row["id"] for row in view),
        hashes={row["id"]: row["content_hash"] for row in rows},
        versions={row["id"]: row["version"] for row in rows},
        attributes={
            row["id"]: _stored_attributes(row, layers)
            for row in rows
            if row["hidden_at"] is None and row["removed_at"] is None
        },
        audience=_audience_of(rows, layers, policy),
        without_set=frozenset(
            row["id"] for row in rows if row["access_set_id"] is not None and row["access_set_id"] not in layers
        ),
        known_readers=frozenset(row["id"] for row in rows if row["access_set_id"] is not None),
        last_action={row["page_id"]: (row["action"], row["version"]) for row in feed},
        feed=[FeedRow(**row) for row in feed],
        spaces={row["space_id"]: _space_row(row) for row in spaces if row["space_id"]},
        failing={row["page_id"]: row["stage"] for row in failing},
        files={row["id"]: _file_state(row) for row in files},
        shown_files=frozenset(row["id"] for row in shown_files),
        file_feed=[FeedRow(**row) for row in told if row["attachment_id"] or row["comment_id"]],
    )


def _file_state(row: Mapping[str, Any]) -> FileState:
    shown = FileRow(*(row[name] for name in FileRow._fields))
    return FileState(shown, row["hidden_reason"], row["removed_reason"], row["page_is_live"])


def _space_row(row: Mapping[str, Any]) -> SpaceRow:
    return SpaceRow(
        key=row["space_key"],
        held=row["held"] - row["held_attachments"] - row["held_comments"],
        held_files=row["held_attachments"] + row["held_comments"],
        watermark=row["watermark"],
        last_complete_at=row["last_complete_at"],
        last_full_at=row["last_full_at"],
        full_pass_due=row["full_pass_due"],
        fingerprint=row["scope_fingerprint"],
        allowed_run=row["mass_delete_allowed_run_id"],
        last_outcome=row["last_outcome"],
    )


def differences(right: Mapping[str, Row], found: Stored) -> list[str]:
    """Say in which rows the database differs from what is right, and where it contradicts itself."""
    return [*_wrong_rows(right, found.live), *contradictions(found)]


def _wrong_rows(right: Mapping[str, Row], live: Mapping[str, Row]) -> Iterator[str]:
    for page_id in sorted(right.keys() | live.keys()):
        if page_id not in live:
            yield f"{page_id} is missing"
        elif page_id not in right:
            yield f"{page_id} is a ghost"
        elif right[page_id] != live[page_id]:
            pairs = zip(Row._fields, right[page_id], live[page_id], strict=True)
            yield from (f"{page_id}.{name}: right {a!r}, stored {b!r}" for name, a, b in pairs if a != b)


def contradictions(found: Stored) -> Iterator[str]:
    """Say where the database contradicts itself, whatever the source shows; true at every moment of every run."""
    for page_id, body in found.bodies.items():
        if sha256(body) != found.hashes[page_id]:
            yield f"{page_id}: the stored body has another hash than its row says"
    for page_id in found.hashes.keys() - found.bodies.keys():
        yield f"{page_id} has no body"
    for page_id in found.audience ^ found.shown:
        yield f"{page_id} is for the audience or in the view live_pages, and not both"
    for page_id in found.without_set:
        yield f"{page_id} names an access set that is not there"
    for page_id in (found.hidden.keys() | found.removed.keys()) & found.known_readers:
        yield f"{page_id} is not live, and somebody would believe that its readers are known"
    for page_id in found.hashes:
        action, version = found.last_action.get(page_id, ("nothing", None))
        if (action not in GONE) != (page_id in found.live):
            yield f"the feed ends with {action} for {page_id}, and it is {_state(page_id, found)}"
        elif page_id in found.live and version != found.live[page_id].version:
            yield f"the feed ends with version {version} of {page_id}, and it is live in {found.live[page_id].version}"
    yield from _broken_order(found.feed)
    yield from _file_contradictions(found)


def _file_contradictions(found: Stored) -> Iterator[str]:
    for each, file in found.files.items():
        is_shown, may_be = each in found.shown_files, file.live and file.row.page_id in found.shown
        waits = (file.row.media_type or "").startswith(COMMENT)  # for access that is read after its text
        if is_shown != may_be and not (waits and may_be):
            yield f"item {each} is shown otherwise than its page and its row say"
    last = {str(row.attachment_id or row.comment_id): row for row in found.file_feed}
    for each, row in last.items():
        known = found.files.get(each)
        if known is not None and known.page_is_live and (row.action not in GONE) != known.live:
            yield f"the feed ends with {row.action} for item {each}, and it is {known}"


def _state(page_id: str, found: Stored) -> str:
    return "live" if page_id in found.live else "not live"


def _broken_order(feed: Iterable[FeedRow]) -> Iterator[str]:
    """Replay the feed in its documented order: a page that is shown disappears, one that is not appears."""
    shown: set[str] = set()
    for row in feed:
        if row.action in APPEARS and row.page_id in shown:
            yield f"the feed has {row.action} for {row.page_id}, which it shows already"
        elif row.action not in APPEARS and row.action != "purge" and row.page_id not in shown:
            yield f"the feed has {row.action} for {row.page_id}, which it does not show"
        if row.action in GONE:
            shown.discard(row.page_id)
        else:
            shown.add(row.page_id)


def wrong(engine: Engine, site: Simulator, *space_keys: str, marked: bool = False) -> list[str]:
    """Return in what the database differs from a complete mirror of these spaces (all of the site without any).

    `marked`: rows of hidden and removed pages may be there too.
    """
    keys = space_keys or tuple(space.key for space in site.world.spaces())
    found = stored(engine.url.render_as_string(hide_password=False))
    faults = differences(expected(site.world, site.site_url, Wanted(spaces=keys)), found)
    if not marked:
        faults += [f"{page_id} is kept as hidden or removed" for page_id in sorted({**found.hidden, **found.removed})]
    return faults


@dataclass(frozen=True, kw_only=True, slots=True)
class NodeState:
    """A page or another node at one moment."""

    version: int
    parent_id: str | None
    space_id: str
    layers: Layers

    def lets_in(self, tokens: frozenset[str]) -> bool:
        """Return True if somebody who is these principals passes every layer."""
        return all(layer & tokens for layer in self.layers)


def layers_of(world: World, node: Page, open_spaces: Iterable[str] = ()) -> Layers:
    """Return the layers that a reader of the node must pass, the space's among them and the site's not."""
    space = world.space(node.space_id)
    layers = {OPEN_TO_ALL if space.key in open_spaces else _viewers(space)}
    chain: list[str] = []
    at: Page | None = node
    while at is not None and at.id not in chain:
        chain.append(at.id)
        own = frozenset([f"u:{user}" for user in at.read.users] + [f"g:{group}" for group in at.read.groups])
        layers |= {own} if own else set()
        above = None if at.parent_id is None else world.find(at.parent_id)
        at = above if isinstance(above, Page) else None
    return frozenset(layers)


def _viewers(space: Space) -> frozenset[str]:
    """Return who may view a space, by its permissions and its roles."""
    named = [
        (row.principal_type, row.principal_id)
        for row in space.permissions
        if (row.operation, row.target_type) == ("read", "space")
    ]
    named += [(row.principal_type, row.principal_id) for row in space.roles if "read/space" in row.role.permissions]
    letters = {"user": "u", "group": "g", "access-class": "c", "access_class": "c"}
    return frozenset(
        f"{letters[kind.lower()]}:{name.lower().replace('_', '-') if letters[kind.lower()] == 'c' else name}"
        for kind, name in named
        if kind.lower() in letters
    )


def tokens_of(world: World, user: str | None = None, groups: Iterable[str] = ()) -> frozenset[str]:
    """Return the principals of a licensed asker: a user with all groups, or somebody who is in these groups alone."""
    inside = {world.group(name).id for name in groups}
    if user is not None:
        inside |= set(world.user(user).groups)
    waiting = list(inside)
    while waiting:
        inner = waiting.pop()
        around = {group.id for group in world.groups() if inner in group.groups} - inside
        inside |= around
        waiting += around
    own = set() if user is None else {f"u:{world.user(user).account_id}"}
    return OPEN_TO_ALL | own | {f"g:{group}" for group in inside}


def states_of(world: World, open_spaces: Iterable[str] = ()) -> dict[str, NodeState]:
    """Return every page and other node that is not purged, by id, whatever its status."""
    with world.lock:
        return {
            node.id: NodeState(
                version=node.version,
                parent_id=node.parent_id,
                space_id=node.space_id,
                layers=layers_of(world, node, open_spaces),
            )
            for node in world.contents()
            if isinstance(node, Page) and node.kind != "blogpost"
        }

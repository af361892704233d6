"""A small world with one of everything, and a client of `requests` that knows the simulator's credentials."""

from typing import Any

import requests
from confluence_simulator import Simulator, World
from confluence_simulator.world import Page

USERNAME = "hr-bot@example.com"
TOKEN = "simulated-token"
TIMEOUT_SECONDS = 10


class Client:
    """Sends the right credentials; redirects are shown, not followed."""

    def __init__(self, base: str, *, token: str = TOKEN) -> None:
        self.base = base
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.auth = (USERNAME, token)

    def ask(self, path: str, **query: Any) -> requests.Response:
        return self.session.get(self.base + path, params=query, timeout=TIMEOUT_SECONDS, allow_redirects=False)

    def send(self, path: str, body: Any) -> requests.Response:
        """Post a JSON body."""
        return self.session.post(self.base + path, json=body, timeout=TIMEOUT_SECONDS, allow_redirects=False)

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        """Return the JSON object of a 200 answer."""
        answer = self.ask(path, **query)
        assert answer.status_code == 200, answer.text
        document: dict[str, Any] = answer.json()
        return document

    def walk(self, path: str, **query: Any) -> list[dict[str, Any]]:
        """All rows of a v2 list, following `next` on the host; no page is asked for twice."""
        host = self.base.split("/wiki")[0]
        document = self.get(path, **query)
        rows: list[dict[str, Any]] = document["results"]
        asked: set[str] = set()
        while "next" in document["_links"]:
            assert document["_links"]["next"] not in asked
            asked.add(document["_links"]["next"])
            answer = self.session.get(host + document["_links"]["next"], timeout=TIMEOUT_SECONDS)
            assert answer.status_code == 200, answer.text
            document = answer.json()
            rows += document["results"]
        return rows


def client(simulator: Simulator, *, token: str = TOKEN) -> Client:
    return Client(simulator.site_url, token=token)


def titled(world: World, title: str) -> Page:
    kinds = ("page", "blogpost", "folder")
    return next(page for kind in kinds for page in world.pages(kind=kind) if page.title == title)  # type: ignore[arg-type]


def furnished_world() -> World:
    """Space HR: Home > Leave > (Annual leave, folder Forms > Claim form); archived and personal spaces; a blog post."""
    world = World()
    world.add_group("people-operations")
    world.create_space("HR", "Human Resources", description="Everything about work", labels=("handbook",))
    home = world.create_page(space_key="HR", title="Home", storage="<p>Welcome</p>")
    world.set_homepage("HR", home.id)
    leave = world.create_page(
        space_key="HR",
        title="Leave",
        storage="<p>Leave&nbsp;rules &rarr; here</p>",
        parent_id=home.id,
        labels=("leave",),
    )
    annual = world.create_page(space_key="HR", title="Annual leave", storage="<p>30 days</p>", parent_id=leave.id)
    world.edit_page(annual.id, storage="<p>31 days</p>", message="One more")
    folder = world.create_folder(space_key="HR", title="Forms", parent_id=leave.id)
    world.create_page(space_key="HR", title="Claim form", storage="<p>Fill in</p>", parent_id=folder.id)
    world.restrict_page(leave.id, users=(world.author.username,), groups=("people-operations",))
    world.restrict_page(leave.id, groups=("people-operations",), operation="update")
    world.place_page(annual.id, None)
    world.attach(
        leave.id, filename="leave plan.pdf", payload=b"%PDF-1.7", media_type="application/pdf", comment="Draft"
    )
    footer = world.comment(leave.id, storage="<p>Clear.</p>")
    world.comment(leave.id, storage="<p>Thanks!</p>", parent_comment_id=footer.id)
    world.comment(leave.id, storage="<p>Which days?</p>", selection="Leave rules")
    post = world.create_blog_post(space_key="HR", title="New benefits", storage="<p>Read on</p>")
    world.label_page(post.id, "news")
    world.create_space("OLD", "Old rules", status="archived")
    world.create_page(space_key="OLD", title="Rules of 2019", storage="<p>Old</p>")
    world.create_space("~ann", "Ann Lee", type="personal")
    world.create_page(space_key="~ann", title="Notes", storage="<p>Mine</p>")
    return world

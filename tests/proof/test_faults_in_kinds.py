"""Every wrong answer in place of what is asked about blog posts and comments."""

from collections.abc import Iterator

import pytest
from confluence_simulator import Simulator, World
from confluence_simulator.faults.answers import ANSWERS

from hr_sync.store.engine import make_engine
from tests.conftest import _database
from tests.proof.rehearsal import Rehearsal
from tests.proof.seeds import one_in
from tests.support.oracle import Wanted

pytestmark = pytest.mark.long

WANTED = Wanted(spaces=("A",), comments=True, blog_posts=True)
#: Lists, texts and single reads.
REQUESTS = {
    "list of posts": r"/spaces/\d+/blogposts\?",
    "posts by id": r"/blogposts(\?.*id=|/\d+)",
    "list of comments": r"/content/search\?.*cql=space.*comment",
    "texts of comments": r"/content/search\?.*cql=type.*comment.*id\+in",
    "comments by id": r"/(footer|inline)-comments/",
}
CASES = [
    (kind, request)
    for number, kind in enumerate(ANSWERS)
    for place, request in enumerate(REQUESTS)
    if (number + place) % one_in(len(REQUESTS)) == 0
]


def world_before() -> World:
    """Make a space with posts, and comments about a page."""
    world = World()
    world.create_space("A", "Space A")
    home = world.create_page(space_key="A", title="Home", storage="<p>Welcome</p>")
    world.set_homepage("A", home.id)
    page = world.create_page(space_key="A", title="Policy", storage="<p>Rule</p>")
    for number in range(3):
        world.create_blog_post(space_key="A", title=f"Post {number}", storage=f"<p>News {number}</p>")
        world.comment(page.id, storage=f"<p>Question {number}</p>")
    return world


def changed_world() -> World:
    """Edit one of each, delete one of each, and add one of each."""
    world = world_before()
    posts = [each for each in world.contents() if each.kind == "blogpost"]
    page = next(each for each in world.pages() if each.title == "Policy")
    comments = world.comments(page.id)
    world.edit_page(posts[0].id, storage="<p>News 0, edited</p>")
    world.trash_page(posts[1].id)
    world.create_blog_post(space_key="A", title="Post new", storage="<p>New</p>")
    world.edit_comment(comments[0].id, storage="<p>Question 0, edited</p>")
    world.remove_comment(comments[1].id, trash=True)
    world.comment(page.id, storage="<p>Question new</p>")
    return world


@pytest.fixture(scope="module")
def kinds(postgres_server: str, template_database: str) -> Iterator[Rehearsal]:
    """Return the run that is broken, on a database of its own."""
    with _database(postgres_server, template_database) as url, Simulator(world_before()) as site:
        engine = make_engine(url)
        played = Rehearsal(site, engine, url, WANTED, changed_world)
        yield played
        played.close()
        engine.dispose()


@pytest.mark.parametrize(("kind", "request_"), CASES)
def test_a_wrong_answer_about_a_kind_removes_nothing(kinds: Rehearsal, kind: str, request_: str) -> None:
    """And the next run makes the mirror right."""
    kinds.break_requests(kind, REQUESTS[request_])

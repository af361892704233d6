"""What an edit of the world does and does not change."""

import threading
from datetime import timedelta

import pytest
from confluence_simulator import World
from confluence_simulator.world import Page, WorldError
from confluence_simulator.world.access import can_view

from tests.simulator.sites import furnished_world, titled


@pytest.fixture
def world() -> World:
    return furnished_world()


def test_same_edits_give_the_same_world() -> None:
    """Ids, times and account ids repeat exactly, on every machine."""
    assert furnished_world().contents() == furnished_world().contents()
    assert furnished_world().users() == furnished_world().users()


def test_edit_and_rename_make_a_version(world: World) -> None:
    """A new version has the next number, a later time and its own body; the old one is still known."""
    page = titled(world, "Home")

    edited = world.edit_page(page.id, storage="<p>New</p>")
    renamed = world.rename_page(page.id, "Start")

    assert (edited.version, renamed.version) == (2, 3)
    assert page.modified_at < edited.modified_at < renamed.modified_at
    assert [state.storage for state in world.versions(page.id)] == ["<p>Welcome</p>", "<p>New</p>", "<p>New</p>"]
    assert [state.title for state in world.versions(page.id)] == ["Home", "Home", "Start"]


@pytest.mark.parametrize("edit", ["move", "label", "unlabel", "restrict", "trash", "archive", "place"])
def test_other_edits_make_no_version(world: World, edit: str) -> None:
    """Moves, labels, restrictions, trash and archive leave version and modified_at alone; only changed_at moves."""
    page = titled(world, "Leave")
    edits = {
        "move": lambda: world.move_page(page.id, parent_id=None),
        "label": lambda: world.label_page(page.id, "new"),
        "unlabel": lambda: world.unlabel_page(page.id, "leave"),
        "restrict": lambda: world.unrestrict_page(page.id),
        "trash": lambda: world.trash_page(page.id),
        "archive": lambda: world.archive_page(page.id),
        "place": lambda: world.place_page(page.id, 7),
    }

    changed = edits[edit]()

    assert (changed.version, changed.modified_at) == (page.version, page.modified_at)
    assert changed.changed_at > page.changed_at
    assert changed != page


def test_views_are_frozen(world: World) -> None:
    """A view shows the state at the time of the call, and cannot be changed."""
    page = titled(world, "Home")
    world.rename_page(page.id, "Start")

    assert page.title == "Home"
    with pytest.raises(AttributeError):
        page.title = "Other"  # type: ignore[misc]


def test_move_to_another_space_takes_descendants_along(world: World) -> None:
    """Page, folder and what is under them all change their space; ids stay."""
    leave = titled(world, "Leave")
    below = {page.id for page in world.descendants(leave.id)}

    world.move_page(leave.id, parent_id=None, space_key="OLD")

    assert {page.space_key for page in world.descendants(leave.id)} == {"OLD"}
    assert {page.id for page in world.descendants(leave.id)} == below
    assert len(below) == 3


def test_a_page_cannot_move_under_itself(world: World) -> None:
    """A cycle of parents is refused."""
    with pytest.raises(WorldError, match="under itself"):
        world.move_page(titled(world, "Home").id, parent_id=titled(world, "Claim form").id)


def test_trash_moves_children_up_or_takes_them_along(world: World) -> None:
    """A plain trash leaves the children with the grandparent; a tree trash takes all below."""
    home, leave, annual = (titled(world, title) for title in ("Home", "Leave", "Annual leave"))
    world.trash_page(leave.id)

    assert world.page(annual.id).parent_id == home.id
    world.trash_page(home.id, tree=True)
    assert world.page(annual.id).status == "trashed"


def test_restored_page_keeps_id_and_version(world: World) -> None:
    """Back under its parent if that is still current, else at the top."""
    annual = titled(world, "Annual leave")
    world.trash_page(annual.id)
    world.trash_page(titled(world, "Leave").id)

    restored = world.restore_page(annual.id)

    assert (restored.status, restored.version, restored.parent_id) == ("current", 2, None)


def test_purged_page_is_gone_with_what_hung_on_it(world: World) -> None:
    """Neither the page nor its comments and attachments can be found."""
    leave = titled(world, "Leave")
    attachment = world.attachments(leave.id)[0]

    world.purge_page(leave.id)

    assert world.find(leave.id) is None
    assert world.find(attachment.id) is None
    with pytest.raises(WorldError):
        world.page(leave.id)


def test_a_title_is_taken_by_current_and_archived_pages(world: World) -> None:
    """Within a space; trash frees it, archive does not; case does not matter."""
    home = titled(world, "Home")
    with pytest.raises(WorldError, match="already exists"):
        world.create_page(space_key="HR", title="HOME")
    world.archive_page(home.id)
    with pytest.raises(WorldError, match="already exists"):
        world.create_page(space_key="HR", title="Home")
    world.trash_page(home.id)

    assert world.create_page(space_key="HR", title="Home").id != home.id
    assert world.create_page(space_key="OLD", title="Annual leave").title == "Annual leave"


def test_read_restrictions_inherit(world: World) -> None:
    """Who may not read a page may not read anything below it; update restrictions do not inherit."""
    stranger = world.add_user("carl")
    member = world.add_user("dora", groups=("people-operations", "confluence-users"))
    claim = titled(world, "Claim form")

    assert can_view(world, claim, world.author)
    assert can_view(world, claim, member)
    assert not can_view(world, claim, stranger)
    assert not can_view(world, claim, None)
    assert can_view(world, titled(world, "Home"), stranger)


def test_hidden_page_is_hidden_from_the_bot(world: World) -> None:
    """A restriction without the account that syncs hides the page and all below it from that account."""
    leave = titled(world, "Leave")
    assert can_view(world, leave, world.bot)

    hidden = world.hide_page(leave.id)

    assert not can_view(world, hidden, world.bot)
    assert not can_view(world, titled(world, "Annual leave"), world.bot)


def test_space_permission_decides_first(world: World) -> None:
    """Without the right to view the space nothing in it is seen."""
    world.forbid_space("HR", group="confluence-users")

    assert not can_view(world, titled(world, "Home"), world.bot)
    world.permit_space("HR", user="hr-bot")
    assert can_view(world, titled(world, "Home"), world.bot)


def test_past_states_can_be_read(world: World) -> None:
    """find_at shows a page as it was: title, place, labels and existence."""
    before_all = world.now
    page = world.create_page(space_key="HR", title="Young", labels=("one",))
    before_edit = world.now
    world.rename_page(page.id, "Old")
    world.label_page(page.id, "two")
    world.purge_page(page.id)

    earlier = world.find_at(page.id, before_edit)

    assert isinstance(earlier, Page)
    assert (earlier.title, [label.name for label in earlier.labels]) == ("Young", ["one"])
    assert world.find_at(page.id, before_all) is None
    assert world.find_at(page.id, world.now) is None


def test_time_passes_only_by_edits_and_by_wish() -> None:
    """Each edit moves the clock by one step; reads move nothing."""
    world = World(step=timedelta(seconds=5))
    start = world.now
    world.create_space("HR")
    after_space = world.now
    world.pages()
    page = world.create_page(space_key="HR", title="A")

    assert page.created_at - after_space == timedelta(seconds=5)
    world.advance(timedelta(hours=1))
    assert world.now > start + timedelta(hours=1)


def test_rekeyed_space_keeps_id_and_pages(world: World) -> None:
    """The key changes for the space and for all that is in it."""
    space = world.space("HR")
    count = len(world.pages(space_key="HR"))

    world.rekey_space("HR", "PEOPLE")

    assert world.space("PEOPLE").id == space.id
    assert len(world.pages(space_key="PEOPLE")) == count
    assert world.pages(space_key="HR") == []


def test_events_tell_each_edit_until_unlistened(world: World) -> None:
    """Listeners get every later event, with old and new parent for a move."""
    leave = titled(world, "Leave")
    names: list[str] = []
    unlisten = world.listen(lambda event: names.append(event.name))
    world.edit_page(leave.id, storage="x")
    world.move_page(leave.id, parent_id=None)
    unlisten()
    world.trash_page(leave.id)

    assert names == ["page_updated", "page_moved"]
    moved = next(event for event in reversed(world.events) if event.name == "page_moved")
    assert (moved.old_parent_id, moved.new_parent_id) == (titled(world, "Home").id, None)


def test_a_world_can_become_another(world: World) -> None:
    """It takes over content, people, clock and events; its lock and listeners stay, and its revision grows."""
    lock, revision, names = world.lock, world.revision, list[str]()
    world.listen(lambda event: names.append(event.name))
    other = World(seed=9)
    other.create_space("NEW")
    page = other.create_page(space_key="NEW", title="Only one")
    world.become(other)

    assert (world.pages(), world.spaces(), world.users()) == (other.pages(), other.spaces(), other.users())
    assert (world.now, world.bot, world.author) == (other.now, other.bot, other.author)
    assert world.lock is lock
    assert world.revision > max(revision, other.revision)
    world.rename_page(page.id, "Renamed")
    assert names == ["page_updated"]
    assert world.new_id() != page.id


def test_the_account_is_shown_as_it_is_now(world: World) -> None:
    """Groups that it joins count from then on."""
    group = world.add_group("auditors")
    world.set_groups(world.bot.username, ("auditors",))

    assert world.bot.groups == (group.id,)


def test_parallel_edits_lose_nothing() -> None:
    """Eight threads that edit one page fifty times each leave 401 versions."""
    world = World()
    world.create_space("HR")
    page = world.create_page(space_key="HR", title="Busy")

    def edit() -> None:
        for _ in range(50):
            world.edit_page(page.id, storage="x")

    threads = [threading.Thread(target=edit) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert world.page(page.id).version == 401
    assert len(world.versions(page.id)) == 401


@pytest.mark.parametrize(
    "wrong",
    [
        lambda world: world.edit_page("1"),
        lambda world: world.create_page(space_key="NONE", title="A"),
        lambda world: world.create_space("hr"),
        lambda world: world.restrict_page(titled(world, "Home").id, users=("nobody",)),
        lambda world: world.create_page(space_key="OLD", title="A", parent_id=titled(world, "Home").id),
        lambda world: world.move_page(titled(world, "Home").id, parent_id=titled(world, "Notes").id),
    ],
)
def test_impossible_edits_raise(world: World, wrong: object) -> None:
    """Unknown ids, keys and names, taken keys and parents elsewhere raise WorldError and change nothing."""
    before = world.contents()
    assert callable(wrong)
    with pytest.raises(WorldError):
        wrong(world)

    assert world.contents() == before


def test_comments_are_edited_resolved_removed_and_restored() -> None:
    """An edit is a version, a state is none; what is deleted for good is not found. A reply is what it answers."""
    world = World()
    world.create_space("HR")
    page = world.create_page(space_key="HR", title="Leave", storage="<p>Thirty days.</p>")
    inline = world.comment(page.id, storage="<p>Days?</p>", selection="days")
    reply = world.comment(page.id, storage="<p>Yes.</p>", parent_comment_id=inline.id)
    assert (reply.location, reply.selection) == ("inline", "")

    assert (world.resolve_comment(inline.id).version, world.reopen_comment(inline.id).resolved) == (1, False)
    edited = world.edit_comment(reply.id, storage="<p>No.</p>")
    assert (edited.version, edited.storage, edited.created_at) == (2, "<p>No.</p>", reply.created_at)
    assert world.remove_comment(reply.id, trash=True).status == "trashed"
    assert world.restore_comment(reply.id).status == "current"
    world.remove_comment(inline.id)
    assert (world.find(inline.id), [each.id for each in world.comments(page.id)]) == (None, [reply.id])

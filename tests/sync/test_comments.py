"""The comments of a space: mirrored, withdrawn by evidence, shown with their page, told in the feed, text of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any, Literal

import pytest
from confluence_simulator import Simulator, World
from confluence_simulator.world import Comment
from sqlalchemy import Engine

from hr_sync.confluence.cloud import CloudSource
from hr_sync.confluence.datacenter import DataCenterSource
from hr_sync.derive.people import People
from hr_sync.derive.texts import derive_texts
from hr_sync.domain.access import AccessMode, AccessPolicy
from hr_sync.domain.content import ItemKind
from hr_sync.domain.outcome import Outcome
from hr_sync.domain.scope import PageScope
from hr_sync.store.store import Store
from hr_sync.sync.context import SyncContext, SyncPolicy
from tests.support.wiring import access, ask, context_of, fault, fired, full, incremental, preview

WITH = PageScope(items=frozenset({ItemKind.COMMENTS}))
FLAVORS: dict[str, tuple[Literal["cloud", "datacenter"], type[CloudSource] | type[DataCenterSource]]] = {
    "cloud": ("cloud", CloudSource),
    "datacenter": ("datacenter", DataCenterSource),
}
LIST = r"/rest/api/content/search\?.*type\+%3D\+comment\+order"
ONE = r"/api/v2/(footer|inline)-comments/\d+"
TEXTS = r"/rest/api/content/search\?.*type\+%3D\+comment\+and\+id"
ENFORCE = SyncPolicy(access=AccessPolicy(), open_spaces=frozenset({"*"}), busy_wait_seconds=0.0)
each_flavor = pytest.mark.parametrize("flavor", FLAVORS)


def world_with(*texts: str) -> World:
    """Make a space with two pages, and footer comments with these texts about the first."""
    world = World()
    world.create_space("HR")
    for number in range(2):
        world.create_page(space_key="HR", title=f"Page {number}", storage=f"<h2>Leave</h2><p>Thirty days {number}.</p>")
    for text in texts:
        world.comment(world.pages()[0].id, storage=f"<p>{text}</p>")
    return world


@contextmanager
def mirror_of(
    world: World, engine: Engine, flavor: str = "cloud", **changes: Any
) -> Iterator[tuple[Simulator, SyncContext]]:
    """Serve the world and mirror it with its comments; the request log is empty then."""
    name, source = FLAVORS[flavor]
    with Simulator(world, flavor=name) as site:
        context = context_of(site, engine, source=source, pages=WITH, **changes)
        report = full(context)
        assert report.outcome == "complete", report
        site.requests.clear()
        yield site, context


def comments_of(world: World) -> list[Comment]:
    """Return the comments about the first page, oldest first."""
    return sorted(world.comments(world.pages()[0].id), key=lambda each: int(each.id))


def shown(engine: Engine) -> dict[str, str]:
    """Return the texts of the comments that consumers see, by id."""
    return dict(ask(engine, "SELECT id, storage FROM live_comments"))


def told(engine: Engine, after: int = 0) -> list[tuple[str, str, list[str]]]:
    """Return what the feed tells of comments: id, action, changed fields."""
    rows = ask(
        engine,
        "SELECT comment_id, action, changed_fields FROM content_changes "
        "WHERE comment_id IS NOT NULL AND seq > %s ORDER BY seq",
        after,
    )
    return [(comment_id, action, list(fields)) for comment_id, action, fields in rows]


def head(engine: Engine) -> int:
    """Return the last number of the feed."""
    return int(ask(engine, "SELECT coalesce(max(seq), 0) FROM content_changes")[0][0])


def sections(engine: Engine) -> list[tuple[list[str], str, str | None]]:
    """Return headings, text and comment of the sections that consumers see of the first page, in their order."""
    rows = ask(
        engine,
        "SELECT heading_path, text, comment_id FROM live_sections WHERE page_id = (SELECT min(id) FROM live_pages) "
        "ORDER BY ordinal",
    )
    return [(list(path), text, comment_id) for path, text, comment_id in rows]


def derive(context: SyncContext) -> None:
    """Make the texts that are missing."""
    derive_texts(context.store, context.cancellation, section_size=2_000)


@each_flavor
def test_comments_are_mirrored_with_what_is_known_of_them(engine: Engine, flavor: str) -> None:
    """Kind, thread, author, words that they are about, state and text."""
    world = world_with("Applies to part-timers too")
    page = world.pages()[0]
    inline = world.comment(page.id, storage="<p>Calendar days?</p>", selection="Thirty days")
    world.comment(page.id, storage="<p>Working days.</p>", parent_comment_id=inline.id)
    world.resolve_comment(world.comment(page.id, storage="<p>Typo</p>", selection="days").id)
    footer, inline, reply, resolved = comments_of(world)
    with mirror_of(world, engine, flavor):
        rows = ask(
            engine,
            "SELECT id, kind, parent_id, resolution, quoted_text, storage, version, created_at, page_title "
            "FROM live_comments ORDER BY id",
        )
        authors = ask(engine, "SELECT DISTINCT author_id FROM live_comments")

    user = world.author
    assert authors == [(user.account_id if flavor == "cloud" else user.user_key,)]
    assert rows == [
        (each.id, kind, parent, state, quoted, each.storage, 1, each.created_at, page.title)
        for each, kind, parent, state, quoted in (
            (footer, "footer", None, None, None),
            (inline, "inline", None, "open", "Thirty days"),
            (reply, "inline", inline.id, "open", None),
            (resolved, "inline", None, "resolved", "days"),
        )
    ]


@each_flavor
def test_each_change_is_told_once(engine: Engine, flavor: str) -> None:
    """A new comment, another text, a state, one that is gone; the same comments again write and tell nothing."""
    world = world_with("one", "two", "three")
    page = world.pages()[0]
    inline = world.comment(page.id, storage="<p>four</p>", selection="Thirty")
    first, second, third, _ = comments_of(world)
    with mirror_of(world, engine, flavor) as (_, context):
        assert {(each, action) for each, action, _ in told(engine)} == {
            (each.id, "insert") for each in (first, second, third, inline)
        }
        before, rows = head(engine), ask(engine, "SELECT id, xmin::text FROM page_comments ORDER BY id")
        full(context)
        assert ask(engine, "SELECT id, xmin::text FROM page_comments ORDER BY id") == rows

        new = world.comment(page.id, storage="<p>five</p>")
        world.edit_comment(first.id, storage="<p>another one</p>")
        world.resolve_comment(inline.id)
        world.remove_comment(second.id)
        world.remove_comment(third.id, trash=True)
        report = full(context)
        gone = full(context)

    assert sorted(told(engine, before)) == sorted(
        [
            (new.id, "insert", ["text", "location", "version"]),
            (first.id, "update", ["text", "version"]),
            (inline.id, "update", ["resolution"]),
            (second.id, "hide", ["hidden"]),
            (third.id, "hide", ["hidden"]),
        ]
    )
    assert report.outcome is gone.outcome is Outcome.COMPLETE
    assert set(shown(engine)) == {first.id, inline.id, new.id}
    assert shown(engine)[first.id] == "<p>another one</p>"
    counts = report.counts
    assert (counts.comments_listed, counts.comments_added, counts.comments_updated) == (3, 1, 2)
    assert counts.comments_hidden + counts.comments_removed + gone.counts.comments_removed == 3
    reasons = dict(ask(engine, "SELECT id, removed_reason FROM page_comments WHERE removed_at IS NOT NULL"))
    assert reasons == {second.id: "not_visible", third.id: "trashed"}


def test_an_unchanged_space_costs_one_request_for_200_comments(engine: Engine) -> None:
    """No text is read again, nothing is written; what changed costs one request for 50 texts."""
    world = world_with()
    page = world.pages()[0]
    for number in range(450):
        world.comment(page.id, storage=f"<p>{number}</p>")
    with mirror_of(world, engine) as (site, context):
        idle = full(context)
        asked = [record for record in site.requests if "comment" in f"{record.route}{record.query}"]
        site.requests.clear()
        first = comments_of(world)[0]
        world.edit_comment(first.id, storage="<p>other</p>")
        recent = incremental(context)
        changed = [f"{record.query}" for record in site.requests if "comment" in f"{record.route}{record.query}"]

    assert idle.counts.comments_listed == 450
    assert len(asked) == 3
    assert not any("body" in f"{record.query}" for record in asked)
    assert recent.counts.comments_updated == 1
    assert len(changed) == 451 // 200 + 1 + 1
    assert shown(engine)[first.id] == "<p>other</p>"


def test_a_new_text_is_shown_under_access_that_was_read_later(engine: Engine) -> None:
    """An incremental run writes it; the next access run shows it, in view, function and sections."""
    world = world_with("one")
    page = world.pages()[0]
    with mirror_of(world, engine, policy=ENFORCE) as (_, context):
        derive(context)
        assert [comment for _, _, comment in sections(engine)] == [None, comments_of(world)[0].id]
        new = world.comment(page.id, storage="<p>only for those who may read it now</p>")
        edited = comments_of(world)[0]
        world.edit_comment(edited.id, storage="<p>edited</p>")
        incremental(context)
        derive(context)
        assert ask(engine, "SELECT count(*) FROM page_comments") == [(2,)]
        assert shown(engine) == {}
        assert ask(engine, "SELECT comments_readable_by('nobody', NULL)") == []
        assert [comment for _, _, comment in sections(engine)] == [None]
        full(context)
        derive(context)

    assert set(shown(engine)) == {new.id, edited.id}
    assert [comment for _, _, comment in sections(engine)] == [None, edited.id, new.id]


def test_an_asker_is_shown_no_text_that_is_newer_than_what_is_known_of_its_readers(engine: Engine) -> None:
    """Functions follow the facts in the mode `account` too, and so does the view once the mode is another one."""
    world = world_with("one")
    page, reader = world.pages()[0], world.author.account_id
    account = replace(ENFORCE, access=AccessPolicy(mode=AccessMode.ACCOUNT))
    found = "SELECT comment_id FROM search_sections('unmistakable', %s)"
    readable = (
        "SELECT section.comment_id FROM sections_readable_by(%s) AS id JOIN page_sections section ON section_id = id"
    )
    count = "SELECT count_sections_readable_by(%s)"
    with mirror_of(world, engine, policy=account) as (_, context):
        access(context)
        world.restrict_page(page.id, users=("hr-bot",))
        new = world.comment(page.id, storage="<p>unmistakable words for those who may read it now</p>")
        incremental(context)
        derive(context)
        assert new.id in [comment for _, _, comment in sections(engine)]  # the audience is the account
        assert ask(engine, found, reader) == []
        assert (new.id,) not in ask(engine, readable, reader)
        assert ask(engine, count, reader) == [(len(ask(engine, readable, reader)),)]
        context.store.apply_access_policy(AccessPolicy())
        assert new.id not in [comment for _, _, comment in sections(engine)]
        assert ask(engine, "SELECT FROM search_live_sections('unmistakable')") == []


def test_who_may_not_read_the_page_sees_no_comment(engine: Engine) -> None:
    """In the view, the functions, the sections and the search, in the transaction that hides the page."""
    world = world_with("unmistakable words")
    page = world.pages()[0]
    reader = world.author.account_id
    with mirror_of(world, engine, policy=ENFORCE) as (_, context):
        derive(context)
        found = "SELECT comment_id FROM search_sections('unmistakable', %s)"
        (comment,) = comments_of(world)
        assert ask(engine, found, reader) == [(comment.id,)]
        assert ask(engine, "SELECT comments_readable_by(%s)", reader) == [(comment.id,)]
        world.restrict_page(page.id, users=("hr-bot",))
        full(context)

    assert shown(engine) == {}
    assert ask(engine, "SELECT comments_readable_by(%s)", reader) == []
    assert ask(engine, "SELECT sections_readable_by(%s)", reader) != []  # of the other page
    assert ask(engine, found, reader) == []
    assert ask(engine, "SELECT comment_id FROM search_live_sections('unmistakable')") == []
    assert ask(engine, "SELECT FROM live_sections WHERE comment_id IS NOT NULL") == []


def test_open_threads_are_sections_behind_those_of_the_page(engine: Engine) -> None:
    """Each thread together, with the words that it is about; what is resolved is a comment and no text."""
    world = world_with("Applies to part-timers too")
    page = world.pages()[0]
    inline = world.comment(page.id, storage="<h1>Days?</h1><p>Calendar days?</p>", selection="Thirty days")
    footer = comments_of(world)[0]
    reply = world.comment(page.id, storage="<p>Working days.</p>", parent_comment_id=inline.id)
    done = world.comment(page.id, storage="<p>Typo</p>", selection="days")
    world.comment(page.id, storage="<p>Thanks</p>", parent_comment_id=done.id)
    world.resolve_comment(done.id)
    day = f"{footer.created_at:%Y-%m-%d}"
    with mirror_of(world, engine) as (_, context):
        derive(context)
        before = ask(engine, "SELECT section_id, text_hash, embed_text FROM live_sections ORDER BY section_id")
        assert sections(engine) == [
            (["Leave"], "## Leave\n\nThirty days 0.", None),
            (["Comments", f"Comment ({day})"], f"## Comment ({day})\n\nApplies to part-timers too", footer.id),
            (
                ["Comments", f"Inline comment on “Thirty days” ({day})"],
                f"## Inline comment on “Thirty days” ({day})\n\n**Days?**\n\nCalendar days?",
                inline.id,
            ),
            (
                ["Comments", f"Inline comment on “Thirty days” ({day})", f"Reply ({day})"],
                f"### Reply ({day})\n\nWorking days.",
                reply.id,
            ),
        ]
        seq = head(engine)
        world.edit_comment(reply.id, storage="<p>Working days, all of them.</p>")
        full(context)
        assert reply.id not in [comment for _, _, comment in sections(engine)]  # its old text is not shown meanwhile
        derive(context)
        after = ask(engine, "SELECT section_id, text_hash, embed_text FROM live_sections ORDER BY section_id")
        world.resolve_comment(inline.id)
        full(context)
        derive(context)

    assert len(set(before) - set(after)) == 1
    assert [each[0] for each in before] == [each[0] for each in after]
    assert [comment for _, _, comment in sections(engine)] == [None, footer.id]
    removed = ask(engine, "SELECT sections_removed FROM content_changes WHERE seq > %s AND action = 'derive'", seq)
    assert sum(len(ids) for (ids,) in removed) == 3  # the edited one, and both when the thread was resolved


def test_a_comment_that_is_withdrawn_takes_its_section_along(engine: Engine) -> None:
    """In the same transaction, before any text is made; and the feed has the section."""
    world = world_with("one", "two")
    first, second = comments_of(world)
    with mirror_of(world, engine) as (_, context):
        derive(context)
        seq = head(engine)
        world.remove_comment(first.id, trash=True)
        full(context)
        assert [comment for _, _, comment in sections(engine)] == [None, second.id]
        assert ask(engine, "SELECT comment_id FROM search_live_sections('one')") == []
        removed = ask(engine, "SELECT cardinality(sections_removed) FROM content_changes WHERE seq > %s", seq)
        assert sorted(removed) == [(0,), (1,)]
        seq = head(engine)
        derive(context)
        again = ask(engine, "SELECT cardinality(sections_removed) FROM content_changes WHERE seq > %s", seq)
        assert (0 if not again else again[0][0]) == 0  # told once
        world.restore_comment(first.id)
        full(context)
        derive(context)

    assert [comment for _, _, comment in sections(engine)] == [None, first.id, second.id]


def test_a_page_that_includes_another_one_takes_no_comment_along(engine: Engine) -> None:
    """A comment is about one page."""
    world = world_with("unmistakable words")
    macro = (
        '<ac:structured-macro ac:name="include"><ac:parameter ac:name=""><ac:link><ri:page ri:content-title="Page 0"/>'
        "</ac:link></ac:parameter></ac:structured-macro>"
    )
    host = world.create_page(space_key="HR", title="Host", storage=macro)
    with mirror_of(world, engine) as (_, context):
        derive(context)

    texts = ask(engine, "SELECT text FROM live_sections WHERE page_id = %s", host.id)
    assert texts
    assert not any("unmistakable" in text for (text,) in texts)


def test_a_moved_page_takes_its_comments_along(engine: Engine) -> None:
    """Into another space that is mirrored; nothing of them is told, but for the page."""
    world = world_with("one")
    world.create_space("IT")
    page = world.pages()[0]
    with mirror_of(world, engine) as (_, context):
        seq = head(engine)
        world.move_page(page.id, space_key="IT")
        full(context)
        report = full(context)

    assert report.outcome is Outcome.COMPLETE
    assert len(shown(engine)) == 1
    assert ask(engine, "SELECT space_key FROM live_comments") == [("IT",)]
    assert [action for _, action, _ in told(engine, seq) if action in ("hide", "remove")] == []


def test_switching_off_hides_and_on_again_brings_back(engine: Engine) -> None:
    """Nobody has evidence that a comment is gone, so that it comes back without a lookup."""
    world = world_with("one", "two")
    with mirror_of(world, engine) as (site, context):
        without = replace(context, scope=replace(context.scope, pages=PageScope()))
        full(without)
        assert shown(engine) == {}
        assert not any("comment" in f"{record.route}{record.query}" for record in site.requests)
        assert {reason for (reason,) in ask(engine, "SELECT hidden_reason FROM page_comments")} == {"out_of_scope"}
        full(context)

    assert len(shown(engine)) == 2


def test_a_mass_that_leaves_is_hidden_and_its_removal_is_held_apart_from_pages(engine: Engine) -> None:
    """25 comments and as many pages are two masses; what is held of comments keeps no page waiting."""
    world = world_with(*(f"text {number}" for number in range(30)))
    second = world.pages()[1]
    with mirror_of(world, engine) as (_, context):
        for each in comments_of(world)[:25]:
            world.remove_comment(each.id, trash=True)
        world.trash_page(second.id)
        shown_before = preview(context)["HR"]
        report = full(context)
        assert report.outcome is Outcome.HELD
        assert (report.counts.removed, report.counts.comments_hidden) == (1, 25)
        assert len(shown(engine)) == 5
        assert ask(engine, "SELECT held, held_attachments, held_comments FROM sync_spaces") == [(25, 0, 25)]
        assert "25 hidden comments" in (report.spaces[0].error or "")
        assert len(shown_before.of_kind(ItemKind.COMMENTS).deletions.held) == 25
        assert full(context).outcome is Outcome.HELD
        allowed = full(context, allow_mass_delete=True)

    assert allowed.counts.comments_removed == 25
    assert ask(engine, "SELECT held, held_comments FROM sync_spaces") == [(0, 0)]


def test_an_index_that_holds_nothing_removes_nothing(engine: Engine) -> None:
    """Every comment is looked up by id and found, and the run says that the search is not to be trusted."""
    world = world_with("one", "two")
    with mirror_of(world, engine) as (site, context):
        fault(site, "empty-list", LIST)
        report = full(context)
        assert fired(site) == {"empty-list"}

    assert len(shown(engine)) == 2
    assert report.outcome is Outcome.PARTIAL
    assert "lacks 2 comments of space HR" in (report.error or "")


@pytest.mark.parametrize(
    ("kind", "at"),
    [("not-found-404-v2", 1), ("not-found-404-v2", 3), ("forbidden-403", 1)],
    ids=["from the beginning", "after the first access check", "refused"],
)
def test_reads_by_id_that_all_fail_prove_nothing(engine: Engine, kind: str, at: int) -> None:
    """Comments that the list has just shown are not found either, before the lookups or after them."""
    world = world_with("one", "two", "three")
    with mirror_of(world, engine) as (site, context):
        world.remove_comment(comments_of(world)[0].id, trash=True)
        fault(site, kind, ONE, times=0, at=at)
        report = full(context)
        assert fired(site) == {kind}

    assert len(shown(engine)) == 3
    assert report.outcome is Outcome.PARTIAL


@pytest.mark.parametrize("kind", ["error-500", "bad-request-400", "unauthorized-401-scope", "not-found-404-v1"])
def test_a_list_that_fails_costs_no_page(engine: Engine, kind: str) -> None:
    """Pages are written, comments stay as they were, and the run says why it is partial."""
    world = world_with("one")
    with mirror_of(world, engine) as (site, context):
        world.edit_page(world.pages()[1].id, storage="<p>new</p>")
        fault(site, kind, LIST, times=0)
        report = full(context)
        assert fired(site) == {kind}

    assert report.outcome is Outcome.PARTIAL
    assert "The comments of space HR were not read" in (report.error or "")
    assert report.counts.updated == 1
    assert len(shown(engine)) == 1


def test_a_comment_that_cannot_be_read_fails_alone(engine: Engine) -> None:
    """One that the list describes in an invalid way, and one whose text no request gives; both heal."""
    world = world_with("one", "two", "three")
    with mirror_of(world, engine) as (site, context):
        new = world.comment(world.pages()[0].id, storage="<p>four</p>")
        fault(site, "row-without-version", LIST, argument=0)
        fault(site, "error-500", TEXTS, times=0)
        fault(site, "error-500", rf"/api/v2/(footer|inline)-comments/{new.id}", times=0)
        report = full(context)
        failing = ask(engine, "SELECT page_id, stage FROM page_failures ORDER BY page_id")
        assert fired(site) == {"row-without-version", "error-500"}
        site.faults.clear()
        healed = full(context)

    first = comments_of(world)[0]
    assert failing == [(first.id, "comment"), (new.id, "comment")]
    assert (report.outcome, report.counts.failed) == (Outcome.PARTIAL, 2)
    assert (report.error or "").startswith("2 comments of space HR failed;")
    assert (healed.outcome, healed.counts.failed) == (Outcome.COMPLETE, 0)
    assert len(shown(engine)) == 4


def test_a_text_that_the_list_of_texts_does_not_give_is_read_by_itself(engine: Engine) -> None:
    """One text that cannot be rendered fails the whole answer, and costs itself alone."""
    world = world_with("one", "two")
    with Simulator(world) as site:
        fault(site, "error-500", TEXTS, times=0)
        report = full(context_of(site, engine, pages=WITH))
        assert fired(site) == {"error-500"}

    assert report.outcome is Outcome.COMPLETE
    assert sorted(shown(engine).values()) == ["<p>one</p>", "<p>two</p>"]


def test_a_list_that_lags_brings_nothing_back(engine: Engine) -> None:
    """A comment that is gone and that the index shows again is looked up by id, and stays away."""
    world = world_with("one", "two")
    first = comments_of(world)[0]
    with mirror_of(world, engine) as (site, context):
        world.store.clock.advance(timedelta(hours=1))
        world.remove_comment(first.id, trash=True)
        full(context)
        assert first.id not in shown(engine)
        object.__setattr__(site.tenant, "search_lag", timedelta(minutes=30))
        world.advance(timedelta(0))
        report = full(context)

    assert first.id not in shown(engine)
    assert report.outcome is Outcome.COMPLETE


def test_comments_about_what_is_not_mirrored_are_not_stored(engine: Engine) -> None:
    """A blog post, and a page out of scope."""
    world = world_with("one")
    private = world.create_page(space_key="HR", title="Private")
    world.label_page(private.id, "private")
    world.comment(private.id, storage="<p>secret</p>")
    scope = replace(WITH, exclude_labels=frozenset({"private"}))
    with Simulator(world) as site:
        full(context_of(site, engine, pages=scope))

    assert ask(engine, "SELECT storage FROM page_comments") == [("<p>one</p>",)]


def test_an_erased_author_is_nowhere(engine: Engine) -> None:
    """The text stays, and the feed has the comment."""
    world = world_with("one")
    author = world.author.account_id
    with mirror_of(world, engine) as (_, context):
        seq = head(engine)
        erased = context.store.erase_user(0, author)

    assert erased.comments == 1
    assert ask(engine, "SELECT author_id FROM live_comments") == [(None,)]
    assert [(action, fields) for _, action, fields in told(engine, seq)] == [("update", ["erased"])]


def test_what_was_gone_for_long_is_erased_with_its_section(engine: Engine) -> None:
    """The row stays while its page does, without text, author and quoted words."""
    world = world_with("one", "two")
    first = comments_of(world)[0]
    with mirror_of(world, engine) as (_, context):
        derive(context)
        world.remove_comment(first.id, trash=True)
        full(context)
        ask(engine, "UPDATE page_comments SET removed_at = removed_at - interval '1 year' WHERE removed_at IS NOT NULL")
        assert context.store.prune_bodies(timedelta(days=30)) == 1
        again = full(context)

    row = "SELECT storage, content_hash, author_id, quoted_text FROM page_comments WHERE id = %s"
    assert ask(engine, row, first.id) == [("", "", None, None)]
    assert ask(engine, "SELECT FROM page_sections WHERE comment_id = %s", first.id) == []
    assert again.outcome is Outcome.COMPLETE
    assert len(shown(engine)) == 1


def test_a_text_that_was_edited_while_its_section_was_made_is_not_shown(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pass has read the older text, and writes it after the newer one was stored."""
    world = world_with("a secret")
    (comment,) = comments_of(world)
    write_texts = Store.write_texts
    with mirror_of(world, engine) as (_, context):

        def write_later(store: Store, *texts: Any) -> Any:
            world.edit_comment(comment.id, storage="<p>nothing</p>")
            full(context)
            return write_texts(store, *texts)

        with monkeypatch.context() as patch:
            patch.setattr(Store, "write_texts", write_later)
            derive(context)
        assert [each for _, _, each in sections(engine)] == [None]
        assert ask(engine, "SELECT comment_id FROM search_live_sections('secret')") == []
        derive(context)

    assert [text.rpartition("\n")[2] for _, text, each in sections(engine) if each] == ["nothing"]


def test_whom_a_comment_mentions_is_named_as_in_pages(engine: Engine) -> None:
    """By the public name, and the mirror knows that the text of the page shows it."""
    world = world_with()
    page = world.pages()[0]
    mention = f'<p>Ask <ac:link><ri:user ri:account-id="{world.author.account_id}" /></ac:link>.</p>'
    world.comment(page.id, storage=mention)
    with mirror_of(world, engine) as (_, context):
        people = People(context.store.mentions, context.source.public_names)
        derive_texts(context.store, context.cancellation, section_size=2_000, people=people)
        assert [text.endswith(f"Ask @{world.author.display_name}.") for _, text, each in sections(engine) if each] == [
            True
        ]
        assert ask(engine, "SELECT page_id, user_id FROM page_mentions") == [(page.id, world.author.account_id)]

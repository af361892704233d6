"""Listings of Data Center, and listings that are walked again: complete and true, or an error."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from confluence_simulator import Fault, Simulator, World

from hr_sync.confluence.access import WIDEST_EXPANDED
from hr_sync.confluence.datacenter import DataCenterSource
from hr_sync.confluence.pagination import MAX_WALKS, NARROWEST
from hr_sync.errors import AnswerNotTrusted, ServerFailed
from tests.confluence.clients import kinds_fired, open_client
from tests.confluence.fakes import Reply, Request, fake_site
from tests.confluence.flavors import BEFORE_SCAN, in_the_cloud, on_premises, only_space, routes, world_of

SCAN = "/rest/api/content/scan"
COUNTED = "/rest/api/content"
BY_OFFSET = r"/content\?"  # not the scan


@pytest.fixture
def world() -> World:
    """Five hundred pages: three answers of a scan, and of a listing by offset."""
    return world_of(500)


def ids_of(world: World) -> set[str]:
    return {page.id for page in world.pages(status="current")}


def widths(site: Simulator, route: str) -> list[int]:
    """Return the limits that were asked for, in order, each once in a row."""
    limits = [int(dict(record.query)["limit"]) for record in site.requests if record.route == route]
    return [limit for before, limit in zip([0, *limits], limits, strict=False) if limit != before]


def test_the_scan_is_looked_for_once() -> None:
    """One request tells for every space; then three answers list 500 pages."""
    world = world_of(500, spaces=3)
    with on_premises(world) as (site, reader):
        spaces = reader.spaces().spaces
        site.requests.clear()
        found = {page_id for space in spaces for page_id in reader.listing(space).heads}

    assert found == ids_of(world)
    assert routes(site) == [SCAN] * (1 + 3)
    assert widths(site, SCAN) == [1, 200]


def test_before_7_18_offsets_are_walked_until_two_walks_agree(world: World) -> None:
    """In a quiet space that is twice, with answers that end at other places."""
    with on_premises(world, version=BEFORE_SCAN) as (site, reader):
        listing = reader.listing(only_space(reader))

    assert set(listing.heads) == ids_of(world)
    assert widths(site, COUNTED) == [200, 90]
    assert routes(site).count(COUNTED) == 3 + 6


def test_one_answer_is_one_moment() -> None:
    """A small space by offset costs one request more than by scan: the question for the scan."""
    world = world_of(20)
    with on_premises(world, version=BEFORE_SCAN) as (site, reader):
        space = only_space(reader)
        site.requests.clear()
        listing = reader.listing(space)

    assert set(listing.heads) == ids_of(world)
    assert routes(site) == [SCAN, COUNTED]


def test_no_page_is_lost_when_others_are_trashed_during_the_walk(world: World) -> None:
    """By offset, each trashed page makes the next answer skip one; a single walk loses it without a sign."""
    first, second, *_ = world.pages()
    with on_premises(world, version=BEFORE_SCAN) as (site, reader):
        space = only_space(reader)
        site.faults.add(Fault(kind="trash-during-walk", argument=first.id, at=2, match=BY_OFFSET))
        query = {"spaceKey": space.key, "limit": 200}
        once = {
            item["id"] for answer in reader.client.walk("rest/api/content", query) for item in answer.content["results"]
        }
        assert ids_of(world) - once != set()  # the danger is real here

        site.faults.add(Fault(kind="trash-during-walk", argument=second.id, at=2, match=BY_OFFSET))
        listing = reader.listing(space)

    assert kinds_fired(site) == ["trash-during-walk"] * 2
    assert set(listing.heads) == ids_of(world)
    assert widths(site, COUNTED) == [200, 90, 200]


def test_of_two_walks_that_agree_the_later_one_counts(world: World) -> None:
    """A page that was edited in between is listed as it is now."""
    first = world.pages()[0]
    with on_premises(world, version=BEFORE_SCAN) as (site, reader):
        site.faults.add(Fault(kind="edit-during-walk", argument=first.id, at=4, match=BY_OFFSET))
        listing = reader.listing(only_space(reader))

    assert kinds_fired(site) == ["edit-during-walk"]
    assert listing.heads[first.id].version == first.version + 1


def test_a_scan_loses_nothing_when_pages_are_trashed_during_the_walk(world: World) -> None:
    """Its cursor stands on an id: one walk shows every page that was there all the time."""
    first = world.pages()[0]
    with on_premises(world) as (site, reader):
        site.faults.add(Fault(kind="trash-during-walk", argument=first.id, at=3, match="/scan"))
        listing = reader.listing(only_space(reader))

    assert kinds_fired(site) == ["trash-during-walk"]
    assert set(listing.heads) == ids_of(world) | {first.id}


def test_a_listing_by_offset_that_never_agrees_is_not_trusted(world: World) -> None:
    """A space in which every walk shows something else is no evidence of anything, after a bounded time."""
    with on_premises(world, version=BEFORE_SCAN) as (site, reader):
        space = only_space(reader)
        site.faults.add(Fault(kind="create-during-walk", times=0, match=BY_OFFSET))
        with pytest.raises(AnswerNotTrusted, match=f"{MAX_WALKS} times"):
            reader.listing(space)

    assert set(kinds_fired(site)) == {"create-during-walk"}
    assert len(widths(site, COUNTED)) == MAX_WALKS


@pytest.mark.parametrize("kind", ["next-missing", "next-null"])
def test_a_scan_that_ends_where_it_says_more_is_not_trusted(world: World, kind: str) -> None:
    """The end is where neither a link nor a cursor leads on; half a listing would question half a space."""
    with on_premises(world) as (site, reader):
        site.faults.add(Fault(kind=kind, at=3, match="/scan"))
        with pytest.raises(AnswerNotTrusted, match="announces more"):
            reader.listing(only_space(reader))

    assert kinds_fired(site) == [kind]


def test_hidden_pages_make_short_answers_and_no_end(world: World) -> None:
    """Also whole answers without a page."""
    for page in world.pages()[150:450]:
        world.hide_page(page.id)
    for version in ("8.5.4", BEFORE_SCAN):
        with on_premises(world, version=version) as (_, reader):
            heads = reader.listing(only_space(reader)).heads
            assert set(heads) == {page.id for page in world.pages() if not page.read}


@pytest.mark.parametrize("kind", ["row-without-version", "row-null-title", "row-other-space"])
def test_a_page_that_is_not_described_is_unreadable(world: World, kind: str) -> None:
    """It is there, so nothing is asked about it; the rest of the listing stands."""
    with on_premises(world) as (site, reader):
        site.faults.add(Fault(kind=kind, at=2, match="/scan"))
        listing = reader.listing(only_space(reader))

    harmless = kind == "row-other-space"  # v1 does not use spaceId
    assert kinds_fired(site) == [kind]
    assert len(listing.unreadable) == (0 if harmless else 1)
    assert set(listing.heads) | set(listing.unreadable) == ids_of(world)


@pytest.mark.parametrize(
    "status", ["not-found-404-v1", "bad-request-400", "forbidden-403", "gone-410", "error-500-html"]
)
def test_whatever_an_old_server_says_of_the_scan_it_is_asked_by_offset(status: str) -> None:
    """`scan` stands where it expects a page's id, and nobody wrote down what each version makes of that."""
    world = world_of(20)
    with on_premises(world, version=BEFORE_SCAN) as (site, reader):
        site.faults.add(Fault(kind=status, match="/scan", times=0))
        listing = reader.listing(only_space(reader))

    assert set(kinds_fired(site)) == {status}
    assert set(listing.heads) == ids_of(world)


def test_a_bad_moment_does_not_cost_the_scan_for_ever(world: World) -> None:
    """The next listing looks for it again."""
    with on_premises(world) as (site, reader):
        space = only_space(reader)
        site.faults.add(Fault(kind="html-200", match="/scan"))
        by_offset, by_scan = reader.listing(space), reader.listing(space)

    assert kinds_fired(site) == ["html-200"]
    assert by_offset == by_scan
    assert routes(site)[-3:] == [SCAN] * 3


def too_wide_for(narrow: int) -> str:
    """Match every listing that asks for more than `narrow` entries: 200, 100, 50, ... or 250, 125, 62, ..."""
    wide = [width // 2**step for width in (250, 200, 50) for step in range(6) if width // 2**step > narrow]
    return rf"limit=({'|'.join(map(str, wide))})(&|$)"


@pytest.mark.parametrize("narrow", [100, 31, NARROWEST])
def test_a_listing_that_times_out_is_walked_narrower(narrow: int) -> None:
    """On both flavours: half as wide each time, from the beginning, and whole in the end."""
    world = world_of(120)
    fault = Fault(kind="timeout-504", match=too_wide_for(narrow), times=0)
    with on_premises(world) as (site, reader), in_the_cloud(world) as (cloud_site, cloud):
        space = only_space(reader)
        assert only_space(cloud).id == space.id
        site.requests.clear()
        for each in (site, cloud_site):
            each.faults.add(fault)
        listing, other = reader.listing(space), cloud.listing(space)

    assert set(listing.heads) == set(other.heads) == ids_of(world)
    assert set(kinds_fired(site)) == set(kinds_fired(cloud_site)) == {"timeout-504"}
    assert widths(site, SCAN)[1:3] == [200, 100]
    assert widths(cloud_site, f"/api/v2/spaces/{space.id}/pages")[:2] == [250, 125]


def test_what_changed_lately_is_read_narrower_too() -> None:
    """On both flavours."""
    world = world_of(120)
    since = world.now - timedelta(days=4000)
    with on_premises(world) as (site, reader), in_the_cloud(world) as (cloud_site, cloud):
        space = only_space(reader)
        only_space(cloud)
        for each in (site, cloud_site):
            each.faults.add(Fault(kind="timeout-504", match=too_wide_for(13), times=0))
        found, other = reader.recent(space, since), cloud.recent(space, since)

    assert set(found.heads) == set(other.heads) == ids_of(world)
    assert set(kinds_fired(site)) == set(kinds_fired(cloud_site)) == {"timeout-504"}


def test_a_server_that_is_down_is_given_up_soon() -> None:
    """The widest as often as any request, each narrower one twice, and then no more."""
    world = world_of(120)
    with on_premises(world) as (site, reader), in_the_cloud(world) as (cloud_site, cloud):
        space = only_space(reader)
        only_space(cloud)
        assert reader.listing(space).heads  # has found the scan
        for each in (site, cloud_site):
            each.faults.add(Fault(kind="unavailable-503", times=0))
        with pytest.raises(ServerFailed):
            reader.listing(space)
        with pytest.raises(ServerFailed):
            cloud.listing(space)

    assert len(kinds_fired(site)) == 3 + 2 * len([100, 50, 25, 12, 6, 5])
    assert len(kinds_fired(cloud_site)) == 3 + 2 * len([125, 62, 31, 15, 7, 5])


def test_a_server_that_says_when_to_try_again_is_not_asked_narrower() -> None:
    """It is not the width that it minds."""
    world = world_of(120)
    with in_the_cloud(world) as (site, cloud):
        space = only_space(cloud)
        site.faults.add(Fault(kind="unavailable-503-retry-after", times=0))
        with pytest.raises(ServerFailed) as failure:
            cloud.listing(space)

    assert failure.value.retry_after_seconds == 1.0
    assert len(kinds_fired(site)) == 3


def test_a_width_is_as_servers_allow() -> None:
    """A wider answer would be cut silently, which costs nothing but hides the width that failed."""
    assert WIDEST_EXPANDED == 200
    assert re.search(too_wide_for(100), "/rest/api/content/scan?limit=200&expand=version")
    assert not re.search(too_wide_for(100), "/rest/api/content/scan?limit=100&expand=version")


def endless_data_center(pages: int) -> Callable[[Request], Reply]:
    """Answer as a Data Center without a scan that names a next answer for ever, for pages and for spaces."""

    def answer(request: Request) -> Reply:
        if request.path.endswith("/scan"):
            return Reply(status=404, document={"statusCode": 404})
        start, limit = (int(dict(request.query).get(name, "0")) for name in ("start", "limit"))
        space = {"id": 7, "key": "HR", "name": "People"}
        rows: list[dict[str, Any]] = [space]
        if "/content" in request.path:
            rows = [
                {
                    "id": str(number),
                    "type": "page",
                    "status": "current",
                    "title": "A",
                    "space": space,
                    "version": {"number": 1, "when": "2026-01-01T00:00:00Z"},
                    "ancestors": [],
                }
                for number in range(1, pages + 1)
            ]
        shown = rows[start : start + limit]
        links = {"next": f"{request.path}?start={start + limit}&limit={limit}"}
        return Reply(document={"results": shown, "size": len(shown), "_links": links})

    return answer


def test_lists_that_name_a_next_answer_for_ever_are_read() -> None:
    """Two walks of other widths have to agree on what there is; spaces, pages and what changed lately."""
    since = datetime(2026, 1, 1, tzinfo=UTC)
    with fake_site(endless_data_center(230)) as fake, open_client(fake.origin) as client:
        source = DataCenterSource(client)
        space = only_space(source)
        assert len(source.listing(space).heads) == 230
        assert len(source.recent(space, since).heads) == 230


def test_a_walk_that_ends_with_empty_answers_is_not_believed_alone() -> None:
    """Restricted pages make empty answers too: what the narrower walk does not confirm is no listing."""
    answer = endless_data_center(230)
    calls = count()

    def growing(request: Request) -> Reply:
        return endless_data_center(next(calls))(request) if "/rest/api/content" in request.path else answer(request)

    with fake_site(growing) as fake, open_client(fake.origin) as client:
        source = DataCenterSource(client)
        with pytest.raises(AnswerNotTrusted, match=f"{MAX_WALKS} times|no progress"):
            source.listing(only_space(source))


def test_a_list_of_spaces_is_walked_until_two_walks_agree() -> None:
    """A space that is made meanwhile shifts the offsets of the others."""
    walks = count(1)

    def growing(request: Request) -> Reply:
        start = int(dict(request.query).get("start", "0"))
        known = next(walks) if start == 0 else 0
        rows = [{"id": number, "key": f"K{number}"} for number in range(known)] if start == 0 else []
        links = {} if start else {"next": "/rest/api/space?start=200&limit=200"}
        return Reply(document={"results": rows, "size": len(rows), "_links": links})

    with fake_site(growing) as fake, open_client(fake.origin) as client:
        with pytest.raises(AnswerNotTrusted, match=f"{MAX_WALKS} times"):
            DataCenterSource(client).spaces()
        assert len(fake.requests) == 2 * MAX_WALKS

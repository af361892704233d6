"""What people ask of a site before a run: the account, the version, the sizes of spaces, archived ones, its clock."""

from datetime import UTC, datetime, timedelta

import pytest
from confluence_simulator import Fault

from hr_sync.confluence.site import page_counts, version_of
from hr_sync.errors import ConfluenceUnavailable, CredentialsRefused
from tests.confluence.clients import kinds_fired
from tests.confluence.flavors import Open, is_cloud, world_of


def test_the_account_says_who_it_is(serve: Open, flavor: str) -> None:
    """Name and id; the e-mail address where it is shown."""
    world = world_of(1)
    _, source = serve(world)

    account = source.account()

    assert account.display_name == world.bot.display_name
    assert account.user_id
    assert source.flavor == ("cloud" if is_cloud(flavor) else "datacenter")


def test_an_anonymous_visitor_is_no_account(serve: Open) -> None:
    """As everywhere else."""
    site, source = serve(world_of(1))
    site.faults.add(Fault(kind="anonymous-200", match="user/current", times=0))

    with pytest.raises(CredentialsRefused, match="anonymous"):
        source.account()

    assert site.faults.fired


def test_pages_are_counted_by_one_request_for_a_space(serve: Open) -> None:
    """Of the account's view; what cannot be counted is left out and fails nothing."""
    world = world_of(30, spaces=3)
    site, source = serve(world)
    spaces = source.spaces().spaces
    site.requests.clear()
    expected = {space.id: len(world.pages(space_key=space.key)) for space in spaces}

    assert page_counts(source, spaces) == expected
    assert site.requests.count("/rest/api/search") == len(site.requests) == 3
    site.faults.add(Fault(kind="error-500", match=f"rest/api/search.*{spaces[0].key}", times=0))
    assert page_counts(source, spaces) == {key: value for key, value in expected.items() if key != spaces[0].id}
    assert kinds_fired(site) == ["error-500"]


def test_archived_spaces_are_listed_apart(serve: Open) -> None:
    """Each space is in one of the two lists."""
    world = world_of(6, spaces=2)
    first, second = world.spaces()
    world.archive_space(first.key)
    _, source = serve(world)

    assert [space.key for space in source.spaces().spaces] == [second.key]
    assert [(space.key, space.archived) for space in source.archived_spaces().spaces] == [(first.key, True)]


def test_the_version_of_a_data_center(serve: Open, flavor: str) -> None:
    """Cloud has none, and is not asked."""
    site, source = serve(world_of(1))
    site.requests.clear()

    assert version_of(source) == (None if is_cloud(flavor) else site.tenant.version)
    assert len(site.requests) == (0 if is_cloud(flavor) else 1)
    site.faults.add(Fault(kind="forbidden-html-403", match="server-information", times=0))
    assert version_of(source) is None


def test_the_clock_and_the_rate_limit_of_the_last_answer(serve: Open) -> None:
    """From its headers, whatever the status."""
    site, source = serve(world_of(1), date_offset=timedelta(hours=2))
    source.check_account()
    headers = source.client.http_stats.site_headers()

    assert headers.clock_ahead is not None
    ahead = headers.clock_ahead - (site.world.now - datetime.now(UTC))
    assert abs(ahead - timedelta(hours=2)) < timedelta(minutes=5)
    assert headers.rate_limits == {}
    refusal = {"status": 429, "headers": {"X-RateLimit-Limit": "40", "Retry-After": "1"}}
    site.faults.add(Fault(kind="status", times=0, argument=refusal))
    with pytest.raises(ConfluenceUnavailable):
        source.client.get("rest/api/user/current")
    assert source.client.http_stats.site_headers().rate_limits == {"X-RateLimit-Limit": "40"}

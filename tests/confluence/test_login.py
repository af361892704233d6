"""Logins to Data Center that fail: each is named as such, and none passes for an empty Confluence."""

import pytest
from confluence_simulator import Fault

from hr_sync.confluence.http.credentials import Credentials
from hr_sync.errors import AccessDenied, CredentialsRefused
from tests.confluence.clients import BEARER, USERNAME, kinds_fired
from tests.confluence.flavors import on_premises, only_space, world_of

WRONG_PASSWORD = Credentials(username=USERNAME, password="wrong")
WRONG_TOKEN = Credentials(token="expired")


@pytest.mark.parametrize("credentials", [WRONG_PASSWORD, WRONG_TOKEN], ids=["basic", "token"])
@pytest.mark.parametrize(
    ("answer", "says"),
    [("refused", "refused the credentials"), ("login", "redirects to another path of this site, as to a login page")],
)
def test_wrong_credentials_are_refused_at_once(credentials: Credentials, answer: str, says: str) -> None:
    """By 401 or by a redirect to the login page, which is not followed: one request each."""
    with on_premises(world_of(5), credentials=credentials, bad_credentials=answer, context_path="/confluence") as (
        site,
        reader,
    ):
        for ask in (reader.check_account, reader.spaces):
            with pytest.raises(CredentialsRefused, match=says):
                ask()

    assert len(site.requests) == 2
    assert not any("login" in record.route for record in site.requests)


def test_a_token_that_makes_an_anonymous_visitor_is_found_out() -> None:
    """It is let in with 200 and sees what is public; the header X-AUSERNAME says so on every answer."""
    with on_premises(world_of(5), credentials=WRONG_TOKEN, bad_credentials="anonymous") as (site, reader):
        for ask in (reader.spaces, reader.check_account):
            with pytest.raises(CredentialsRefused, match="as an anonymous visitor"):
                ask()

    assert {record.status for record in site.requests} == {200}


@pytest.mark.parametrize("status", [200, 401, 403])
def test_a_captcha_is_named_with_its_own_remedy_and_never_retried(status: int) -> None:
    """Whatever status comes with it: each further try makes it last longer."""
    denied = {"status": status, "headers": {"X-Seraph-LoginReason": "AUTHENTICATION_DENIED"}, "body": {"results": []}}
    with on_premises(world_of(5)) as (site, reader):
        site.faults.add(Fault(kind="status", argument=denied, times=0))
        with pytest.raises(CredentialsRefused, match=r"CAPTCHA.*browser") as refusal:
            reader.spaces()

    assert type(refusal.value) is CredentialsRefused  # not a space that is closed to us: it ends the whole run
    assert kinds_fired(site) == ["status"]


def test_a_login_that_failed_beside_status_200_is_refused() -> None:
    """Anybody's answer is not ours."""
    failed = {"status": 200, "headers": {"X-Seraph-LoginReason": "AUTHENTICATED_FAILED"}, "body": {"results": []}}
    with on_premises(world_of(5)) as (site, reader):
        site.faults.add(Fault(kind="status", argument=failed))
        with pytest.raises(CredentialsRefused, match="refused the credentials"):
            reader.spaces()

    assert kinds_fired(site) == ["status"]


@pytest.mark.parametrize("reason", ["OK", "OUT", ""])
def test_other_words_about_the_login_are_no_refusal(reason: str) -> None:
    """OK is what a good login says."""
    fine = {"status": 200, "headers": {"X-Seraph-LoginReason": reason}, "body": {"type": "known"}}
    with on_premises(world_of(5), credentials=BEARER) as (site, reader):
        site.faults.add(Fault(kind="status", argument=fine))
        reader.check_account()

    assert kinds_fired(site) == ["status"]


@pytest.mark.parametrize("kind", ["captcha-403", "login-401", "redirect-login", "forbidden-403"])
def test_a_refusal_in_the_middle_of_a_listing_ends_it(kind: str) -> None:
    """Half a listing is none."""
    with on_premises(world_of(300)) as (site, reader):
        space = only_space(reader)
        site.faults.add(Fault(kind=kind, at=3, match="/scan"))
        with pytest.raises(AccessDenied if kind == "forbidden-403" else CredentialsRefused):
            reader.listing(space)

    assert kinds_fired(site) == [kind]

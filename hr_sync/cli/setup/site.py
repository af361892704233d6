"""Asks for the address of the site and the account, and tries both."""

from dataclasses import dataclass
from pathlib import Path

from hr_sync.cancellation import Cancellation
from hr_sync.cli.bootstrap import client_limits, open_client
from hr_sync.cli.check_site import FLAVORS, account_words
from hr_sync.cli.setup.choices import Choices, read_secret
from hr_sync.cli.setup.dialogue import Dialogue
from hr_sync.confluence.http.client import HttpClient
from hr_sync.confluence.http.context_path import usual_path
from hr_sync.confluence.http.credentials import Credentials
from hr_sync.confluence.http.reach import resolve_site, try_port, try_tls
from hr_sync.confluence.http.urls import api_base, is_cloud
from hr_sync.confluence.source import Source, open_source
from hr_sync.errors import AnswerUnusable, ConfigurationError, CredentialsRefused, NotFound, SiteMoved, UsageError
from hr_sync.logs import configure_logging
from hr_sync.settings import Settings, secret_values
from hr_sync.settings.pasted import read_pasted

_TOKENS = "https://id.atlassian.com/manage-profile/security/api-tokens"


@dataclass(frozen=True, kw_only=True, slots=True)
class Site:
    """A site that answers."""

    choices: Choices
    flavor: str | None  #: None: only an account finds out
    space_key: str | None  #: of the address that was pasted


@dataclass(frozen=True, kw_only=True, slots=True)
class GivenAccount:
    """The account that options name."""

    username: str | None = None
    is_scoped: bool = False  #: a scoped token, without a user name
    token_file: Path | None = None


def ask_site(dialogue: Dialogue, given: str | None, choices: Choices) -> Site:
    """Return a site that answers. `choices` may hold a certificate authority and a proxy."""

    def ask() -> str:
        return dialogue.ask("Address of Confluence, as the browser shows it", option="--url")

    return dialogue.settle(given, ask, lambda text: _try_site(dialogue, text, choices))


def ask_account(dialogue: Dialogue, site: Site, given: GivenAccount) -> tuple[Choices, Source]:
    """Return the choices with an account that Confluence knows, and the source that reads with it."""

    def ask() -> Choices:
        return _ask_credentials(dialogue, site, given.username, given)

    def ask_again() -> Choices:
        return _ask_credentials(dialogue, site, None, GivenAccount(is_scoped=given.is_scoped))

    def attempt(choices: Choices) -> tuple[Choices, Source]:
        settings = choices.settings()
        configure_logging(level="warning", secrets=secret_values(settings))
        source = open_source(open_client(settings, Cancellation(), is_trial=True))
        account = source.account()
        dialogue.say(f"  Signed in to {FLAVORS[source.flavor]} as {account_words(account)}.")
        if not is_cloud(settings.confluence.url):
            choices = choices.having({"confluence.flavor": source.flavor})
        return choices, source

    return dialogue.settle(ask(), ask_again, attempt)


def _try_site(dialogue: Dialogue, text: str, choices: Choices) -> Site:
    try:
        pasted = read_pasted(text)
    except ValueError as error:
        raise ConfigurationError(f"The address {error}.") from None
    choices = choices.having({"confluence.url": pasted.base})
    settings = choices.settings()
    confluence = settings.confluence
    if confluence.proxy is None:
        resolve_site(confluence.url)
        try_port(confluence.url)
        if confluence.url.startswith("https://"):
            try_tls(confluence.url, str(confluence.ca_file) if confluence.ca_file else None)
    if is_cloud(confluence.url):
        flavor: str | None = "cloud"
    else:
        choices, flavor = _probe(dialogue, choices, settings)
    return Site(choices=choices, flavor=flavor, space_key=pasted.space_key)


def _probe(dialogue: Dialogue, choices: Choices, settings: Settings) -> tuple[Choices, str | None]:
    """Return the flavour as far as an anonymous visitor is told, and the address with its context path."""
    base = api_base(settings.confluence.url)
    client = HttpClient(base, Credentials(), client_limits(settings.confluence, is_trial=True), Cancellation())
    try:
        return choices, open_source(client).flavor
    except SiteMoved:
        raise
    except CredentialsRefused:
        return choices, None
    except (AnswerUnusable, NotFound) as failure:
        path = usual_path(client)
        if path is not None:
            dialogue.say(f"  Confluence is below /{path} there.")
            return choices.having({"confluence.url": f"{base}/{path}"}), None
        if dialogue.is_interactive:
            dialogue.say(f"  {failure}")
            if not dialogue.confirm("Use this address all the same?", option="--url", default=False):
                raise
        return choices, None  # some sites show nothing but a login page without an account
    finally:
        client.close()


def _ask_credentials(dialogue: Dialogue, site: Site, username: str | None, given: GivenAccount) -> Choices:
    """Return the choices with a user name and a token, or with a token alone."""
    if username is None and not given.is_scoped and site.flavor != "datacenter":
        username = _ask_username(dialogue, site)
    key = "confluence.api_token" if username else "confluence.token"
    choices = site.choices.having({"confluence.username": username} if username else {})
    if given.token_file is None:
        secret = dialogue.ask_secret(
            _token_question(site, username), option="--token-file FILE (or - for standard input)"
        )
        return choices.having(secrets={key: secret})
    if str(given.token_file) == "-":
        return choices.having(secrets={key: read_secret(Path("/dev/stdin"))})
    read_secret(given.token_file)
    return choices.having(files={key: given.token_file.absolute()})


def _ask_username(dialogue: Dialogue, site: Site) -> str | None:
    if not dialogue.is_interactive and site.flavor is None:
        return None  # a token alone is the usual way on Data Center
    if not dialogue.is_interactive:
        raise UsageError("Pass --username EMAIL for an API token, or --scoped for a scoped token.")
    if site.flavor == "cloud":
        question = "E-mail address of the account (- for a scoped token without one)"
    else:
        question = (
            "E-mail address of the account on Cloud (- for a personal access token of Data Center, or a scoped token)"
        )
    answer = dialogue.ask(question, option="--username EMAIL")
    return None if answer == "-" else answer


def _token_question(site: Site, username: str | None) -> str:
    if username:
        where = f", from {_TOKENS}" if site.flavor == "cloud" else ""
        return f"API token (it is not shown{where})" if site.flavor != "datacenter" else "Password (it is not shown)"
    if site.flavor == "datacenter":
        return "Personal access token, from your profile in Confluence (it is not shown)"
    return "Token (it is not shown)"

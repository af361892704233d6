"""What `hr-sync check` tries of the Confluence site: name, port, TLS, account, spaces."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from hr_sync.cancellation import Cancellation
from hr_sync.cli.bootstrap import open_client
from hr_sync.confluence.http.reach import resolve_site, try_port, try_tls
from hr_sync.confluence.site import page_counts, version_of
from hr_sync.confluence.source import open_source
from hr_sync.domain.principal_words import number
from hr_sync.domain.scope import SpaceScope, same_space_key
from hr_sync.errors import ConfigurationError, HrSyncError
from hr_sync.sync.archived_pages import archive_warnings
from hr_sync.sync.context import SyncRequest
from hr_sync.sync.scope import page_trees_not_visible
from hr_sync.sync.spaces import SpaceSelection, select_spaces

if TYPE_CHECKING:
    from hr_sync.cli.check_steps import Checks
    from hr_sync.confluence.source import Source
    from hr_sync.domain.access import Identity
    from hr_sync.settings import ConfluenceSettings, Settings
    from hr_sync.store.store import Store

FLAVORS = {"cloud": "Cloud", "datacenter": "Data Center"}
_MOST_KEYS = 10  # in a message
_MOST_COUNTED = 20  # spaces
_SAME_CLOCK = timedelta(seconds=2)  # dates of HTTP have whole seconds
_EXPIRES_SOON = timedelta(days=14)


def check_connection(checks: "Checks", confluence: "ConfluenceSettings") -> None:
    """Try name, port and TLS of the site within seconds. Raise ConfluenceUnavailable."""
    if confluence.proxy is not None:
        checks.skipped("dns", "DNS and TLS: left to confluence.proxy.")
        return
    addresses = resolve_site(confluence.url)
    checks.passed("dns", f"DNS: the host of confluence.url is {', '.join(addresses[:3])}.", addresses=addresses)
    try_port(confluence.url)
    if not confluence.url.startswith("https://"):
        checks.skipped("tls", "TLS: not used on this machine itself.")
        return
    tls = try_tls(confluence.url, str(confluence.ca_file) if confluence.ca_file else None)
    if tls is None:
        return  # the first request says why
    until = f", with a certificate until {tls.expires_at:%Y-%m-%d}" if tls.expires_at else ""
    message, facts = f"TLS: {tls.version}{until}.", {"version": tls.version, "expires_at": tls.expires_at}
    if tls.expires_at is not None and tls.expires_at < datetime.now(UTC) + _EXPIRES_SOON:
        warning = f"The TLS certificate of Confluence ends on {tls.expires_at:%Y-%m-%d}. Tell its administrators."
        checks.warned("tls", message, warning=warning, **facts)
    else:
        checks.passed("tls", message, **facts)


def check_account(checks: "Checks", settings: "Settings") -> "Source":
    """Return the source whose account was tried."""
    source = open_source(open_client(settings, Cancellation(), is_trial=True), settings.confluence.flavor)
    account = source.account()
    flavor, version = FLAVORS[source.flavor], version_of(source)
    headers = source.client.http_stats.site_headers()
    checks.passed(
        "confluence",
        f"Confluence: reached, {flavor}{f' {version}' if version else ''} at {source.client.base}"
        f"{_clock(headers.clock_ahead)}.",
        flavor=source.flavor,
        version=version,
        base=source.client.base,
        clock_ahead=headers.clock_ahead,
        rate_limits=dict(headers.rate_limits),
    )
    if headers.rate_limits:
        limits = ", ".join(f"{name} {value}" for name, value in sorted(headers.rate_limits.items()))
        checks.passed("rate limit", f"Rate limit: {limits}.", **headers.rate_limits)
    checks.passed("account", f"Account: {account_words(account)}.", id=account.user_id, name=account.display_name)
    return source


def account_words(account: "Identity") -> str:
    """Return an account as people know it."""
    parts = [account.display_name or account.user_id, account.email]
    return ", ".join(filter(None, parts)) + (f" ({account.user_id})" if account.display_name else "")


def _clock(ahead: timedelta | None) -> str:
    if ahead is None:
        return ""
    if abs(ahead) <= _SAME_CLOCK:
        return "; its clock is this machine's"
    seconds = timedelta(seconds=round(abs(ahead).total_seconds()))
    return f"; its clock is {seconds} {'ahead of' if ahead > timedelta() else 'behind'} this machine's"


def check_spaces(checks: "Checks", source: "Source", scope: SpaceScope, store: "Store | None") -> SpaceSelection:
    """Return the spaces that the settings select. Raise ConfigurationError if one of them is not visible."""
    spaces = select_spaces(source, store, scope, SyncRequest())
    counts = page_counts(source, spaces.chosen[:_MOST_COUNTED])
    for space in spaces.chosen:
        count = counts.get(space.id)
        about = "" if count is None else f", about {number(count, 'page')}"
        facts = {"key": space.key, "name": space.name, "pages": count}
        checks.passed("space", f"Space {space.key}: {space.name}{about}.", **facts)
    checks.warnings += [*spaces.warnings, *_lost(spaces), *archive_warnings(source, scope.pages)]
    return spaces


def refuse_what_is_not_visible(source: "Source", scope: SpaceScope, spaces: SpaceSelection) -> None:
    """Raise ConfigurationError for spaces and page trees of the settings that the account does not see."""
    trees = page_trees_not_visible(source, scope.pages)
    missing = [*(f"space {key}" for key in spaces.not_visible), *(f"page tree {root}" for root in trees)]
    if missing:
        visible = _visible_keys(source) if spaces.not_visible else ""
        raise ConfigurationError(
            f"Not visible to the account: {', '.join(missing)}.{visible} Check confluence.spaces and "
            "confluence.page_trees, and that the account may view them; `hr-sync spaces` lists what it sees."
        )


def _lost(spaces: SpaceSelection) -> Sequence[str]:
    """Return a sentence for each mirrored space that is not visible any more and that no setting names."""
    return [
        f"Space {space.key} is in the mirror, and no longer visible to the account: its permission was withdrawn, or "
        "the space was archived or deleted."
        for space in spaces.unlisted
        if not any(same_space_key(space.key, key) for key in spaces.not_visible)
    ]


def _visible_keys(source: "Source") -> str:
    """Return a sentence with the first keys that the account may view: most often one of them was meant."""
    try:
        keys = sorted(space.key for space in source.spaces().spaces)
    except HrSyncError:
        return ""
    more = f", and {len(keys) - _MOST_KEYS} more" if len(keys) > _MOST_KEYS else ""
    return f" It sees {', '.join(keys[:_MOST_KEYS])}{more}." if keys else " It sees no space at all."

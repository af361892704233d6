"""The table of typical mistakes: what is done wrong, the exit code of the README, and what people read."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from confluence_simulator import Fault

from tests.cli.stage import Stage

CLOSED_PORT = 9  # the discard port, which nobody serves
PASSWORD = "S3cret-canary"

Value: TypeAlias = Any  #: or a function that makes it from the stage
Preparation: TypeAlias = Callable[[Stage, Path], object]


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """One mistake, and what people read."""

    command: tuple[str, ...] = ("check",)
    exit_code: int
    says: str  #: regular expression, found in the message
    confluence: dict[str, Value] = field(default_factory=dict)
    database: Value = None  #: another URL; empty for none
    groups: dict[str, dict[str, Value]] = field(default_factory=dict)  #: further settings
    variables: dict[str, Value] = field(default_factory=dict)
    fault: Fault | None = None
    prepare: Preparation | None = None
    sql: str = ""  #: executed in a copy of the mirror, which the row uses then
    messages: int = 1


def write(name: str, text: str, mode: int = 0o600) -> Preparation:
    """Write a file beside the settings."""

    def prepare(_: Stage, home: Path) -> None:
        (home / name).write_text(text, encoding="utf-8")
        (home / name).chmod(mode)

    return prepare


def at(port: str, path: str = "/wiki", scheme: str = "http") -> Callable[[Stage], str]:
    """Return an address of one of the stage's ports."""
    return lambda stage: f"{scheme}://127.0.0.1:{getattr(stage, port)}{path}"


def status(number: int, body: Any = None, **headers: str) -> Fault:
    """Answer every request with a status."""
    argument = {"status": number, "headers": {key.replace("_", "-"): value for key, value in headers.items()}}
    return Fault(kind="status", match=".", times=0, argument=argument | ({} if body is None else {"body": body}))


def always(kind: str, match: str = ".", argument: Any = None) -> Fault:
    """Make every request fail that matches."""
    return Fault(kind=kind, match=match, times=0, argument=argument)


QUICK: dict[str, Value] = {"max_attempts": 1}
READS = (("status",), ("pages",), ("explain", "98304"), ("check",))

ADDRESSES = {
    "a browser's address": Mistake(
        confluence={"url": "https://acme.atlassian.net/wiki/spaces/HR"}, exit_code=78, says="must be the site alone"
    ),
    "a page's address": Mistake(
        confluence={"url": "https://wiki.acme.example/display/HR/Leave"}, exit_code=78, says="base address, without the"
    ),
    "the address of the API": Mistake(
        confluence={"url": "https://wiki.acme.example/rest/api"}, exit_code=78, says="base address, without the part"
    ),
    "a query in the address": Mistake(
        confluence={"url": "https://acme.atlassian.net/wiki?x=canary"}, exit_code=78, says=r"no \?, #, % or backslash"
    ),
    "a password in the address": Mistake(
        confluence={"url": "https://bot:S3cret@wiki.acme.example"}, exit_code=78, says="use username and api_token"
    ),
    "plain http": Mistake(
        confluence={"url": "http://wiki.acme.example"}, exit_code=78, says="must begin with https://"
    ),
    "no scheme": Mistake(confluence={"url": "acme.atlassian.net"}, exit_code=78, says="must begin with https://"),
    "a blank in the address": Mistake(
        confluence={"url": "https://acme.atlassian.net "}, exit_code=78, says="without blanks"
    ),
    "the metadata service": Mistake(
        confluence={"url": "https://169.254.169.254"}, exit_code=78, says="must not point to a link-local"
    ),
    "no wiki in the address": Mistake(
        confluence={"url": lambda stage: stage.origin}, exit_code=78, says=r"Set confluence\.url to http://.*/wiki\.$"
    ),
    "no wiki in the address, flavour not known": Mistake(
        confluence={"url": lambda stage: stage.origin, "flavor": None},
        exit_code=78,
        says=r"Set confluence\.url to http://.*/wiki\.$",
    ),
    "no wiki in the address of a run": Mistake(
        command=("run",),
        confluence={"url": lambda stage: stage.origin},
        exit_code=3,
        says=r"Set confluence\.url to http://.*/wiki\.$",
    ),
    "another path": Mistake(
        confluence={"url": lambda stage: f"{stage.origin}/intranet"}, exit_code=78, says=r"Check confluence\.url"
    ),
    "a login page": Mistake(fault=always("login-page-200"), exit_code=78, says=r"not JSON.*confluence\.url"),
    "a site that moved": Mistake(
        confluence={"url": at("moved", "/moved")}, exit_code=78, says=r"moved\. Set confluence\.url to that address"
    ),
    "a site with a new name": Mistake(
        confluence={"url": at("moved", "/renamed")}, exit_code=78, says=r"at https://new\.example\.com \(status 302\)"
    ),
    "a redirect to a login": Mistake(
        confluence={"url": at("moved", "/login")}, exit_code=77, says=r"redirects to id\.example\.com, as to a login"
    ),
    "a redirect to nowhere": Mistake(
        confluence={"url": at("moved", "/nowhere")}, exit_code=77, says="redirects to another path of this site"
    ),
    "Data Center set to cloud": Mistake(
        fault=always("gone-410", match="api/v2"), exit_code=78, says=r"410.*confluence\.flavor"
    ),
}
UNREACHABLE = {
    "a closed port": Mistake(
        confluence={"url": f"http://127.0.0.1:{CLOSED_PORT}/wiki"},
        exit_code=75,
        says=r"Confluence at 127\.0\.0\.1:9 could not be reached: it refused the connection",
    ),
    "an unknown host": Mistake(
        confluence={"url": "https://wiki.invalid"},
        exit_code=75,
        says="wiki.invalid .*: its host name cannot be resolved",
    ),
    "a connection that is reset": Mistake(
        confluence={"url": at("resets")}, exit_code=75, says="connection was closed or reset"
    ),
    "https at a port without": Mistake(
        confluence={"url": at("resets", scheme="https")}, exit_code=75, says=r"127\.0\.0\.1:\d+ .*Try again|Check"
    ),
    "https at a port of http": Mistake(
        confluence={"url": at("plain", scheme="https")},
        exit_code=75,
        says="does not speak TLS at this port; check https and the port",
    ),
    "https at a port that says nothing": Mistake(
        confluence={"url": at("silent", scheme="https"), "request_timeout_seconds": 0.3},
        exit_code=75,
        says="did not answer the TLS handshake in time; check https and the port",
    ),
    "a certificate that nobody knows": Mistake(
        confluence={"url": at("tls", scheme="https")}, exit_code=75, says="TLS failed"
    ),
    "no answer in time": Mistake(
        confluence={"url": at("silent"), "request_timeout_seconds": 0.3},
        exit_code=75,
        says="no complete answer in time",
    ),
    "an answer that is cut": Mistake(
        fault=always("cut-length"), exit_code=75, says="no complete answer.*Try again later"
    ),
    "a server that fails": Mistake(
        command=("run",), confluence=QUICK, fault=always("error-500"), exit_code=75, says="status 500 at .*, tried once"
    ),
    "maintenance": Mistake(confluence=QUICK, fault=always("unavailable-503"), exit_code=75, says="status 503"),
    "a rate that is used up": Mistake(
        fault=status(429, Retry_After="3600"),
        exit_code=75,
        says="limits the request rate .429.; try again in 3600",
    ),
    "a proxy's 403": Mistake(fault=always("forbidden-html-403"), exit_code=78, says="filter or proxy .*User-Agent"),
}
CREDENTIALS = {
    "a wrong token": Mistake(
        confluence={"api_token": "canary-wrong"},
        exit_code=77,
        says=r"the token is wrong or has expired.*confluence\.api_token",
    ),
    "another user's token": Mistake(confluence={"username": "someone@example.com"}, exit_code=77, says="refused"),
    "a token without the scope": Mistake(
        fault=always("unauthorized-401-scope"), exit_code=77, says=r"scopes do not cover.*docs/configuration\.md"
    ),
    "an expired token": Mistake(fault=always("unauthorized-401"), exit_code=77, says="has not expired"),
    "an account without Confluence": Mistake(
        fault=always("forbidden-403"), exit_code=77, says="may not use Confluence"
    ),
    "an API that does not know the account's address": Mistake(
        fault=always("not-found-404-v1", match="user/current"),
        exit_code=78,
        says=r"current user .404.*confluence\.flavor",
    ),
    "a captcha": Mistake(fault=always("captcha-403"), exit_code=77, says="Log in with it in a browser"),
    "an anonymous session": Mistake(
        fault=always("anonymous-200", match="user/current"), exit_code=77, says="anonymous"
    ),
    "no credentials": Mistake(
        confluence={"username": None, "api_token": None},
        exit_code=78,
        says="set username and api_token both, or client_id",
    ),
    "both kinds of credentials": Mistake(
        confluence={"token": "canary-token"}, exit_code=78, says="keep one way of authenticating"
    ),
    "an empty token": Mistake(confluence={"api_token": ""}, exit_code=78, says=r"api_token .*must not be empty"),
    "a token with a line break": Mistake(
        confluence={"api_token": "canary\n"}, exit_code=78, says="api_token.*line break"
    ),
    "an invisible character in the token": Mistake(
        confluence={"api_token": "canary\N{ZERO WIDTH SPACE}"}, exit_code=78, says=r"confluence\.api_token .*invisible"
    ),
    "typographic quotes in a bearer token": Mistake(
        confluence={"username": None, "api_token": None, "token": "\N{LEFT DOUBLE QUOTATION MARK}canary"},
        exit_code=78,
        says=r"confluence\.token .*typographic",
    ),
    "quotes around the token": Mistake(
        confluence={"api_token": "“canary”"}, exit_code=78, says=r"confluence\.api_token .*quot"
    ),
    "a password beyond Latin-1": Mistake(
        confluence={"api_token": "zażółć-€-canary"}, exit_code=77, says="the token is wrong or has expired"
    ),
    "a colon in the user name": Mistake(
        confluence={"username": "me:canary"}, exit_code=78, says=r"username .*must not hold a colon"
    ),
    "the placeholder": Mistake(confluence={"api_token": "CHANGE-ME"}, exit_code=78, says="still holds the placeholder"),
    "a secret file that is missing": Mistake(
        confluence={"api_token": None},
        variables={"HR_SYNC_CONFLUENCE__API_TOKEN_FILE": "/nowhere/token"},
        exit_code=78,
        says="must name a file .*No such file",
    ),
    "the secret in place of its file": Mistake(
        confluence={"api_token": None},
        variables={"HR_SYNC_CONFLUENCE__API_TOKEN_FILE": "canary-secret"},
        exit_code=78,
        says="must name a file that holds the value",
    ),
    "a secret file that everybody may write": Mistake(
        confluence={"api_token": None},
        prepare=write("token", "canary", 0o666),
        variables={"HR_SYNC_CONFLUENCE__API_TOKEN_FILE": "token"},
        exit_code=78,
        says="everybody may write to it; use chmod o-w",
    ),
}
SCOPES = {
    "a space's name": Mistake(confluence={"spaces": ["People Handbook"]}, exit_code=78, says="must be a space key"),
    "an unknown space": Mistake(
        confluence={"spaces": ["NOPE"]},
        exit_code=78,
        says=r"Not visible to the account: space NOPE\. It sees S00\. .*spaces",
    ),
    "an unknown page tree": Mistake(
        confluence={"page_trees": ["424242"]}, exit_code=78, says="Not visible to the account: page tree 424242"
    ),
    "no space": Mistake(confluence={"spaces": []}, exit_code=78, says="must name at least one space"),
    "a space both ways": Mistake(
        confluence={"spaces": ["HR"], "exclude_spaces": ["HR"]}, exit_code=78, says="remove it from one of the two"
    ),
    "another space on the command line": Mistake(
        command=("run", "--space", "nope"), exit_code=2, says=r"Space nope is not in the configured scope \(S00\)"
    ),
    "another space, previewed": Mistake(
        command=("run", "--dry-run", "--space", "nope"), exit_code=2, says="not in the configured scope"
    ),
    "a page that is not there": Mistake(
        command=("resync", "--page", "999"), exit_code=2, says="999.*Check its address"
    ),
    "a short link": Mistake(
        command=("explain", "https://x.example/wiki/x/AbC"), exit_code=2, says="neither a page id nor"
    ),
    "a space that another worker holds": Mistake(
        command=("run", "--space", "S00"),
        groups={"sync": {"busy_wait_seconds": 0}},
        sql="UPDATE sync_spaces SET lease_holder = 'other-machine', lease_worker = 'x', lease_token = 'x', "
        "lease_expires_at = now() + interval '1 hour'",
        exit_code=75,
        says="other-machine.* is at work on space S00.*Try again",
    ),
}
DATABASES = {
    "a wrong password": Mistake(
        database=lambda stage: stage.database(password=PASSWORD),
        exit_code=77,
        says=r"password.*Check user and password",
    ),
    "no password": Mistake(
        database=lambda stage: stage.address("hr_sync"), exit_code=77, says=r"password.*database\.url"
    ),
    "an unknown user": Mistake(
        database=lambda stage: stage.database(username="nobody_here"), exit_code=77, says=r"Check user and password"
    ),
    "an unknown database": Mistake(
        database=lambda stage: stage.database(database="nowhere"),
        exit_code=78,
        says='database "nowhere" does not exist',
    ),
    "a closed database port": Mistake(
        database=lambda stage: stage.database(port=CLOSED_PORT), exit_code=75, says="Connection refused.*server runs"
    ),
    "an unknown database host": Mistake(
        database="postgresql://hr:S3cret@db.invalid/hr", exit_code=75, says=r"db\.invalid.*resolve.*database\.url"
    ),
    "an @ in the password": Mistake(
        database=lambda stage: stage.address("hr_sync:S3cret@canary"), exit_code=78, says="write @ as %40"
    ),
    "an @ and a slash in the password": Mistake(
        database=lambda stage: stage.address("hr_sync:S3cret@canary/x"), exit_code=78, says="write @ as %40"
    ),
    "a database of another kind": Mistake(
        database="mysql://me:S3cret@localhost/hr", exit_code=78, says="must begin with postgresql://"
    ),
    "another driver": Mistake(
        database="postgresql+psycopg2://me:S3cret@localhost/hr", exit_code=78, says="must begin with postgresql://"
    ),
    "no database name": Mistake(
        database="postgresql://me:S3cret@localhost", exit_code=78, says="must name the database"
    ),
    "an unknown option": Mistake(
        database="postgresql://me:S3cret@localhost/hr?sslmod=require", exit_code=78, says="option after the .* not know"
    ),
    "a port that is none": Mistake(
        database="postgresql://me@localhost:S3cret/hr", exit_code=78, says="is not an address"
    ),
    "no TLS to another machine": Mistake(
        database="postgresql://me:S3cret@db.invalid/hr?sslmode=disable",
        exit_code=78,
        says=r"unencrypted to db\.invalid.*database\.allow_plaintext = true",
    ),
    "no TLS to another machine, as allowed": Mistake(
        database="postgresql://me:S3cret@db.invalid/hr?sslmode=disable",
        groups={"database": {"allow_plaintext": True}},
        exit_code=75,
        says=r"db\.invalid.*resolve",
    ),
    "TLS that the server does not have": Mistake(
        database=lambda stage: f"{stage.database(query={})}?sslmode=verify-full&sslrootcert=system",
        exit_code=78,
        says="does not support SSL.*TLS",
    ),
    "a server that is none": Mistake(
        database=lambda stage: stage.database(port=stage.resets), exit_code=75, says="closed the connection"
    ),
    "no host answers": Mistake(
        database=lambda stage: f"postgresql://me:S3cret@127.0.0.1:{CLOSED_PORT},127.0.0.1:{stage.resets}/hr",
        exit_code=75,
        says=r"127\.0\.0\.1:9, 127\.0\.0\.1:\d+ / hr: connection failed.*server runs",
    ),
    "too many connections": Mistake(
        sql="ALTER DATABASE {db} CONNECTION LIMIT 0;\nCREATE ROLE many_{db} LOGIN PASSWORD 'crowd'",
        database=lambda stage: stage.database(username=f"many_{stage.url.database}", password="crowd"),
        exit_code=75,
        says="too many connections.*database.pool_size",
    ),
    "a role without tables": Mistake(
        command=("run",),
        sql="CREATE ROLE bare_{db} LOGIN PASSWORD 'bare'",
        database=lambda stage: stage.database(username=f"bare_{stage.url.database}", password="bare"),
        exit_code=78,
        says="permission denied for table hr_sync_alembic_version.*Grant it",
    ),
    "a role that may not create": Mistake(
        command=("init-db",),
        sql="CREATE ROLE weak_{db} LOGIN PASSWORD 'weak'",
        groups={"database": {"schema": "elsewhere"}},
        database=lambda stage: stage.database(username=f"weak_{stage.url.database}", password="weak"),
        exit_code=78,
        says="may not create tables in schema elsewhere.*Grant it CREATE.*as the owner",
    ),
    "a role that may only read": Mistake(
        command=("run",),
        sql="CREATE ROLE looks_{db} LOGIN PASSWORD 'looks';\nGRANT SELECT ON ALL TABLES IN SCHEMA public TO looks_{db}",
        database=lambda stage: stage.database(username=f"looks_{stage.url.database}", password="looks"),
        exit_code=78,
        says="permission denied for table sync_runs.*Grant it",
    ),
    "a standby": Mistake(
        command=("run",),
        sql="ALTER DATABASE {db} SET default_transaction_read_only = on",
        exit_code=75,
        says="read-only.*Connect to the primary",
    ),
    "tables of a newer build": Mistake(
        command=("status",),
        sql="UPDATE hr_sync_alembic_version SET version_num = '9999'",
        exit_code=78,
        says="revision 9999, which this build .* does not know.*Deploy",
    ),
    "tables that lost a column": Mistake(
        command=("status",),
        sql="ALTER TABLE page_failures DROP COLUMN attempts",
        exit_code=78,
        says=r"lacks page_failures\.attempts.*Restore",
    ),
    "tables of somebody else": Mistake(
        command=("run",), sql="DROP TABLE hr_sync_alembic_version", exit_code=78, says=r"Set database\.schema"
    ),
    "no tables": Mistake(
        command=("status",),
        groups={"database": {"schema": "empty"}},
        exit_code=78,
        says="holds no tables of hr_sync yet. Run `hr-sync init-db`",
    ),
    "a schema of PostgreSQL": Mistake(
        groups={"database": {"schema": "pg_catalog"}}, exit_code=78, says="must not be a schema of PostgreSQL itself"
    ),
}
FILES = {
    "no settings file": Mistake(
        command=("check", "--config", "nowhere.toml"), exit_code=78, says=r"nowhere\.toml: .*No such file"
    ),
    "a folder in place of the settings": Mistake(
        command=("check", "--config", "."), exit_code=78, says="Is a directory"
    ),
    "settings that are no TOML": Mistake(
        command=("check", "--config", "x.yaml"),
        prepare=write("x.yaml", "confluence:\n  token: canary\n"),
        exit_code=78,
        says="is not valid TOML.*line 1",
    ),
    "settings that are not UTF-8": Mistake(
        command=("check", "--config", "x.toml"),
        prepare=lambda _, home: (home / "x.toml").write_bytes(b"[confluence]\ntoken = '\xff'\n"),
        exit_code=78,
        says="UTF-8",
    ),
    "settings that everybody may write": Mistake(
        command=("check", "--config", "x.toml"),
        prepare=write("x.toml", "[confluence]\n", 0o666),
        exit_code=78,
        says="everybody may write to it; use chmod o-w",
    ),
    "an unknown key": Mistake(
        confluence={"max_conections": 3}, exit_code=78, says=r"did you mean confluence\.max_connections\?"
    ),
    "an unknown table": Mistake(groups={"databse": {"url": "canary"}}, exit_code=78, says="did you mean database"),
    "an unknown variable": Mistake(
        variables={"HR_SYNC_CONFLUENCE__API_TOCKEN": "canary"}, exit_code=78, says="HR_SYNC_CONFLUENCE__API_TOKEN"
    ),
    "one underscore": Mistake(
        variables={"HR_SYNC_LOG_LEVEL": "debug"}, exit_code=78, says="did you mean HR_SYNC_LOG__LEVEL"
    ),
    "an unknown level": Mistake(groups={"log": {"level": "loud"}}, exit_code=78, says=r"log\.level .*'debug'"),
    "an unknown zone": Mistake(
        groups={"sync": {"time_zone": "Mars/Phobos"}}, exit_code=78, says=r"sync\.time_zone .*Europe/Berlin"
    ),
    "a cron expression that is none": Mistake(
        command=("serve",), groups={"sync": {"full_cron": "every day"}}, exit_code=78, says="five fields"
    ),
    "a cron expression out of range": Mistake(
        command=("serve",), groups={"sync": {"full_cron": "61 1 * * *"}}, exit_code=78, says=r"30 1 \* \* 1-5"
    ),
    "limits that the schedule cannot keep": Mistake(
        command=("serve",), groups={"sync": {"stale_after_minutes": 1}}, exit_code=78, says=r"set it to more than"
    ),
    "a number that is none": Mistake(confluence={"max_connections": "eight"}, exit_code=78, says="max_connections"),
    "a CA file that is missing": Mistake(confluence={"ca_file": "/nowhere.pem"}, exit_code=78, says="No such file"),
    "a CA file that holds none": Mistake(
        prepare=write("ca.pem", "nothing"), confluence={"ca_file": "ca.pem"}, exit_code=78, says="PEM certificates"
    ),
    "a metrics file nowhere": Mistake(
        command=("run",),
        groups={"service": {"metrics_file": "/nowhere/hr_sync.prom"}},
        exit_code=78,
        says=r"service\.metrics_file: /nowhere/hr_sync\.prom cannot be written .*No such file",
    ),
    "a metrics file that is a folder": Mistake(
        command=("run",),
        prepare=lambda _, home: (home / "metrics").mkdir(),
        groups={"service": {"metrics_file": "metrics"}},
        exit_code=78,
        says=r"service\.metrics_file: metrics cannot be written",
    ),
    "a folder of the embedded PostgreSQL that is none": Mistake(
        database="",
        groups={"database": {"embedded_folder": "/dev/null/x"}},
        exit_code=78,
        says=r"cannot use /dev/null/x: Not a directory.*database\.url",
    ),
}
SERVICES = {
    "a port that is taken": Mistake(
        command=("serve",),
        groups={"service": {"port": lambda stage: stage.silent}},
        exit_code=78,
        says="service.host and service.port: .*Address already in use",
    ),
    "an address of another machine": Mistake(
        command=("serve",),
        groups={"service": {"host": "192.0.2.1", "token": "canary-canary-canary"}},
        exit_code=78,
        says=r"192\.0\.2\.1 .*cannot be opened",
    ),
    "a host that is none": Mistake(
        command=("serve",),
        groups={"service": {"host": "nowhere.invalid", "token": "canary-canary-canary"}},
        exit_code=78,
        says=r"nowhere\.invalid .*cannot be opened",
    ),
    "a service without a token": Mistake(
        command=("serve",), groups={"service": {"host": "::"}}, exit_code=78, says=r"Set service\.token"
    ),
    "a token that can be guessed": Mistake(
        command=("serve",), groups={"service": {"token": "canary"}}, exit_code=78, says="at least 16 characters"
    ),
    "a ping address without TLS": Mistake(
        command=("run",), groups={"service": {"ping_url": "http://x.example/canary"}}, exit_code=78, says="https://"
    ),
}
USAGE = {
    "a typing mistake in the command": Mistake(command=("rnu",), exit_code=2, says="Did you mean 'run'"),
    "a typing mistake in an option": Mistake(command=("run", "--fulll"), exit_code=2, says="--full.*hr-sync run -h"),
    "an option without its value": Mistake(command=("run", "--space"), exit_code=2, says="requires an argument"),
    "a missing page": Mistake(command=("explain",), exit_code=2, says="PAGE.*hr-sync explain -h"),
    "options that exclude each other": Mistake(
        command=("run", "--incremental", "--full"), exit_code=2, says="leave one of them out"
    ),
    "a time in words": Mistake(command=("pages", "--since", "yesterday"), exit_code=2, says="like 2026-11-25"),
    "a resync of nothing": Mistake(command=("resync",), exit_code=2, says="--page, or --space"),
    "a purge of nothing": Mistake(command=("purge",), exit_code=2, says="--page, --space or --removed-days"),
    "a purge without a person": Mistake(command=("purge", "--space", "S00"), exit_code=2, says="Pass --yes"),
    "an unknown flavour": Mistake(command=("simulate", "--flavor", "server"), exit_code=2, says="cloud or datacenter"),
    "a simulator at a port that is taken": Mistake(
        command=("simulate", "--port", "{silent}"), exit_code=2, says="in use.*--port"
    ),
}
MISTAKES = ADDRESSES | UNREACHABLE | CREDENTIALS | SCOPES | DATABASES | FILES | SERVICES | USAGE

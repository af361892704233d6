"""Each class of `hr_sync.errors` by a real cause: the message, the exit code, and what the message says to do.

`mistakes.py` has many causes of a few classes; here each class has one, and its remedy is carried out.
"""

import ast
import re
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from hr_sync import errors
from tests.cli.mistakes import MISTAKES, Mistake, always, status
from tests.cli.stage import Stage, on_server
from tests.cli.test_mistakes import check, perform
from tests.cli.test_remedies import commands

SOURCE = Path(errors.__file__).parent
LISTING = r"/api/v2/spaces/\d+/pages"
PICTURE = SOURCE.parent / "docs" / "pictures" / "status-page.png"
ABSTRACT = {"ConfluenceError"}  # which nothing raises

#: Another worker takes the lease over as soon as this one has it.
TAKE_OVER = (
    "CREATE FUNCTION take_over() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF pg_trigger_depth() = 1 THEN "
    "UPDATE public.sync_spaces SET epoch = NEW.epoch + 1, lease_token = 'x', lease_worker = 'x', lease_holder = 'x', "
    "lease_expires_at = now() + interval '1 hour' WHERE space_key = NEW.space_key; END IF; RETURN NULL; END $$;\n"
    "CREATE TRIGGER take_over AFTER UPDATE OF epoch ON sync_spaces FOR EACH ROW EXECUTE FUNCTION take_over()"
)
FREE = "UPDATE sync_spaces SET lease_expires_at = now() - interval '1 second'"
DISK_FULL = (
    "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION 'canary' USING ERRCODE = 'disk_full'; END $$;\n"
    "CREATE TRIGGER fail BEFORE INSERT ON sync_runs FOR EACH ROW EXECUTE FUNCTION fail()"
)

#: Until which the site has asked every worker to send nothing.
THE_TIME_HAS_COME = "UPDATE site_budget SET blocked_until = now()"


@dataclass(frozen=True, kw_only=True)
class Case:
    """One cause of an error, and how what it says is followed."""

    cause: Mistake
    sets: str = ""  #: setting that the message names, and that is corrected then
    undone_by: str = "SELECT 1"  #: SQL by the administrator of the database, or by time
    then: tuple[str, ...] = ()  #: command that works afterwards, if it is another one
    locks: str = ""  #: table that somebody else has locked meanwhile


def named(name: str, **changes: Any) -> Mistake:
    """Return a row of the table of mistakes, in a copy of the mirror."""
    return replace(MISTAKES[name], sql=MISTAKES[name].sql or "SELECT 1", **changes)


def running(**row: Any) -> Mistake:
    """Return a cause that a full run meets."""
    return Mistake(**({"command": ("run",), "sql": "SELECT 1"} | row))


CASES = {
    "HrSyncError": Case(
        cause=running(
            sql="ALTER TABLE sync_runs ADD CONSTRAINT by_hand CHECK (mode <> 'full') NOT VALID",
            exit_code=1,
            says=r"refused a statement.*CheckViolation \(23514, by_hand\)\. The log has .*Undo what was changed",
        ),
        undone_by="ALTER TABLE sync_runs DROP CONSTRAINT by_hand",
    ),
    "UsageError": Case(cause=named("a typing mistake in the command"), then=("run",)),
    "NothingMirrored": Case(
        cause=running(
            command=("search", "words"),
            sql="DELETE FROM page_texts",
            groups={"text": {"sections": True}},
            exit_code=2,
            says=r"no text was made yet\. `hr-sync run` makes it",
        )
    ),
    "ConfigurationError": Case(cause=named("an unknown key"), sets="confluence.max_connections"),
    "SchemaError": Case(cause=named("no tables"), then=("status",)),
    "DatabaseUnavailable": Case(cause=named("a closed database port", command=("run",)), sets="database.url"),
    "DatabaseUnavailable, a full disk": Case(
        cause=running(sql=DISK_FULL, exit_code=75, says="disk of the server is full; free some of it: .*run again"),
        undone_by="DROP TRIGGER fail ON sync_runs",
    ),
    "DatabaseConflict": Case(
        cause=running(
            groups={"database": {"lock_timeout_seconds": 1}},
            exit_code=75,
            says=r"somebody else held a lock for longer than database\.lock_timeout_seconds.*run again",
        ),
        locks="sync_spaces",
    ),
    "DatabaseCredentialsRefused": Case(cause=named("a wrong password"), sets="database.url"),
    "LeaseLost": Case(
        cause=running(sql=TAKE_OVER, exit_code=75, says="Another worker took over space S00.*nothing to do"),
        undone_by=f"DROP TRIGGER take_over ON sync_spaces;\n{FREE}",
    ),
    "LeaseHeld": Case(cause=named("a space that another worker holds"), undone_by=FREE),
    "SnapshotNeeded": Case(
        cause=running(
            command=("changes", "--consumer", "bot"), exit_code=5, says="no consumer bot.*begins with everything"
        )
    ),
    "SnapshotNeeded, a lost position": Case(
        cause=running(
            command=("changes", "--consumer", "bot"),
            sql="INSERT INTO feed_consumers (name, epoch, acked_seq) VALUES ('bot', gen_random_uuid(), 0)",
            exit_code=5,
            says="position is of another epoch.*Read everything again",
        )
    ),
    "Stopped": Case(
        cause=running(
            variables={"HR_SYNC_SYNC__RUN_DEADLINE_MINUTES": "0.01"},
            fault=status(429, Retry_After="50"),
            exit_code=75,
            says=r"Stopped after 0\.01 min, the limit of sync\.run_deadline_minutes.*the next run does the rest",
        ),
        undone_by=THE_TIME_HAS_COME,
    ),
    "AnswerNotTrusted": Case(
        cause=running(
            fault=always("row-without-id", match=LISTING), exit_code=3, says="Run again; .*proxies and filters"
        )
    ),
    "AnswerUnusable": Case(
        cause=running(
            fault=always("html-200", match=LISTING),
            exit_code=3,
            says=r"answered api/v2/spaces/\{id\}/pages with something that is not JSON.*Open confluence\.url",
        )
    ),
    "NotFound": Case(
        cause=running(
            fault=always("not-found-404-v2", match=LISTING),
            exit_code=3,
            says=r"does not find api/v2/spaces/\{id\}/pages, or the account may not view it \(404\)",
        )
    ),
    "EndpointRemoved": Case(
        cause=running(
            fault=always("gone-410", match=LISTING),
            exit_code=78,
            says=r"removed the endpoint api/v2/spaces/\{id\}/pages \(410\)\. Check confluence\.flavor",
        )
    ),
    "CredentialsRefused": Case(cause=named("a wrong token"), sets="confluence.api_token"),
    "SiteMoved": Case(cause=named("a site that moved"), sets="confluence.url"),
    "AccessDenied": Case(
        cause=running(
            fault=always("forbidden-403", match=LISTING),
            exit_code=77,
            says=r"may not read api/v2/spaces/\{id\}/pages \(403\)\. Check its permissions",
        )
    ),
    "ScopeMissing": Case(
        cause=running(
            fault=always("unauthorized-401-scope", match=LISTING),
            exit_code=77,
            says=r"do not cover api/v2/spaces/\{id\}/pages \(401\)\. .*docs/configuration\.md",
        )
    ),
    "ConfluenceUnavailable": Case(cause=named("a closed port", command=("run",)), sets="confluence.url"),
    "ConfluenceUnavailable, a rate limit": Case(
        cause=running(
            fault=status(429, Retry_After="3600"), exit_code=75, says=r"limits the request rate \(429\).* in 3600 s"
        ),
        undone_by=THE_TIME_HAS_COME,
    ),
    "ServerFailed": Case(
        cause=running(
            fault=always("error-500", match=LISTING),
            exit_code=75,
            says=r"status 500 at api/v2/spaces/\{id\}/pages, tried 2 times\. Try again later",
        )
    ),
    "AnswerTooSlow": Case(
        cause=running(
            confluence={"request_timeout_seconds": 0.2, "max_attempts": 2},
            fault=always("slow", match=LISTING, argument=0.5),
            exit_code=75,
            says=r"in time \(0\.2 s to the next byte.*tried 2 times.*raise confluence\.request_timeout_seconds",
        ),
        sets="confluence.request_timeout_seconds",
    ),
    "DocumentUnreadable": Case(
        cause=running(
            command=("text", "--file", str(PICTURE)), exit_code=3, says=r"status-page\.png cannot be read: its type"
        ),
        then=("status",),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_an_error(copied: Callable[[str], Stage], home: Path, name: str) -> None:
    """The message says what happened and what to do, that works, and nothing of a page is in it."""
    case = CASES[name]
    here = copied(case.cause.sql)
    with locked(case.locks, here):
        ended = perform(case.cause, here, home)

    check(case.cause, ended)
    (message,) = ended.messages
    assert name.partition(",")[0] in ended.errors, ended.errors
    assert re.search(r"[.?]$", message), message
    assert not [words for words in texts(here) if words in ended.stdout + ended.stderr]

    for command in commands(message):
        typed = here.forking.run(home, *shlex.split(command)[1:])
        assert typed.exit_code == 0, typed.stderr
    assert case.sets in message
    on_server(here.database(), case.undone_by)
    again = perform(corrected(case), here, home)
    assert (again.exit_code, again.messages) == (0, []), again.stderr


def test_every_class_has_a_case() -> None:
    """A class that nothing raises has none; the exit code of a case is that of its class, or of what it ends in."""
    classes = {each.__name__: each for each in every_class(errors.HrSyncError)}
    assert {name.partition(",")[0] for name in CASES} == classes.keys() - ABSTRACT
    for name, case in CASES.items():
        assert case.cause.exit_code == classes[name.partition(",")[0]].exit_code, name


def test_nothing_raises_what_is_abstract() -> None:
    """Not by a call, which is how every error is made."""
    made = {
        node.func.id
        for path in SOURCE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert "AnswerUnusable" in made
    assert not made & ABSTRACT


def every_class(root: type[errors.HrSyncError]) -> Iterator[type[errors.HrSyncError]]:
    """Yield a class of errors and everything below it."""
    yield root
    for each in root.__subclasses__():
        yield from every_class(each)


@contextmanager
def locked(table: str, here: Stage) -> Iterator[None]:
    """Lock a table within the block as another application may, unless no table is named."""
    if not table:
        yield
        return
    with psycopg.connect(here.database()) as holder:
        holder.execute(f"LOCK TABLE {table} IN EXCLUSIVE MODE".encode())
        yield


def texts(here: Stage) -> set[str]:
    """Return titles of the site, and what stands between the tags of its pages."""
    pages = here.site.world.pages()
    between = {words.strip() for page in pages for words in re.split(r"<[^>]*>", page.storage)}
    return {page.title for page in pages} | {words for words in between if len(words) > len("something like that")}


def corrected(case: Case) -> Mistake:
    """Return the cause with what its message names set right, and with another command to end it."""
    group, _, key = case.sets.partition(".")
    kept = {name: value for name, value in case.cause.confluence.items() if name not in {key, "max_conections"}}
    return replace(
        case.cause,
        command=case.then or case.cause.command,
        confluence=kept,
        database=None if group == "database" else case.cause.database,
        variables={},
        fault=None,
    )

"""Every expected failure, and the exit code that each one ends the process with.

HrSyncError                      1   a bug, or something unforeseen
├── UsageError                   2   the command line asks for something that does not exist
│   └── NothingMirrored          2   the mirror of a site holds nothing yet that the command could use
├── ConfigurationError          78   a setting is missing, unknown or wrong
│   └── SchemaError             78   the database's tables are older or newer than this build
├── DatabaseUnavailable         75   PostgreSQL could not be reached, or the connection broke
│   └── DatabaseConflict        75   a lock, a deadlock or a time-out, twice in a row; costs one space
├── DatabaseCredentialsRefused  77   PostgreSQL does not accept user and password
├── LeaseLost                   75   another worker took over the space; nothing more may be written
├── LeaseHeld                   75   another worker holds the space, and the command needs it
├── SnapshotNeeded               5   a consumer of the feed has missed changes, or its position is of another feed
├── DocumentUnreadable           3   a document of which nothing can be read
├── Stopped                     75   asked to stop; what was committed stays
└── ConfluenceError              3   an answer of Confluence that cannot be used
    ├── AnswerNotTrusted         3   a listing does not hold together, or an answer is about something else
    │   └── AnswerUnusable       3   one answer cannot be read: no JSON, too large, a 4xx; a narrower request may pass
    ├── NotFound                 3   404 from Confluence itself: absent, restricted or purged, it does not say which
    ├── EndpointRemoved         78   410: this Confluence no longer has the endpoint
    ├── CredentialsRefused      77   401, a redirect to a login page, or an anonymous session
    │   ├── SiteMoved           78   a redirect to the same path below another address
    │   └── AccessDenied        77   403 from Confluence itself: the account may not read this one thing
    │       └── ScopeMissing    77   401: the token's scopes do not cover this one endpoint
    └── ConfluenceUnavailable   75   no connection, or 429 after every retry: the site is down or limits our rate
        └── ServerFailed        75   5xx or half an answer after every retry; a narrower request may pass
            └── AnswerTooSlow   75   no answer, or only half of one, within the time limit

A message ends with the remedy. Facts that a caller needs are attributes, so that nobody parses a message. No message
holds a secret, a page's text or a page's title.
"""


class HrSyncError(Exception):
    """The root: what a caller of hr_sync may expect to be raised."""

    exit_code = 1


class UsageError(HrSyncError):
    """The command line asks for something that does not exist."""

    exit_code = 2


class NothingMirrored(UsageError):
    """The mirror of a site holds nothing yet that the command could use. Another site may have it."""


class ConfigurationError(HrSyncError):
    """A setting is missing, unknown or wrong. The message names key, source and remedy, never a value."""

    exit_code = 78


class SchemaError(ConfigurationError):
    """The database's tables are older or newer than this build."""


class DatabaseUnavailable(HrSyncError):
    """PostgreSQL could not be reached, or the connection broke in the middle."""

    exit_code = 75


class DatabaseConflict(DatabaseUnavailable):
    """A statement met a lock, a deadlock, a serialisation failure or its time-out, also when it was tried again.

    Nothing of its transaction was kept. It is about the rows of one space, so other spaces continue.
    """


class DatabaseCredentialsRefused(HrSyncError):
    """PostgreSQL does not accept the user and password of database.url."""

    exit_code = 77


class LeaseLost(HrSyncError):
    """Another worker holds the space's lease now. Nothing was written under the old one."""

    exit_code = 75


class LeaseHeld(HrSyncError):
    """Another worker (`worker`, for people) holds the space, and the command needs it."""

    exit_code = 75

    def __init__(self, message: str, *, worker: str = "another worker") -> None:
        super().__init__(message)
        self.worker = worker


class SnapshotNeeded(HrSyncError):
    """A consumer of the feed cannot go on from its position: it has missed changes, or never had a position.

    `reason` is a short word for programs: `new`, `overtaken`, or `epoch`.
    """

    exit_code = 5

    def __init__(self, message: str, *, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class DocumentUnreadable(HrSyncError):
    """Nothing of a document can be read. `reason` is a short word for programs."""

    exit_code = 3

    def __init__(self, message: str, *, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class Stopped(HrSyncError):
    """The process was asked to stop. What was committed before stays."""

    exit_code = 75


class ConfluenceError(HrSyncError):
    """An answer of Confluence that cannot be used."""

    exit_code = 3


class AnswerNotTrusted(ConfluenceError):
    """A listing does not hold together, or an answer is about something else. Never evidence of anything."""

    def __init__(
        self, what: str, *, remedy: str = "Run again; if it stays so, check the proxies and filters before Confluence."
    ) -> None:
        super().__init__(f"{what} {remedy}")


class AnswerUnusable(AnswerNotTrusted):
    """One answer cannot be read: no JSON, too large, or a status that says nothing about what was asked for.

    A request for fewer entries may pass.
    """


class NotFound(ConfluenceError):
    """404 from Confluence itself: absent, restricted or purged. Confluence does not tell which."""


class EndpointRemoved(ConfluenceError):
    """410: this Confluence no longer has the endpoint. Never evidence that a page is gone."""

    exit_code = 78


class CredentialsRefused(ConfluenceError):
    """401, a redirect to a login page, or a session that Confluence treats as anonymous."""

    exit_code = 77


class SiteMoved(CredentialsRefused):
    """A redirect to the same path below another address. It is not followed: the credentials are for the old one."""

    exit_code = 78


class AccessDenied(CredentialsRefused):
    """403 from Confluence itself: the account is known and may not read this one thing."""


class ScopeMissing(AccessDenied):
    """401: the token's scopes do not cover this one endpoint. Never evidence that a page is gone."""


class ConfluenceUnavailable(ConfluenceError):
    """No connection, or 429 after every retry: about the whole site, unless it is a ServerFailed.

    `retry_after_seconds` is what Confluence asked for, when it did.
    """

    exit_code = 75

    def __init__(self, message: str, *, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class ServerFailed(ConfluenceUnavailable):
    """5xx or half an answer after every retry: about one request. A narrower one may pass.

    `status` is that of the answer, None for half of one.
    """

    def __init__(self, message: str, *, retry_after_seconds: float | None = None, status: int | None = None) -> None:
        super().__init__(message, retry_after_seconds=retry_after_seconds)
        self.status = status


class AnswerTooSlow(ServerFailed):
    """No answer, or only half of one, within the time limit."""


UNANSWERED = (NotFound, AccessDenied, AnswerNotTrusted, EndpointRemoved, ServerFailed)
"""What one question may fail with. What was asked about is not known then; the run and other questions go on."""

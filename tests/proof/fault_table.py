"""What must become of a run when one request meets a fault: the exit code, by kind of fault and by what was asked.

Derived from the design: a fault that trying again gets over costs nothing (0); an answer that cannot be used costs
nothing where a narrower request, another list or another known page does as well (0), and makes the run partial where
there is none (3); refused credentials end it (77), also where only the end of a space asks for them; a Confluence that
asks to come back later does so too (75); an endpoint that is gone is a matter of configuration (78), unless only one
space of several met it (3).
"""

from collections.abc import Mapping
from typing import TypeAlias

#: request's role → exit code; "" is every other role
Codes: TypeAlias = Mapping[str, int | frozenset[int]]

HARMLESS: Codes = {"": 0}
RETRIED: Codes = {"": 0}
REFUSED: Codes = {"": 77}
COME_BACK: Codes = {"": 75}

# Who asks for one thing alone has no narrower request; of known pages there are others.
UNUSABLE: Codes = {
    "account": 3,
    "check account": 3,
    "last account": 3,
    "check space": 3,
    "lookup": 3,
    "body": 3,
    "": 0,
}
# JSON without the sign of a known account is an anonymous visitor's.
NO_ACCOUNT: Codes = {**UNUSABLE, "account": 77, "check account": 77, "last account": 77}
NOT_TRUSTED: Codes = {"": 3}
NO_ROWS: Codes = {**NO_ACCOUNT, "listing": 3, "listing end": 3}

# Confluence's own 403 and 404 are answers about one thing. They are true of the page that is really hidden, and prove
# nothing elsewhere. What a filter or a gateway in front of Confluence refuses is no answer at all.
DENIED: Codes = {
    "account": 77,
    "check account": 77,
    "last account": 77,
    "spaces": 77,
    "bodies": 0,  # asked for again in halves
    "check page": 0,
    "lookup": 0,
    "": 3,
}
SCOPE_LACKS: Codes = {**DENIED, "bodies": 3, "lookup": 3}
NOT_FOUND: Codes = {"spaces": 0, "bodies": 0, "check page": 0, "lookup": 0, "": 3}
ENDPOINT_GONE: Codes = {"account": 78, "spaces": 78, "bodies": 0, "check page": 0, "": 3}

# Rows that are kept back are found out where the mirror has them, or where somebody asked for them by id. A page that
# the mirror never had is not missed: the next run brings it. A list by ids without any row is asked for in another way.
ROWS_LACKING: Codes = {"listing": 3, "listing end": frozenset({0, 3}), "bodies": 3, "body": 3, "": 0}
NO_ROW: Codes = {**ROWS_LACKING, "bodies": 0}
ROWS_REFUSED: Codes = {"spaces": 3, "listing": 3, "listing end": 3, "body": 3, "": 0}  # ids and cursors are no rows
HEADS_ONLY: Codes = {"listing": 3, "listing end": 3, "bodies": 3, "body": 3, "": 0}
BODIES_ONLY: Codes = {"bodies": 3, "body": 3, "": 0}
SINGLE_BODY: Codes = {"body": 3, "": 0}

ONE_THING: Codes = {"": frozenset({0, 3})}
ONLY_WHERE_MORE: Codes = {"listing": 3, "": 0}  # the one answer here that has a next page

#: Requests about attachments, and the requests about pages that are read in the same way.
FILES = {"files": "listing end", "file lookup": "lookup", "check file": "check page"}

FILE_CODES = {
    ("cyclic-cursor", "files"): 0,  # the first answer is written in another way the second time, and read once more
    # An answer that is compressed shows that it was cut, and is asked for again.
    ("cut-until-close", "file lookup"): 0,
    ("length-too-small", "file lookup"): 0,
}

GONE_MEANWHILE: Codes = {"": frozenset({0, 3, 4, 77, 78})}  #: the account loses a space, or the site

TABLE: Mapping[str, Codes] = {
    # Statuses
    "status": RETRIED,  # 500 without an argument
    "bad-request-400": UNUSABLE,
    "unauthorized-401": REFUSED,
    "unauthorized-401-scope": SCOPE_LACKS,
    "forbidden-403": DENIED,
    "captcha-403": REFUSED,
    "login-401": REFUSED,
    "not-found-404-v1": NOT_FOUND,
    "not-found-404-v2": NOT_FOUND,
    "not-found-404-gateway": UNUSABLE,
    "forbidden-html-403": UNUSABLE,
    "forbidden-json-403": DENIED,
    "forbidden-foreign-json-403": UNUSABLE,
    "not-found-foreign-json-404": UNUSABLE,
    "anonymous-header": REFUSED,
    "captcha-header": REFUSED,
    "site-gone-404": UNUSABLE,
    "site-gone-503": RETRIED,
    "conflict-409": UNUSABLE,
    "gone-410": ENDPOINT_GONE,
    "uri-too-long-414": UNUSABLE,
    "rate-limited-429": RETRIED,
    "rate-limited-403": RETRIED,
    "retry-after-seconds": RETRIED,
    "retry-after-zero": RETRIED,
    "retry-after-negative": RETRIED,
    "retry-after-huge": COME_BACK,
    "retry-after-text": RETRIED,
    "retry-after-fraction": RETRIED,
    "retry-after-date": RETRIED,
    "retry-after-past-date": RETRIED,
    "error-500": RETRIED,
    "error-500-html": RETRIED,
    "bad-gateway-502": RETRIED,
    "unavailable-503": RETRIED,
    "unavailable-503-retry-after": RETRIED,
    "timeout-504": RETRIED,
    "partial-206": UNUSABLE,
    "not-modified-304": UNUSABLE,
    "unknown-status-599": UNUSABLE,
    "redirect-same-host": REFUSED,
    "redirect-other-host": REFUSED,
    "redirect-permanent": REFUSED,
    "redirect-loop": REFUSED,
    "redirect-login": REFUSED,
    # Bodies with status 200
    "html-200": UNUSABLE,
    "html-as-json-200": UNUSABLE,
    "login-page-200": UNUSABLE,
    "empty-200": UNUSABLE,
    "no-content-204": UNUSABLE,
    "whitespace-200": UNUSABLE,
    "null-200": UNUSABLE,
    "list-200": UNUSABLE,
    "string-200": UNUSABLE,
    "number-200": UNUSABLE,
    "empty-object-200": NO_ACCOUNT,
    "error-object-200": NO_ACCOUNT,
    "results-null": NO_ACCOUNT,
    "results-object": NO_ACCOUNT,
    "results-text": NO_ACCOUNT,
    "rows-are-text": NO_ROWS,
    "rows-are-null": NO_ROWS,
    "invalid-json": UNUSABLE,
    "not-a-number-json": UNUSABLE,
    "deep-json": UNUSABLE,
    "not-utf8": UNUSABLE,
    "two-documents": UNUSABLE,
    # Documents
    "no-results": SINGLE_BODY,
    "missing-rows": ROWS_LACKING,
    "empty-list": NO_ROW,
    "repeated-key": NO_ROW,
    "duplicate-rows": HARMLESS,
    "reordered-rows": HARMLESS,
    "cut-json": UNUSABLE,
    "byte-order-mark": {"lookup": frozenset({0, 3}), "": 0},  # a 404 is believed only when it is quite in order
    "json-as-html": UNUSABLE,
    "json-with-charset": HARMLESS,
    "row-without-id": ROWS_REFUSED,
    "row-number-id": ROWS_REFUSED,
    "row-empty-id": ROWS_REFUSED,
    "row-without-version": HEADS_ONLY,
    "row-null-title": HEADS_ONLY,
    "row-other-space": ROWS_LACKING,
    "row-unknown-status": ROWS_LACKING,
    "row-without-body": BODIES_ONLY,
    "row-nul-in-body": HARMLESS,
    "row-bad-date": HARMLESS,  # the row's own date is not read, its version's is
    # The link to the next page
    "repeated-cursor": ROWS_REFUSED,
    "cyclic-cursor": ROWS_REFUSED,
    "empty-page-with-next": HARMLESS,
    "next-missing": HARMLESS,  # without a sign: what is stored is asked about and found, what is new comes next time
    "next-null": HARMLESS,
    "next-empty": ONLY_WHERE_MORE,
    "next-number": ONLY_WHERE_MORE,
    "next-only-in-link-header": HARMLESS,
    "next-absolute": HARMLESS,
    "next-foreign-host": ONLY_WHERE_MORE,
    "next-without-context": HARMLESS,
    "next-other-scheme": ONLY_WHERE_MORE,
    "next-spoiled-cursor": HARMLESS,
    # The date of the source's clock
    "date-absent": HARMLESS,
    "date-shifted": HARMLESS,
    "date-text": HARMLESS,
    # One page or one space; what the other pages and spaces come to is tested where the worker narrows its requests
    "page-control-byte": ONE_THING,
    "page-not-utf8": ONE_THING,
    "page-html-200": ONE_THING,
    "page-bad-request-400": ONE_THING,
    "page-unprocessable-422": ONE_THING,
    "page-stalls": ONE_THING,
    "page-too-large": ONE_THING,
    "space-null-name": ONE_THING,
    "space-without-name": ONE_THING,
    "space-without-type": ONE_THING,
    "space-without-status": ONE_THING,
    "space-null-id": ONE_THING,
    # The world and the account
    "edit-during-walk": HARMLESS,
    "rename-during-walk": HARMLESS,
    "create-during-walk": HARMLESS,
    "trash-during-walk": HARMLESS,
    "move-during-walk": HARMLESS,
    "hide-during-walk": {"": frozenset({0, 3})},  # the page that is hidden is the known page of a check
    "anonymous-200": {
        "account": 77,
        "check account": 77,
        "last account": 77,
        "listing": 3,
        "listing end": 3,
        "check space": 3,
        "body": 3,
        "": 0,
    },
    "becomes-anonymous": {"account": 77, "check account": 77, "last account": 77, "": frozenset({0, 3})},
    "single-reads-404": {"": frozenset({0, 3})},
    "listed-but-404": {"": frozenset({0, 3})},
    "stale-read": {"listing": 3, "listing end": frozenset({0, 3}), "bodies": frozenset({0, 3}), "body": 3, "": 0},
    "lowered-limit": {"listing end": frozenset({0, 3}), "": 0},  # a limit that changes in the walk spoils the cursor
    "page-hidden": {"listing": 3, "": 0},
    "page-breaks-batch": HARMLESS,
    "ancestors-break-batch": HARMLESS,
    "permissions-cut": HARMLESS,
    # The wire
    "cut-length": RETRIED,
    "cut-chunked": RETRIED,
    "cut-between-chunks": RETRIED,
    "cut-until-close": UNUSABLE,
    "cut-head": UNUSABLE,
    "chunked": HARMLESS,
    "close": RETRIED,
    "reset": RETRIED,
    "reset-in-body": RETRIED,
    "stall": RETRIED,
    "stall-in-body": RETRIED,
    "drip": HARMLESS,
    "drip-head": HARMLESS,
    "slow": HARMLESS,
    "garbage": RETRIED,
    "length-too-small": UNUSABLE,
    "many-headers": HARMLESS,
    "gzip-bomb": UNUSABLE,
    "gzip-spoiled": RETRIED,
    "gzip-cut": RETRIED,
    "gzip-not": RETRIED,
    # Access: this run is one of mode `account`, which asks nothing of the kind; see test_faults_in_access.py
    "permissions-left-out": HARMLESS,
    "permission-without-principal": HARMLESS,
    "permission-without-id": HARMLESS,
    "permission-unknown-principal": HARMLESS,
    "role-mode-unknown": HARMLESS,
    "role-without-permissions": HARMLESS,
    "restriction-without-user-id": HARMLESS,
    "token-expiry": HARMLESS,
    "tokens-end": HARMLESS,
    "admin-key-ends": HARMLESS,
    "admin-rights-lost": HARMLESS,
    "forbid-during-walk": GONE_MEANWHILE,
    "leave-during-walk": GONE_MEANWHILE,
}


def allowed(kind: str, role: str) -> frozenset[int]:
    """Return the exit codes with which the run may end."""
    known = FILES.get(role, role)
    codes = FILE_CODES.get((kind, role), TABLE[kind].get(known, TABLE[kind][""]))
    return codes if isinstance(codes, frozenset) else frozenset({codes})

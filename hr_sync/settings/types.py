"""The types of values that settings hold: text, secrets, numbers, lists, folders, files.

Each type checks its values in one place. A refusal never quotes the value: it may be a secret in the wrong field.
"""

import json
import re
import ssl
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, WithJsonSchema

from hr_sync.settings.addresses import media_origin

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_SPACE_KEY = re.compile(r"""\*|~?[^\s,*/\\?#&%"'<>~\x00-\x1f\x7f-\x9f]{1,254}""")


def check_text(text: str) -> str:
    """Return the text. Refuse what a bad paste leaves: nothing, control characters, blanks at either end."""
    if not text:
        raise ValueError("must not be empty; give a value or remove the setting")
    if _CONTROL.search(text):
        raise ValueError("must not hold a line break or another control character")
    if text != text.strip():
        raise ValueError("must not begin or end with a blank")
    return text


def _check_secret(secret: SecretStr) -> SecretStr:
    check_text(secret.get_secret_value())
    return secret


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def _split(value: object) -> object:
    """Read `HR, IT` like `["HR", "IT"]`: environment variables hold nothing but text."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        try:
            return json.loads(value)
        except json.JSONDecodeError:
            raise ValueError('must be a comma-separated list, or a list like ["HR", "IT"]') from None
    return [part.strip() for part in value.split(",") if part.strip()]


def _check_space_key(key: str) -> str:
    if not _SPACE_KEY.fullmatch(key):
        raise ValueError("must be a space key as in the address of the space, like HR")
    return key


def _check_page_id(page_id: str) -> str:
    if not (page_id.isascii() and page_id.isdigit()):
        raise ValueError("must be a page id: the number behind /pages/ in the address of the page")
    return page_id


def _check_label(label: str) -> str:
    if not label or any(char.isspace() or char in ":;,?&[](){}" for char in label) or label != label.lower():
        raise ValueError("must be a label as Confluence shows it: small letters, no blank")
    return label


def _check_languages(languages: tuple[str, ...]) -> tuple[str, ...]:
    unknown = set(languages) - set(_SEARCH_LANGUAGES.split(", "))
    if unknown or not 0 < len(languages) <= _MOST_LANGUAGES:
        raise ValueError(f"must be one to {_MOST_LANGUAGES} of: {_SEARCH_LANGUAGES}")
    return languages


def _check_attachment_types(types: tuple[str, ...]) -> tuple[str, ...]:
    if not types or set(types) - set(ATTACHMENT_TYPES):
        raise ValueError(f"must be one or more of: {', '.join(ATTACHMENT_TYPES)}")
    return types


def _check_included(words: tuple[str, ...]) -> tuple[str, ...]:
    if set(words) - set(_INCLUDED) or "pages" not in words:
        raise ValueError(f"must name pages, and may name more of: {', '.join(_INCLUDED)}")
    return words


def _without_repetition(keys: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(keys))


def _check_path_text(value: object) -> object:
    if not isinstance(value, str | Path):
        raise ValueError("must be a path")  # noqa: TRY004 - pydantic reports ValueError only
    check_text(str(value))  # "" would become the working directory
    return value


def _expand_home(path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError:
        raise ValueError("must not begin with ~: there is no home folder here") from None


def _check_certificates(path: Path) -> Path:
    try:
        ssl.create_default_context(cafile=path)
    except ssl.SSLError:
        raise ValueError("must name a file of PEM certificates; this one holds none") from None
    except OSError as error:
        raise ValueError(f"must name a file that can be read ({error.strerror})") from None
    return path


def _check_schema(schema: str) -> str:
    if not re.fullmatch(r"[a-z_][a-z0-9_]{0,62}", schema):
        raise ValueError("must be a plain name: at most 63 small letters, digits and _, no digit first")
    if schema.startswith("pg_") or schema == "information_schema":
        raise ValueError("must not be a schema of PostgreSQL itself")
    return schema


def _check_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("must be the name of a time zone, like Europe/Berlin or UTC") from None
    return name


def _check_cron(expression: str) -> str:
    """Check the form alone; the fields are checked where the schedule is made."""
    fields = expression.split()
    if len(fields) != _CRON_FIELDS and not expression.startswith("@"):
        raise ValueError("must be a cron expression of five fields: minute hour day month weekday")
    return expression


def _check_token(secret: SecretStr) -> SecretStr:
    if len(secret.get_secret_value()) < _SHORTEST_TOKEN:
        raise ValueError(f"must have at least {_SHORTEST_TOKEN} characters; make one with `openssl rand -hex 16`")
    return secret


def _check_ping_url(secret: SecretStr) -> SecretStr:
    parts = urlsplit(secret.get_secret_value())
    local = parts.hostname in {"127.0.0.1", "localhost", "::1"}
    if not parts.hostname or not (parts.scheme == "https" or (parts.scheme == "http" and local)):
        raise ValueError("must begin with https:// (http:// on this machine alone)")
    return secret


def _check_proxy(secret: SecretStr) -> SecretStr:
    """Refuse what is no address of a proxy. What is behind the port would be ignored."""
    try:
        parts = urlsplit(secret.get_secret_value())
        is_one = parts.scheme in {"http", "https"} and parts.hostname and parts.port
    except ValueError:
        is_one = False
    if not is_one or parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError("must be like http://proxy.acme.com:3128, with its port and nothing behind it")
    return secret


_INCLUDED = ("pages", "attachments", "comments", "blog_posts", "archived_pages")
ATTACHMENT_TYPES = ("pdf", "docx", "xlsx", "pptx", "html", "csv", "markdown", "text")
_CRON_FIELDS = 5
_MOST_LANGUAGES = 4
#: Text search configurations that PostgreSQL 14 and every later one have.
_SEARCH_LANGUAGES = (
    "simple, arabic, armenian, basque, catalan, danish, dutch, english, finnish, french, german, greek, hindi, "
    "hungarian, indonesian, irish, italian, lithuanian, nepali, norwegian, portuguese, romanian, russian, serbian, "
    "spanish, swedish, tamil, turkish, yiddish"
)
_SHORTEST_TOKEN = 16  # characters
Text = Annotated[str, AfterValidator(check_text)]
Word = BeforeValidator(_lower)
Secret = Annotated[SecretStr, AfterValidator(_check_secret)]
Seconds = Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)]
SecondsOrNone = Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)]
Minutes = Annotated[float, Field(gt=0, le=100_000, allow_inf_nan=False)]
MinutesOrNone = Annotated[float, Field(ge=0, le=100_000, allow_inf_nan=False)]
SchemaName = Annotated[Text, AfterValidator(_check_schema)]
TimeZone = Annotated[Text, AfterValidator(_check_zone)]
CronExpression = Annotated[Text, AfterValidator(_check_cron)]
StatusToken = Annotated[Secret, AfterValidator(_check_token)]
ProxyUrl = Annotated[Secret, AfterValidator(_check_proxy)]
PingUrl = Annotated[Secret, AfterValidator(_check_ping_url)]
Fraction = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
FolderPath = Annotated[Path, BeforeValidator(_check_path_text), AfterValidator(_expand_home)]
CertificateFile = Annotated[FolderPath, AfterValidator(_check_certificates)]
_LIST_SCHEMA: dict[str, Any] = {"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "string"}]}
SpaceKeys = Annotated[
    tuple[Annotated[str, AfterValidator(_check_space_key)], ...],
    BeforeValidator(_split),
    AfterValidator(_without_repetition),
    WithJsonSchema(_LIST_SCHEMA),
]
Names = Annotated[
    tuple[Text, ...],
    BeforeValidator(_split),
    AfterValidator(_without_repetition),
    WithJsonSchema(_LIST_SCHEMA),
]
PageIds = Annotated[
    tuple[Annotated[str, AfterValidator(_check_page_id)], ...],
    BeforeValidator(_split),
    AfterValidator(_without_repetition),
    WithJsonSchema(_LIST_SCHEMA),
]
Labels = Annotated[
    tuple[Annotated[str, AfterValidator(_check_label)], ...],
    BeforeValidator(_split),
    AfterValidator(_without_repetition),
    WithJsonSchema(_LIST_SCHEMA),
]
IncludedContent = Annotated[
    tuple[Annotated[str, Word], ...],
    BeforeValidator(_split),
    AfterValidator(_without_repetition),
    AfterValidator(_check_included),
    WithJsonSchema(_LIST_SCHEMA),
]
AttachmentTypes = Annotated[
    tuple[Annotated[str, Word], ...],
    BeforeValidator(_split),
    AfterValidator(_without_repetition),
    AfterValidator(_check_attachment_types),
    WithJsonSchema(_LIST_SCHEMA),
]
MediaOrigins = Annotated[
    tuple[Annotated[str, AfterValidator(media_origin)], ...],
    BeforeValidator(_split),
    AfterValidator(_without_repetition),
    WithJsonSchema(_LIST_SCHEMA),
]
SearchLanguages = Annotated[
    tuple[Annotated[str, Word], ...],
    BeforeValidator(_split),
    AfterValidator(_without_repetition),
    AfterValidator(_check_languages),
    WithJsonSchema(_LIST_SCHEMA),
]

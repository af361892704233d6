"""Every setting: its key, kind, limits, default and description. No reading happens here.

To add a setting, add a field with its description below it; `config.example.toml`, the environment variable, the JSON
schema and `hr-sync config show` follow from it. A group is a class and one line in `Settings`.
"""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import (
    Field,
    PrivateAttr,
    SecretStr,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from hr_sync.settings.addresses import database_url
from hr_sync.settings.confluence import ConfluenceSettings
from hr_sync.settings.group import Group
from hr_sync.settings.types import (
    ATTACHMENT_TYPES,
    AttachmentTypes,
    CronExpression,
    FolderPath,
    Fraction,
    Minutes,
    MinutesOrNone,
    Names,
    PingUrl,
    SchemaName,
    SearchLanguages,
    Seconds,
    SecondsOrNone,
    Secret,
    StatusToken,
    Text,
    TimeZone,
    Word,
)

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

PLACEHOLDER = "CHANGE-ME"  # an example with it must be filled in, and is refused as a value


class DatabaseSettings(Group):
    """The PostgreSQL (14 or newer) that holds the mirror."""

    url: Secret | None = Field(default=None, examples=["postgresql://hr_sync@localhost:5432/hr"])
    """postgresql://user@host:5432/database, or postgresql://user@/database?host=/run/postgresql for a socket. Several
    hosts are divided by commas. In a password write @ as %40 and % as %25. Not set: an embedded PostgreSQL in
    embedded_folder. With a password better kept in a file, named by HR_SYNC_DATABASE__URL_FILE."""
    schema_name: SchemaName = Field(default="public", alias="schema")  # BaseModel has an attribute `schema` of its own
    """PostgreSQL schema of all tables. Each of several sites has its own: not set for a site, its name."""
    allow_plaintext: bool = False
    """Whether to connect to a server on another machine without verified TLS (sslmode=verify-full). The network between
    the two can then read and change everything."""
    embedded_folder: FolderPath | None = Field(default=None, examples=["/var/lib/hr_sync/postgresql"])
    """Folder of the embedded PostgreSQL. Not set: a folder of the user who runs hr-sync."""
    pool_size: int = Field(default=5, ge=1, le=64)
    """Connections kept open."""
    max_overflow: int = Field(default=10, ge=0, le=64)
    """Further connections while all others are in use."""
    pool_timeout_seconds: Seconds = 30
    """Longest wait for a free connection."""
    pool_recycle_seconds: int = Field(default=3600, ge=1)
    """Age at which a connection is replaced."""
    connect_timeout_seconds: int = Field(default=10, ge=2, le=600)
    """Longest wait for a new connection."""
    statement_timeout_seconds: int = Field(default=300, ge=1, le=86_400)
    """Longest time for one statement."""
    lock_timeout_seconds: int = Field(default=30, ge=1, le=86_400)
    """Longest wait for a lock inside the database."""

    @field_validator("url")
    @classmethod
    def _check_url(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None:
            database_url(url.get_secret_value())
        return url

    @property
    def sqlalchemy_url(self) -> "URL | None":
        """Return `url` for psycopg 3; its repr hides the password. None: the embedded PostgreSQL is used."""
        return None if self.url is None else database_url(self.url.get_secret_value())


class SyncSettings(Group):
    """What one run may do, and when `hr-sync serve` runs."""

    max_removed_fraction: Fraction = 0.1
    """Share of a space's live pages that one run may remove; more is held for a decision (exit code 4)."""
    max_removed_pages: int = Field(default=20, ge=0)
    """Number of pages that one run may always remove, in small spaces too: the larger of the two limits counts."""
    overlap_minutes: int = Field(default=15, ge=0, le=10_080)
    """Overlap: how far before the last known change an incremental run starts to read (Cloud)."""
    incremental_interval_minutes: Minutes = 5
    """Interval of incremental runs of `serve`, which fetch changed pages."""
    full_interval_minutes: Minutes = 360
    """Interval of full runs of `serve`, which compare every page and find deleted ones."""
    incremental_cron: CronExpression | None = Field(default=None, examples=["*/5 * * * *"])
    """Instead of incremental_interval_minutes: minute, hour, day, month and weekday (0 and 7 are Sunday)."""
    full_cron: CronExpression | None = Field(default=None, examples=["30 1,13 * * *"])
    """Instead of full_interval_minutes, written in the same way."""
    time_zone: TimeZone = "UTC"
    """Time zone of the cron expressions, like Europe/Berlin."""
    jitter_seconds: int = Field(default=10, ge=0, le=3600)
    """Random delay added to each interval, so that many workers do not start at the same time."""
    run_deadline_minutes: MinutesOrNone = 120
    """Longest time for one run; then it is stopped, and the next run does the rest. 0: no limit."""
    busy_wait_seconds: SecondsOrNone = 30
    """How long a run waits for a requested space that another worker holds. 0: not at all."""
    stale_after_minutes: Minutes = 60
    """Age of a space's last complete run from which /healthz answers 503. Longer than the schedule's longest gap."""
    full_stale_after_minutes: Minutes = 2160
    """Age of its last complete full run from which /healthz answers 503: only full runs find pages that are gone.
    Longer than the longest gap between two of them."""
    keep_history_days: int = Field(default=90, ge=0, le=36_500)
    """After how many days `serve` deletes runs, unseen accounts, and rows of the feed that nobody needs. 0: never."""
    hide_after_hours: int | None = Field(default=None, ge=1, le=8_760, examples=[72])
    """After how many hours without a complete run the pages of a space are no longer shown. Not set: never."""
    keep_removed_days: int = Field(default=30, ge=0, le=36_500)
    """After how many days `serve` deletes the bodies and texts of removed pages; rows stay until a purge. 0: never."""


class AccessSettings(Group):
    """Who is shown what. Restrictions and permissions change without a version of the page, so they have own clocks."""

    mode: Annotated[Literal["enforce", "account"], Word] = "enforce"
    """enforce: consumers see what every reader may read. account: all that the account of hr_sync sees."""
    audience_groups: Names = Field(default=(), examples=[["hr-all"]])
    """Groups that every reader of the chatbot is in: ids on Cloud, names on Data Center. Empty: any licensed user."""
    open_spaces: Names = Field(default=(), examples=[["HR"]])
    """Keys of spaces that every reader may view, where the permissions of spaces cannot be read; "*" for all."""
    max_age_hours: int = Field(default=24, ge=1, le=8_760)
    """Age from which what is known of access to a space counts as not known, so that none of its pages is shown."""
    interval_minutes: Minutes | None = Field(default=None, examples=[15])
    """Interval of access runs of `serve`, which read who may read each page. Not set: 15 with mode enforce, else never.
    """
    cron: CronExpression | None = Field(default=None, examples=["*/15 * * * *"])
    """Instead of interval_minutes: minute, hour, day, month and weekday, in the zone of sync.time_zone."""
    groups_interval_minutes: Minutes | None = Field(default=None, examples=[60])
    """How often access runs and full runs read the members of groups, for askers who are known by their user id alone.
    Not set: never."""
    labels: bool = False
    """Whether access runs and full runs compare labels too, at one request for each label or more."""


class TextSettings(Group):
    """Readable text, made from the stored bodies: Markdown and sections."""

    sections: bool = False
    """Whether texts and sections are made after each run, for `live_sections`. They show the pages and excerpts that a
    page includes, and whoever may not read one of these is not shown the page. The first time takes as long as the run,
    or longer."""
    section_characters: int = Field(default=2_000, ge=200, le=100_000)
    """Largest section; a table row or a line of code is never cut, so that one may be larger by itself."""
    attachments: bool = False
    """Whether files that are attached to pages are downloaded after each run, and their texts become sections of their
    pages. Needs text.sections, attachments in confluence.include, and the extra: pip install 'hr-sync[documents]'.
    false deletes what was read."""
    attachment_types: AttachmentTypes = ATTACHMENT_TYPES
    """Types of files that are read."""
    max_attachment_megabytes: int = Field(default=20, ge=1, le=200)
    """Largest file that is downloaded (megabytes of 1,000,000 bytes)."""
    attachment_megabytes_per_run: int = Field(default=250, ge=1, le=1_000_000)
    """How much is downloaded after one run; the newest files first, and the rest after the next runs."""
    search_languages: SearchLanguages = ("english",)
    """Languages that words are searched in, so that holiday finds holidays: names of PostgreSQL's text search
    configurations, at most four; simple compares words as they are written. Others make every text again after the
    next run."""
    people: bool = True
    """Whether a text shows the public names of the people whom its page mentions, as @Name. Their names are stored
    then. false: @unknown user stands there, and no name is asked for or kept."""
    people_interval_hours: int = Field(default=168, ge=1, le=8_760)
    """How often the names of these people are asked for again."""
    rendered_macros: bool = False
    """Whether texts show what macros show that Confluence computes: reports, lists of pages, issues of Jira. That is
    what the account of hr_sync sees, whoever asks, so that access.mode = "account" is needed. A page with such macros
    costs a request for each version and each rendered_max_age_hours."""
    rendered_max_age_hours: int = Field(default=24, ge=1, le=8_760)
    """Age from which what these macros show is asked for again."""


class FeedSettings(Group):
    """The feed of changes, for `hr-sync changes` and other consumers."""

    keep_for_consumer_days: int = Field(default=14, ge=0, le=36_500)
    """For how many days after a consumer was last seen `serve` keeps what it has not acknowledged, although that is
    older than sync.keep_history_days. 0: not at all."""


class ServiceSettings(Group):
    """The HTTP service of `hr-sync serve`, and where runs are reported."""

    host: Text = "127.0.0.1"
    """Address to listen on; 0.0.0.0 lets other machines connect, as a container needs, and then a token is required."""
    port: int = Field(default=8080, ge=0, le=65_535)
    """Port of /livez, /readyz, /healthz, /metrics and the status page; 0 chooses a free port."""
    token: StatusToken | None = Field(default=None, examples=["..."])
    """At least 16 characters that the status page, /metrics and /notify require: as Bearer, or as the password of any
    user. Better kept in a file of its own, named by HR_SYNC_SERVICE__TOKEN_FILE."""
    show_titles: bool = False
    """Whether the status page shows titles, labels and readers of pages, which may be confidential."""
    ping_url: PingUrl | None = Field(default=None, examples=["https://hc-ping.com/UUID"])
    """Dead man's switch (healthchecks.io style): GETs URL/start before a run, URL after a complete one, and URL/fail
    after any other or while removals are held."""
    metrics_file: FolderPath | None = Field(default=None, examples=["/var/lib/node_exporter/hr_sync.prom"])
    """File that `hr-sync run` writes its metrics to, for the textfile collector of the node exporter."""


class LogSettings(Group):
    """Level and format of the log. Libraries are logged from warning on, whatever the level."""

    level: Annotated[Literal["debug", "info", "warning", "error"], Word] = "info"
    """Lowest level that is logged."""
    format: Annotated[Literal["auto", "console", "json"], Word] = "auto"
    """auto: for people on a terminal, one JSON object a line elsewhere."""


class Settings(BaseSettings):
    """All settings. `load_settings` reads them; constructed directly, only what is passed counts."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    confluence: ConfluenceSettings
    database: DatabaseSettings = Field(default_factory=DatabaseSettings)
    sync: SyncSettings = Field(default_factory=SyncSettings)
    access: AccessSettings = Field(default_factory=AccessSettings)
    text: TextSettings = Field(default_factory=TextSettings)
    feed: FeedSettings = Field(default_factory=FeedSettings)
    service: ServiceSettings = Field(default_factory=ServiceSettings)
    log: LogSettings = Field(default_factory=LogSettings)

    @field_validator("text")
    @classmethod
    def _check_rendered_macros(cls, text: TextSettings, info: ValidationInfo) -> TextSettings:
        access = info.data.get("access")
        if text.rendered_macros and access is not None and access.mode != "account":
            raise PydanticCustomError(
                "of_rendered_macros",
                "must be false unless access.mode is account: a text would show what the account of hr_sync sees of "
                'other pages, whoever may read these. Set access.mode = "account" if everybody who asks may read all '
                "that the account reads",
            )
        return text

    _site: str | None = PrivateAttr(default=None)
    _schemas: dict[str, str] = PrivateAttr(default_factory=dict)
    _sources: dict[str, str] = PrivateAttr(default_factory=dict)
    _readable_secrets: list[str] = PrivateAttr(default_factory=list)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the five parameters are inherited
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Use only the passed values: `load_settings` reads the environment and checks its values."""
        return (init_settings,)

    @property
    def site(self) -> str | None:
        """Return the name of the site that these settings are of; None where `sites` is not configured."""
        return self._site

    @property
    def schemas(self) -> dict[str, str]:
        """Return the PostgreSQL schema of every site that is configured; nothing where `sites` is not."""
        return self._schemas

    def source_of(self, path: str) -> str | None:
        """Return the file or variable that a key path such as `log.level` came from; None for a default."""
        return self._sources.get(path)

    @property
    def readable_secrets(self) -> tuple[str, ...]:
        """Return the files that hold secrets and that every user of the machine may read."""
        return tuple(self._readable_secrets)

"""The settings of the Confluence site. See `model.py`."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr, ValidationInfo, field_validator

from hr_sync.settings.addresses import confluence_base
from hr_sync.settings.group import Group
from hr_sync.settings.types import (
    CertificateFile,
    IncludedContent,
    Labels,
    MediaOrigins,
    PageIds,
    ProxyUrl,
    Seconds,
    Secret,
    SpaceKeys,
    Text,
    Word,
)

WAYS = (("username", "api_token"), ("client_id", "client_secret"), ("token",))  #: of authenticating; the secret is last


class ConfluenceSettings(Group):
    """The Confluence site, the account, and the pages to mirror."""

    url: Annotated[str, AfterValidator(confluence_base)] = Field(examples=["https://CHANGE-ME.atlassian.net"])
    """Base address: https://acme.atlassian.net (Cloud), https://api.atlassian.com/ex/confluence/CLOUD-ID (Cloud, for
    scoped tokens) or https://wiki.acme.com/confluence (Data Center)."""
    flavor: Annotated[Literal["auto", "cloud", "datacenter"], Word] = "auto"
    """Kind of Confluence. auto: cloud for atlassian.net and api.atlassian.com, asked from the server otherwise."""
    username: Text | None = Field(default=None, examples=["CHANGE-ME@example.com"])
    """Account that owns api_token: e-mail address on Cloud, login name on Data Center."""
    api_token: Secret | None = Field(default=None, examples=["CHANGE-ME"])
    """API token of that account (Cloud) or its password (Data Center). Better kept in a file of its own, named by
    HR_SYNC_CONFLUENCE__API_TOKEN_FILE."""
    spaces: SpaceKeys = Field(examples=[["CHANGE-ME"]])
    """Keys of the spaces to mirror, or ["*"] for every space that the account may read."""
    exclude_spaces: SpaceKeys = ()
    """Keys of spaces that are never mirrored, whatever spaces says."""
    include_personal_spaces: bool = False
    """Whether "*" covers personal spaces too."""
    page_trees: PageIds = ()
    """Ids of pages: only these and what lies below them is mirrored. Empty: every page of the spaces."""
    exclude_page_trees: PageIds = ()
    """Ids of pages that are never mirrored, nor anything below them, whatever page_trees says."""
    include_labels: Labels = ()
    """Labels: only pages that carry one of these are mirrored. Empty: no label is needed. Labels are read from
    Confluence's search index, which lags by minutes."""
    exclude_labels: Labels = ()
    """Labels: pages that carry one of these are not mirrored, whatever include_labels says."""
    include: IncludedContent = ("pages", "attachments")
    """What is mirrored of the spaces: pages, always; attachments: names, types and sizes of the files on pages;
    comments: footer and inline comments about pages, with their texts. Open ones are sections of their pages;
    blog_posts: the posts of the spaces' blogs, as pages are. Where page_trees are set no post is in one of them;
    archived_pages: on Cloud, archived pages with their bodies. They are stored, and no consumer is ever shown them."""
    media_origins: MediaOrigins = ("https://api.media.atlassian.com", "https://media-cdn.atlassian.com")
    """Where Cloud may redirect the download of an attachment to, with text.attachments. Nothing is followed elsewhere,
    and no credentials go there. For a Cloud whose media service has other hosts."""
    max_connections: int = Field(default=8, ge=1, le=32)
    """Requests under way at once in one run; `serve` may have two runs at once."""
    request_timeout_seconds: Seconds = 30
    """Longest silence while connecting or waiting for the next bytes of an answer."""
    request_deadline_seconds: Seconds = 120
    """Longest time for one whole answer, from the request to its last byte."""
    max_answer_megabytes: int = Field(default=16, ge=1, le=1024)
    """Largest answer that is read (megabytes of 1,000,000 bytes, after decompression)."""
    max_pages_per_space: int = Field(default=1_000_000, ge=1, le=100_000_000)
    """Most pages that the listing of one space may have; a longer one is an error."""
    max_attempts: int = Field(default=5, ge=1, le=20)
    """Attempts of a request before it counts as failed."""
    first_retry_wait_seconds: Seconds = 0.5
    """Wait before the first retry of a request; doubles with every further retry, and varies by 30 %."""
    max_retry_wait_seconds: Seconds = 60
    """Longest wait that Confluence may ask for; a longer one ends the run as temporary (exit code 75)."""
    ca_file: CertificateFile | None = Field(default=None, examples=["/etc/ssl/company-ca.pem"])
    """PEM file with the certificate authority to trust instead of the public ones. Verification is never off."""
    proxy: ProxyUrl | None = Field(default=None, examples=["http://proxy.acme.com:3128"])
    """Proxy for requests to Confluence; with a user and password in a file named by HR_SYNC_CONFLUENCE__PROXY_FILE.
    Proxies of the environment are never used."""
    client_id: Text | None = Field(default=None, examples=["..."])
    """Instead of username and api_token: the id of an OAuth 2.0 client credential of a service account. On Cloud its
    requests go through the API gateway; give the address of the site, or of the gateway, as url."""
    client_secret: Secret | None = Field(default=None, examples=["..."])
    """Secret of that credential. Better kept in a file of its own, named by HR_SYNC_CONFLUENCE__CLIENT_SECRET_FILE."""
    token: Secret | None = Field(default=None, validate_default=True, examples=["..."])
    """Instead of username and api_token: a scoped API token (Cloud) or personal access token (Data Center), sent as
    Bearer. Better kept in a file of its own, named by HR_SYNC_CONFLUENCE__TOKEN_FILE."""

    @field_validator("exclude_spaces")
    @classmethod
    def _check_exclusion(cls, excluded: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if "*" in excluded:
            raise ValueError('must name spaces; "*" would exclude everything')
        if set(excluded) & set(info.data.get("spaces", ())):
            raise ValueError("must not name a space that spaces names too; remove it from one of the two")
        return excluded

    @field_validator("spaces")
    @classmethod
    def _check_spaces(cls, spaces: tuple[str, ...]) -> tuple[str, ...]:
        if not spaces:
            raise ValueError('must name at least one space, or be ["*"] for all')
        if "*" in spaces and len(spaces) > 1:
            raise ValueError('must be ["*"] alone, or keys without "*"')
        return spaces

    @field_validator("username")
    @classmethod
    def _check_username(cls, username: str | None) -> str | None:
        if username is not None and ":" in username:
            raise ValueError("must not hold a colon: basic authentication ends the user name there")
        return username

    @field_validator("token")
    @classmethod
    def _check_one_way(cls, token: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        """Check that there is one way of authenticating. Last, so that mistakes of other fields are reported too."""
        if not {name for way in WAYS for name in way} - {"token"} <= info.data.keys():
            return token
        values = {**info.data, "token": token}
        used = [[name for name in way if values[name] is not None] for way in WAYS]
        given = [name for names in used for name in names]
        choices = "set username and api_token both, or client_id and client_secret both, or token alone"
        if sum(map(bool, used)) > 1:
            raise ValueError(f"keep one way of authenticating ({', '.join(given)} are set): {choices}")
        if given not in map(list, WAYS):
            raise ValueError(f"nothing to authenticate with: {choices}")
        return token

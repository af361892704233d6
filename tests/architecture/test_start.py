"""What a start costs: no command loads a library that it does not use."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = {
    "sqlalchemy",
    "psycopg",
    "atlassian",
    "requests",
    "pydantic",
    "alembic",
    "structlog",
    "rich",
    "apscheduler",
    "cronsim",
    "jinja2",
    "waitress",
}
#: What `status` has no use for, and did load before.
UNUSED = {
    "alembic",
    "atlassian",
    "hr_sync.cli.trial",
    "hr_sync.embedded.server",
    "hr_sync.settings.example",
    "hr_sync.store.lease",
    "hr_sync.store.transaction",
    "pygments",
    "requests",
    "rich.syntax",
    "urllib3",
}
NOWHERE = {
    "HR_SYNC_CONFLUENCE__URL": "http://127.0.0.1:9",
    "HR_SYNC_CONFLUENCE__TOKEN": "0123456789",
    "HR_SYNC_CONFLUENCE__SPACES": "HR",
    "HR_SYNC_DATABASE__URL": "postgresql://nobody@127.0.0.1:9/nothing",
}


def python(program: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_command_line_loads_no_heavy_library_at_start() -> None:
    """`hr-sync --help` and shell completion need none of them. Together they take more than a second."""
    ended = python("import sys, hr_sync.cli.main; print(*sorted({name.partition('.')[0] for name in sys.modules}))")

    assert HEAVY.intersection(ended.stdout.split()) == set()


def test_a_short_command_loads_what_it_uses_and_looks_for_no_cycles() -> None:
    """Up to the connection, which is refused: by then nearly everything is loaded."""
    program = (
        "import gc, os, sys\n"
        "from hr_sync.cli import main\n"
        "sys.argv = ['hr-sync', 'status']\n"
        "try:\n    main()\nexcept SystemExit as end:\n    print(end.code)\n"
        "print(gc.get_threshold()[0], os.environ['PYDANTIC_DISABLE_PLUGINS'])\n"
        "print(*(name for name, module in sys.modules.items() if module is not None))"
    )
    ended = python(program, **NOWHERE)
    code, settings, loaded = ended.stdout.splitlines()

    assert code == "75", ended.stderr
    assert settings == "400000 __all__", "it was lowered by a first collection"
    assert "hr_sync.store.schema" in loaded.split()
    assert UNUSED.intersection(loaded.split()) == set()


def test_after_a_first_collection_cycles_are_looked_for_as_often_as_a_run_needs() -> None:
    program = (
        "import gc, sys, types\n"
        "work = types.ModuleType('hr_sync.cli.main')\n"
        "work.main = lambda: [[] for _ in range(500_000)] and sys.exit(0)\n"
        "sys.modules['hr_sync.cli.main'] = work\n"
        "from hr_sync.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    print(gc.get_threshold()[0], gc.get_freeze_count() > 1_000)"
    )
    assert python(program).stdout == "20000 True\n"


@pytest.mark.parametrize(
    ("work", "code", "said"),
    [
        ("sys.exit(3)", 3, "buffered\nlast words\nleft\n"),
        ("sys.exit(0)", 0, "buffered\nlast words\nleft\n"),
        ("1 / 0", 1, "buffered\nlast words\n"),  # left to the interpreter
    ],
)
def test_the_process_ends_without_taking_apart_what_was_loaded(work: str, code: int, said: str) -> None:
    """What was printed arrives, and other functions are called that are to be called at the end."""
    program = (
        "import atexit, os, sys, types\n"
        "def work():\n"
        "    sys.stdout.write('buffered\\n')\n"
        "    atexit.register(print, 'last words')\n"
        f"    {work}\n"
        "module = types.ModuleType('hr_sync.cli.main')\n"
        "module.main = work\n"
        "sys.modules['hr_sync.cli.main'] = module\n"
        "leave = os._exit\n"
        "os._exit = lambda code: (os.write(1, b'left\\n'), leave(code))\n"
        "from hr_sync.cli import main\n"
        "main()"
    )
    ended = python(program)

    assert (ended.returncode, ended.stdout) == (code, said), ended.stderr


def test_a_run_loads_the_one_module_of_the_client_library_that_it_uses() -> None:
    """And leaves the package as it is for whoever imports it afterwards."""
    program = (
        "import sys, hr_sync.confluence.cloud\n"
        "unused = ('atlassian.jira', 'bs4', 'oauthlib', 'requests_oauthlib')\n"
        "print(*sorted(name for name in sys.modules if name.startswith(unused)))\n"
        "from atlassian import Confluence\n"
        "from atlassian.rest_client import AtlassianRestAPI\n"
        "print(issubclass(Confluence, AtlassianRestAPI))\n"
        "token = {'access_token': 'of somebody else', 'token_type': 'Bearer'}\n"
        "client = Confluence('https://example.com', oauth2={'client_id': 'id', 'token': token})\n"
        "from oauthlib.oauth1.rfc5849 import SIGNATURE_RSA_SHA512\n"
        "from atlassian.rest_client import SIGNATURE_RSA\n"
        "print(type(client._session.auth).__name__, SIGNATURE_RSA == SIGNATURE_RSA_SHA512)"
    )
    ended = python(program)

    assert ended.stdout.splitlines() == ["", "True", "OAuth2 True"], ended.stderr

"""The examples of docs/deploy work as they are shipped: each is run, or compared with the code where it cannot be."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from confluence_simulator import BodyLengths, Simulator, generated_world
from confluence_simulator.serve import DEFAULT_TOKEN, DEFAULT_USERNAME
from cronsim import CronSim
from pydantic import SecretStr
from typer.main import get_command

from hr_sync.cli.main import app
from hr_sync.errors import ConfigurationError
from hr_sync.settings import load_settings
from hr_sync.settings.keys import keys
from tests.cli.program import TOKEN, postgres, settings, written

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "docs" / "deploy"
BIN = Path(sys.executable).parent
COMMANDS = get_command(app).commands  # type: ignore[attr-defined] # it is a group
NOBODY = 65_534
PATIENCE_SECONDS = 60
SYSTEMD = shutil.which("systemd-analyze")
needs_systemd = pytest.mark.skipif(
    SYSTEMD is None, reason="no systemd-analyze here; `apt-get install --no-install-recommends systemd` brings it"
)
# One recommendation: what the settings of `serve` say as shipped.
INCREMENTAL_MINUTES, FULL_MINUTES = (
    next(key.field.default for key in keys() if key.path == f"sync.{name}_interval_minutes")
    for name in ("incremental", "full")
)


@pytest.fixture
def site() -> Iterator[Simulator]:
    """Twelve short pages."""
    world = generated_world(pages=12, lengths=BodyLengths(median=200, mean=300, maximum=2000))
    with Simulator(world, api_token=TOKEN) as simulator:
        yield simulator


@pytest.fixture
def prefix() -> Iterator[Path]:
    """Return a scratch folder in the place of `/`, that other users can read."""
    folder = Path(tempfile.mkdtemp(prefix="hr_sync-deploy-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def options_of(command: str) -> set[str]:
    return {option for parameter in COMMANDS[command].params for option in parameter.opts}


def install(prefix: Path, site: Simulator, database_url: str, *, secrets: bool) -> dict[str, str]:
    """Put a settings file where the examples expect one; return the secrets, by the name of their file."""
    (prefix / "etc/hr_sync").mkdir(parents=True)
    groups = settings(site.site_url, database_url)
    if secrets:
        del groups["confluence"]["api_token"], groups["database"]["url"]
    written(prefix / "etc/hr_sync", groups).chmod(0o644)  # the users of the examples do not own it
    return {"confluence_token": TOKEN, "database_url": postgres(database_url)}


def live_pages(database_url: str) -> int:
    with psycopg.connect(postgres(database_url)) as connection:
        (number,) = connection.execute("SELECT count(*) FROM live_pages").fetchone() or (0,)
    return int(number)


def moved(command: str, prefix: Path) -> str:
    """Return a command for the scratch folder and this environment."""
    return command.replace("/opt/hr_sync/bin", str(BIN)).replace("/etc/hr_sync", f"{prefix}/etc/hr_sync")


# -- cron --------------------------------------------------------------------------------------------------------------

CRONTAB = (DEPLOY / "crontab").read_text(encoding="utf-8")
CRON_VARIABLES = dict(re.findall(r"^(\w+)=(.*)$", CRONTAB, re.MULTILINE))
CRON_LINES = [line for line in CRONTAB.splitlines() if line and not re.match(r"#|\w+=", line)]


def reads_this_python(user: int) -> bool:
    try:
        return subprocess.run([sys.executable, "-c", "import hr_sync"], user=user, check=False, cwd="/").returncode == 0
    except (PermissionError, OSError):
        return False


@pytest.mark.parametrize("line", CRON_LINES)
def test_a_line_of_the_crontab_runs_as_an_ordinary_user(
    line: str, prefix: Path, site: Simulator, prepared_url: str
) -> None:
    """With cron's shell and path; it prints nothing that would be mailed, and its log goes to logger."""
    *fields, user, command = line.split(maxsplit=6)
    assert CronSim(" ".join(fields), __import__("datetime").datetime.now())
    assert user == "hr_sync"
    install(prefix, site, prepared_url, secrets=False)
    (prefix / "bin").mkdir()
    logged = prefix / "logged"
    logged.touch()
    logged.chmod(0o666)
    (prefix / "bin/logger").write_text(f'#!/bin/sh\n[ "$1 $2" = "-t hr_sync" ] && cat >>{logged}\n')
    (prefix / "bin/logger").chmod(0o755)
    closed = os.geteuid() == 0 and not reads_this_python(NOBODY)
    as_user: dict[str, Any] = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
    if closed or os.geteuid() != 0:
        as_user = {}
    done = subprocess.run(
        ["/bin/sh", "-c", moved(command, prefix)],
        env={name: moved(value, prefix) for name, value in CRON_VARIABLES.items()}
        | {"PATH": f"{prefix}/bin:/usr/bin:/bin", "HOME": "/", "SHELL": "/bin/sh", "LOGNAME": user},
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
        **as_user,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert '"event":"run.ended"' in logged.read_text()
    assert live_pages(prepared_url) == 12
    if closed:
        pytest.skip("it works as root; this Python is in a folder that is closed to other users")


# -- systemd -----------------------------------------------------------------------------------------------------------

UNITS = sorted([*DEPLOY.glob("*.service"), *DEPLOY.glob("*.timer")])


def unit(name: str) -> list[tuple[str, str]]:
    """Return the settings of a unit, repeated ones too."""
    lines = (DEPLOY / name).read_text(encoding="utf-8").splitlines()
    pairs = [line.partition("=") for line in lines if "=" in line and not line.startswith("#")]
    return [(key, value) for key, _, value in pairs]


@needs_systemd
def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    """`systemd-analyze verify` finds nothing in any of them, once the program is where they expect it."""
    for file in UNITS:
        text = file.read_text(encoding="utf-8").replace("/opt/hr_sync/bin/hr-sync", "/bin/true")
        (tmp_path / file.name).write_text(text)
    names = [file.name.replace("@.", f"@{mode}.") for file in UNITS for mode in ("full", "incremental")]
    done = subprocess.run(
        [str(SYSTEMD), "verify", "--man=no", *(f"./{name}" for name in dict.fromkeys(names))],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@needs_systemd
@pytest.mark.parametrize("name", ["hr-sync.service", "hr-sync-run@.service"])
def test_the_units_expose_little(name: str) -> None:
    """Systemd's own score stays below 2 of 10."""
    done = subprocess.run(
        [str(SYSTEMD), "security", "--offline=true", "--threshold=20", f"./{name}"],
        cwd=DEPLOY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-500:] + done.stderr


@pytest.mark.parametrize(
    ("timer", "mode"), [("hr-sync-full.timer", "full"), ("hr-sync-incremental.timer", "incremental")]
)
def test_a_timer_starts_a_run_that_works(
    timer: str, mode: str, prefix: Path, site: Simulator, prepared_url: str
) -> None:
    """The command of its unit, with the variables and credentials that systemd would give."""
    assert dict(unit(timer))["Unit"] == f"hr-sync-run@{mode}.service"
    given = install(prefix, site, prepared_url, secrets=True)
    (prefix / "run").mkdir()
    found = unit("hr-sync-run@.service")
    for key, value in found:
        if key == "LoadCredential":
            name, _, source = value.partition(":")
            assert source == f"/etc/hr_sync/{name}"
            (prefix / "run" / name).write_text(given[name] + "\n")
    variables = [value.partition("=") for key, value in found if key == "Environment"]
    environment = {name: moved(value.replace("%d", f"{prefix}/run"), prefix) for name, _, value in variables}
    command = moved(dict(found)["ExecStart"].replace("%i", mode), prefix)
    done = subprocess.run(
        command.split(),
        env=environment | {"PATH": "/usr/bin:/bin"},
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )
    assert done.returncode == 0, done.stderr
    assert live_pages(prepared_url) == 12


def test_the_service_does_what_its_timers_do() -> None:
    """The same settings and the same hardening in both; what a restart cannot cure is not restarted."""
    stays, once = unit("hr-sync.service"), unit("hr-sync-run@.service")
    same = {"Environment", "LoadCredential", "SystemCallFilter", "DynamicUser", "ProtectSystem", "LimitCORE", "UMask"}
    assert [pair for pair in stays if pair[0] in same] == [pair for pair in once if pair[0] in same]
    assert dict(stays)["ExecStart"] == "/opt/hr_sync/bin/hr-sync serve"
    assert dict(stays)["RestartPreventExitStatus"] == "2 77 78"


# -- one recommendation ------------------------------------------------------------------------------------------------


def test_all_examples_recommend_the_same_intervals() -> None:
    """Of `serve`, of cron, of the timers and of the CronJobs."""
    every, hours = f"*/{INCREMENTAL_MINUTES}", f"*/{FULL_MINUTES // 60}"
    assert {tuple(line.split()[:5]) for line in CRON_LINES} == {(every, *"****"), ("7", hours, *"***")}
    jobs = {job["metadata"]["name"]: job["spec"]["schedule"] for job in objects("kubernetes-cronjob.yaml")}
    assert jobs == {"hr-sync-incremental": f"{every} * * * *", "hr-sync-full": f"7 {hours} * * *"}
    assert dict(unit("hr-sync-incremental.timer"))["OnCalendar"] == f"*:0/{INCREMENTAL_MINUTES}"
    assert dict(unit("hr-sync-full.timer"))["OnCalendar"] == f"0/{FULL_MINUTES // 60}:07"


# -- Kubernetes --------------------------------------------------------------------------------------------------------


def objects(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((DEPLOY / name).read_text(encoding="utf-8")))


SHARED = {each["kind"]: each for each in objects("kubernetes-settings.yaml")}
WORKLOADS = [
    each
    for name in ("kubernetes-serve.yaml", "kubernetes-cronjob.yaml")
    for each in objects(name)
    if each["kind"] in {"Deployment", "CronJob"}
]


def pod_of(workload: dict[str, Any]) -> dict[str, Any]:
    spec = workload["spec"]
    template = spec["jobTemplate"]["spec"]["template"] if workload["kind"] == "CronJob" else spec["template"]
    return dict(template)


def test_one_apply_makes_one_way_of_running() -> None:
    """No file holds both, and settings are in neither."""
    kinds = {
        file.name: sorted(each["kind"] for each in objects(file.name))
        for file in sorted(DEPLOY.glob("kubernetes*.yaml"))
    }
    assert kinds == {
        "kubernetes-cronjob.yaml": ["CronJob", "CronJob"],
        "kubernetes-serve.yaml": ["Deployment", "Service"],
        "kubernetes-settings.yaml": ["ConfigMap", "NetworkPolicy", "Secret"],
    }


@pytest.mark.parametrize("workload", WORKLOADS, ids=lambda each: each["metadata"]["name"])
def test_a_pod_starts_with_the_settings_that_it_mounts(workload: dict[str, Any], tmp_path: Path) -> None:
    """They are those of the ConfigMap and the Secret. They are refused until they are filled in, and accepted then."""
    pod = pod_of(workload)
    (container,) = pod["spec"]["containers"]
    command, *options = container["args"]
    assert set(options) <= options_of(command)
    volumes = {each["name"]: each for each in pod["spec"]["volumes"]}
    folders = {each["name"]: tmp_path / each["mountPath"].lstrip("/") for each in container["volumeMounts"]}
    for name, folder in folders.items():
        folder.mkdir(parents=True)
        if "configMap" in volumes[name]:
            assert volumes[name]["configMap"]["name"] == SHARED["ConfigMap"]["metadata"]["name"]
            contents = SHARED["ConfigMap"]["data"]
        elif "secret" in volumes[name]:
            assert volumes[name]["secret"]["secretName"] == SHARED["Secret"]["metadata"]["name"]
            contents = SHARED["Secret"]["stringData"]
        else:
            contents = {}
        for file, text in contents.items():
            (folder / file).write_text(text)
    variables = {each["name"]: each["value"] for each in container["env"]}
    environ = {name: f"{tmp_path}{value}" if value.startswith("/") else value for name, value in variables.items()}
    with pytest.raises(ConfigurationError, match="placeholder of the example"):
        load_settings(environ=environ)
    for file in [each for folder in folders.values() for each in folder.iterdir()]:
        file.write_text(file.read_text().replace("CHANGE-ME", "changed"))
    found = load_settings(environ=environ)
    assert isinstance(found.confluence.api_token, SecretStr)
    if command == "serve":
        assert found.service.token is not None


@pytest.mark.parametrize("workload", WORKLOADS, ids=lambda each: each["metadata"]["name"])
def test_a_pod_can_do_nothing_but_its_work(workload: dict[str, Any]) -> None:
    """The image's user, no capabilities, a read-only root, no token of the cluster, and a memory limit."""
    spec = pod_of(workload)["spec"]
    (container,) = spec["containers"]
    user = re.search(r"^USER (\d+):(\d+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert user
    assert [spec["securityContext"][each] for each in ("runAsUser", "runAsGroup")] == [
        int(each) for each in user.groups()
    ]
    assert spec["automountServiceAccountToken"] is False
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["resources"]["limits"]["memory"]


def test_services_and_policies_select_the_pods() -> None:
    """By labels that all of them have, and by a port that exists."""
    chosen = SHARED["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"]
    for workload in WORKLOADS:
        assert chosen.items() <= pod_of(workload)["metadata"]["labels"].items()
    (service,) = [each for each in objects("kubernetes-serve.yaml") if each["kind"] == "Service"]
    (deployment,) = [each for each in WORKLOADS if each["kind"] == "Deployment"]
    assert service["spec"]["selector"] == deployment["spec"]["selector"]["matchLabels"] == chosen
    (container,) = pod_of(deployment)["spec"]["containers"]
    assert [each["targetPort"] for each in service["spec"]["ports"]] == [each["name"] for each in container["ports"]]
    assert service["metadata"]["name"].replace("-", "_").upper() != "HR_SYNC", "its variables would look like ours"
    paths = {container[probe]["httpGet"]["path"] for probe in ("livenessProbe", "readinessProbe")}
    assert paths == {"/livez", "/readyz"}


def test_a_job_is_not_retried_for_what_a_retry_cannot_cure() -> None:
    """Wrong usage, held, credentials, configuration."""
    for workload in WORKLOADS:
        if workload["kind"] == "CronJob":
            rules = workload["spec"]["jobTemplate"]["spec"]["podFailurePolicy"]["rules"]
            assert rules[0]["onExitCodes"]["values"] == [2, 4, 77, 78]


# -- compose -----------------------------------------------------------------------------------------------------------

COMPOSE_TEXT = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
COMPOSE = yaml.safe_load(COMPOSE_TEXT)


def test_the_secrets_of_compose_can_be_made_and_read(tmp_path: Path) -> None:
    """The commands in the head of the file make what the services mount, readable for the user of the container."""
    head = re.findall(r"^#   (.*)$", COMPOSE_TEXT.partition("services:")[0], re.MULTILINE)
    making = [line for line in head if not line.startswith(("CONFLUENCE_URL", "  docker"))]
    script = "set -eu\n" + "\n".join(making)
    if shutil.which("openssl") is None:
        pytest.skip("no openssl here, which the commands use")
    subprocess.run(["sh", "-c", script], cwd=tmp_path, env={**os.environ, "TOKEN": TOKEN}, check=True)
    declared = {name: tmp_path / each["file"] for name, each in COMPOSE["secrets"].items()}
    assert all(file.stat().st_mode & 0o777 == 0o444 for file in declared.values())
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o711
    environ = compose_environment({"CONFLUENCE_URL": "https://acme.atlassian.net", "CONFLUENCE_USERNAME": "bot"})
    environ = {name: value.replace("/run/secrets", f"{tmp_path}/secrets") for name, value in environ.items()}
    found = load_settings(environ=environ)
    assert found.confluence.api_token is not None
    assert found.confluence.api_token.get_secret_value() == TOKEN
    assert found.database.sqlalchemy_url is not None
    assert found.database.sqlalchemy_url.host == "database"
    assert found.service.token is not None


def compose_environment(outside: dict[str, str]) -> dict[str, str]:
    """Return the worker's environment as compose fills it in."""
    outside = {"CONFLUENCE_SPACES": "HR,IT"} | outside
    environment: dict[str, str] = COMPOSE["services"]["hr-sync"]["environment"]
    return {
        name: re.sub(r"\$\{(\w+):\?[^}]*\}", lambda found: outside[found[1]], value)
        for name, value in environment.items()
    }


def test_the_services_of_compose_fit_together() -> None:
    """Each mounts only secrets that exist and reads only those; the password of the database is in both."""
    for service in COMPOSE["services"].values():
        mounted = set(service.get("secrets", ()))
        assert mounted <= set(COMPOSE["secrets"])
        read = re.findall(r"/run/secrets/(\w+)", str(service.get("environment", "")))
        assert set(read) == mounted
    assert COMPOSE["services"]["hr-sync"]["depends_on"] == {"database": {"condition": "service_healthy"}}


def test_compose_can_be_tried_as_its_head_says() -> None:
    """With the account that the simulator has by itself."""
    assert f"TOKEN={DEFAULT_TOKEN}" in COMPOSE_TEXT
    assert f"CONFLUENCE_USERNAME={DEFAULT_USERNAME}" in COMPOSE_TEXT
    port = COMPOSE["services"]["confluence"]["command"][1]
    assert f"CONFLUENCE_URL=http://127.0.0.1:{port}/wiki" in COMPOSE_TEXT


# -- every process -----------------------------------------------------------------------------------------------------


def test_a_process_leaves_no_core_and_no_keys() -> None:
    """Whatever the limits and the environment of its parent say."""
    program = (
        "import os, resource, hr_sync.cli as cli\n"
        "cli._keep_secrets_in_memory()\n"
        "print(resource.getrlimit(resource.RLIMIT_CORE)[0], os.environ.get('SSLKEYLOGFILE'))"
    )
    environ = {**os.environ, "SSLKEYLOGFILE": "/dev/null"}
    done = subprocess.run([sys.executable, "-c", program], env=environ, capture_output=True, text=True, check=True)
    assert done.stdout == "0 None\n"
    assert "_keep_secrets_in_memory()\n" in (ROOT / "hr_sync/cli/__init__.py").read_text().partition("def main")[2]

"""The guide for operators, the dashboard, the alerts and the examples say what the code does."""

import ast
import json
import re
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from hr_sync.domain.outcome import ExitCode
from hr_sync.service import healthcheck
from hr_sync.settings.keys import keys
from tests.service.test_metrics import full, samples

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
LEVELS = {"debug", "info", "warning", "error", "exception", "critical", "log"}
OF_A_REPORT = {"outcome", "exit_code", "error"}  # what `log_fields` gives, with the counts
NOT_FIELDS = {"exc_info"}


def rows_of(page: str) -> list[list[str]]:
    """Cells of the first table of a reference page."""
    part = (DOCS / "reference" / page).read_text(encoding="utf-8")
    lines = re.search(r"(?:^\|.*\n)+", part, re.MULTILINE)
    assert lines
    return [[cell.strip() for cell in line.strip("|\n").split(" |")] for line in lines[0].splitlines()[2:]]


def logged_events() -> dict[str, set[str]]:
    """Every event that the code logs, with the fields that it names."""
    events: dict[str, set[str]] = {}
    for module in (ROOT / "hr_sync").rglob("*.py"):
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in LEVELS):
                continue
            words = [each.value for each in node.args[:2] if isinstance(each, ast.Constant)]
            name = next((str(each) for each in words if re.fullmatch(r"\w+\.\w+", str(each))), None)
            if name is not None:
                fields = {each.arg for each in node.keywords if each.arg} - NOT_FIELDS
                reports = any(each.arg is None and "log_fields" in ast.unparse(each.value) for each in node.keywords)
                events.setdefault(name, set()).update(fields | (OF_A_REPORT if reports else set()))
    return events


def test_every_event_is_documented_with_its_fields() -> None:
    """Whoever parses the log finds each event and field in the guide, and none that is gone."""
    documented = {row[0].strip("`"): set(filter(None, row[1].split(", "))) for row in rows_of("log-events.md")}
    assert documented == logged_events()


def test_every_metric_is_documented_with_its_labels() -> None:
    """The table names exactly what a scrape gives."""
    given: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(full().exposition().decode()):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        if not name.endswith("_created"):
            labels = {label for each in family.samples for label in each.labels} - {"le"}
            given[name] = labels
    documented = {row[0].strip("`"): set(filter(None, row[1].split(", "))) for row in rows_of("metrics.md")}
    assert documented == given


def test_every_exit_code_is_documented() -> None:
    """The table of exit codes is complete."""
    assert [int(row[0]) for row in rows_of("exit-codes.md")] == sorted(ExitCode)


@pytest.mark.parametrize("file", ["grafana-dashboard.json", "alerts.yaml"])
def test_what_is_watched_exists(file: str) -> None:
    """Dashboard and alerts ask only for series that a scrape gives."""
    text = (DOCS / file).read_text(encoding="utf-8")
    parsed = json.loads(text) if file.endswith("json") else yaml.safe_load(text)
    key = "panels" if file.endswith("json") else "groups"
    asked = set(re.findall(r"\bhr_sync_\w+", " ".join(re.findall(r'"?expr"?: (.*)', text))))
    assert parsed[key]
    assert len(asked) > 5
    assert asked <= {name for name, _ in samples(full())} | {"hr_sync_drift_pages"}


@pytest.mark.parametrize("file", sorted((DOCS / "deploy").iterdir()), ids=lambda file: file.name)
def test_examples_use_settings_that_exist(file: Path) -> None:
    """Variables are known, YAML can be read."""
    text = file.read_text(encoding="utf-8")
    known = {key.variable for key in keys()} | {"HR_SYNC_CONFIG"}
    assert {name.removesuffix("_FILE") for name in re.findall(r"\bHR_SYNC_\w+", text)} <= known
    if file.suffix == ".yaml":
        assert all(yaml.safe_load_all(text))


def test_the_health_check_asks_where_the_service_answers() -> None:
    """The port that it takes for granted is the default of the settings."""
    default = next(key.field.default for key in keys() if key.path == "service.port")
    assert default == healthcheck.DEFAULT_PORT

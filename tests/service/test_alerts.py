"""The alert rules: each one fires in its case and ends when that is mended, and leads to a part of the guide."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

DOCS = Path(__file__).parents[2] / "docs"
PROMTOOL = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(
    PROMTOOL is None, reason="no promtool here; `apt-get install --no-install-recommends prometheus` brings it"
)


def rules() -> list[dict[str, Any]]:
    """Return all alert rules."""
    return list(yaml.safe_load((DOCS / "alerts.yaml").read_text())["groups"][0]["rules"])


def rule_tests() -> list[dict[str, Any]]:
    """Return the tests of the rules: series over time, and which alert fires when."""
    return list(yaml.safe_load((DOCS / "alerts_test.yaml").read_text())["tests"])


def cases() -> list[dict[str, Any]]:
    """Return every question that the rule tests ask."""
    return [case for test in rule_tests() for case in test["alert_rule_test"]]


def play(folder: Path, test: dict[str, Any], alerts: str) -> "subprocess.CompletedProcess[str]":
    """Let Prometheus's own tool evaluate over the series of a test the rules that it asks about, and no others.

    No rule looks at another one, and all of them, at each minute of each test, take a quarter of a minute.
    """
    of_all = yaml.safe_load(alerts)
    asked = {case["alertname"] for case in test["alert_rule_test"]}
    groups = [
        group | {"rules": [rule for rule in group["rules"] if rule["alert"] in asked]} for group in of_all["groups"]
    ]
    (folder / "alerts.yaml").write_text(yaml.safe_dump(of_all | {"groups": groups}))
    whole = yaml.safe_load((DOCS / "alerts_test.yaml").read_text())
    (folder / "alerts_test.yaml").write_text(yaml.safe_dump(whole | {"tests": [test]}))
    command = [str(PROMTOOL), "test", "rules", "alerts_test.yaml"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def headings(guide: str) -> set[str]:
    """Return the anchors of a Markdown document, as GitHub makes them."""
    found = re.findall(r"^#+ (.+)$", guide, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}


@needs_promtool
@pytest.mark.parametrize("test", rule_tests(), ids=lambda test: test["name"])
def test_the_rules_fire_and_end(tmp_path: Path, test: dict[str, Any]) -> None:
    """Over series made for each case."""
    done = play(tmp_path, test, (DOCS / "alerts.yaml").read_text())
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_rule_looks_at_another_one() -> None:
    """So that each can be evaluated alone; and the tests are those of the rules that are documented."""
    assert not [rule["alert"] for rule in rules() if "ALERTS" in rule["expr"] or "record" in rule]
    assert yaml.safe_load((DOCS / "alerts_test.yaml").read_text())["rule_files"] == ["alerts.yaml"]


@needs_promtool
def test_a_rule_that_cannot_fire_is_noticed(tmp_path: Path) -> None:
    """The test above fails if a rule asks for too much."""
    broken = (DOCS / "alerts.yaml").read_text().replace("hr_sync_held_removals[15m]) > 0", "nothing[15m]) > 0")
    fires = next(
        test
        for test in rule_tests()
        if any(case["alertname"] == "HrSyncHeld" and case["exp_alerts"] for case in test["alert_rule_test"])
    )
    done = play(tmp_path, fires, broken)
    assert done.returncode != 0
    assert "HrSyncHeld" in done.stdout + done.stderr


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_each_rule_is_tested_both_ways(rule: dict[str, Any]) -> None:
    """There is a case in which it fires, and one in which it does not."""
    expected = [bool(case["exp_alerts"]) for case in cases() if case["alertname"] == rule["alert"]]
    assert set(expected) == {True, False}


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_each_rule_leads_to_the_guide(rule: dict[str, Any]) -> None:
    """Its runbook_url names a document here and a heading in it."""
    document, _, anchor = rule["annotations"]["runbook_url"].partition("#")
    assert anchor in headings((DOCS / document).read_text(encoding="utf-8"))

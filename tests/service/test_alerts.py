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


def cases() -> list[dict[str, Any]]:
    """Return every question that the rule tests ask."""
    tests = yaml.safe_load((DOCS / "alerts_test.yaml").read_text())["tests"]
    return [case for test in tests for case in test["alert_rule_test"]]


def headings(guide: str) -> set[str]:
    """Return the anchors of a Markdown document, as GitHub makes them."""
    found = re.findall(r"^#+ (.+)$", guide, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}


@needs_promtool
def test_the_rules_fire_and_end() -> None:
    """Prometheus's own tool evaluates the rules over series made for each case."""
    done = subprocess.run(
        [str(PROMTOOL), "test", "rules", "alerts_test.yaml"], cwd=DOCS, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
def test_a_rule_that_cannot_fire_is_noticed(tmp_path: Path) -> None:
    """The test above fails if a rule asks for too much."""
    broken = (DOCS / "alerts.yaml").read_text().replace("hr_sync_held_removals[15m]) > 0", "nothing[15m]) > 0")
    (tmp_path / "alerts.yaml").write_text(broken)
    shutil.copy(DOCS / "alerts_test.yaml", tmp_path)
    done = subprocess.run(
        [str(PROMTOOL), "test", "rules", "alerts_test.yaml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
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

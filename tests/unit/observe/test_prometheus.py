"""Prometheus itself takes configuration and rules, and the rules fire when they should."""

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

HERE = Path(__file__).parent
OBSERVE = HERE.parents[2] / "config" / "observe"


def promtool(*arguments: str) -> str:
    """What promtool says; the test fails where it finds something wrong."""
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("promtool is not here; on Debian: apt-get install prometheus")
    done = subprocess.run([program, *arguments], cwd=HERE, capture_output=True, text=True, check=False)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    return said


def test_the_configuration_is_one_of_prometheus(tmp_path: Path) -> None:
    """The key is a secret of the place where it runs; here it is an empty file."""
    key = tmp_path / "key"
    key.touch()
    text = (OBSERVE / "prometheus.yaml").read_text(encoding="utf-8")
    configuration = tmp_path / "prometheus.yaml"
    configuration.write_text(text.replace("/run/secrets/server_predict_key", str(key)))
    shutil.copy(OBSERVE / "rules.yaml", tmp_path)

    assert str(key) in configuration.read_text()
    assert "SUCCESS" in promtool("check", "config", str(configuration))


def test_the_rules_are_rules_of_prometheus() -> None:
    assert "SUCCESS" in promtool("check", "rules", "--lint=all", "--lint-fatal", str(OBSERVE / "rules.yaml"))


def test_every_alert_fires_when_it_should_and_not_before() -> None:
    assert "SUCCESS" in promtool("test", "rules", "alerts.yaml")


def test_every_alert_is_tried_out() -> None:
    named = {
        rule["alert"]
        for group in yaml.safe_load((OBSERVE / "rules.yaml").read_text(encoding="utf-8"))["groups"]
        for rule in group["rules"]
    }
    tried = yaml.safe_load((HERE / "alerts.yaml").read_text(encoding="utf-8"))["tests"]

    assert {each["alertname"] for test in tried for each in test["alert_rule_test"] if each["exp_alerts"]} == named

"""The program behind `make bench`."""

import json
import sys

import click
import pytest
from click.testing import CliRunner

from tests.benchmarks import __main__ as runner

GOOD = """
def measure(scale=1.0):
    return {"seconds": {"value": 2 * scale, "unit": "s", "target": 3, "better": "lower", "what": "[how long]"}}
"""
BROKEN = "def measure():\n    raise RuntimeError('no such disk')\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "bench_good.py").write_text(GOOD)
    (tmp_path / "bench_broken.py").write_text(BROKEN)
    (tmp_path / "other.py").write_text("raise RuntimeError")
    monkeypatch.setattr(runner, "FOLDER", tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path
    for name in ("bench_good", "bench_broken"):
        sys.modules.pop(name, None)


def run(folder, *arguments):
    return CliRunner().invoke(runner.main, [*arguments, "--output", str(folder / "bench.json")])


def test_a_benchmark_that_raises_is_reported_and_the_others_still_run(folder):
    result = run(folder)

    assert result.exit_code == 1
    assert "RuntimeError: no such disk" in result.output
    assert json.loads((folder / "bench.json").read_text()) == {
        "seconds": {"value": 2.0, "unit": "s", "target": 3, "better": "lower", "what": "[how long]"}
    }


def test_only_runs_the_named_benchmark_at_the_given_scale(folder):
    result = run(folder, "--only", "good", "--scale", "0.5")

    assert result.exit_code == 0
    assert json.loads((folder / "bench.json").read_text())["seconds"]["value"] == 1.0


def test_an_unknown_name_lists_the_benchmarks(folder):
    with pytest.raises(click.BadParameter, match=r"no 'goood' \(allowed: broken, good\)"):
        runner.find_benchmarks(folder, ["goood"])


@pytest.mark.parametrize(
    ("better", "value", "met"),
    [("lower", 3, True), ("lower", 3.1, False), ("higher", 3, True), ("higher", 2.9, False)],
)
def test_a_target_is_met_by_a_value_as_good_or_better(better, value, met):
    assert runner.is_met({"value": value, "target": 3, "better": better}) is met


@pytest.mark.parametrize(
    ("figure", "message"),
    [
        ({"value": 1}, "a figure has value, unit, target, better, what"),
        ({"value": float("nan"), "unit": "s", "target": 1, "better": "lower", "what": "w"}, "nan is no figure"),
        ({"value": 1, "unit": "s", "target": 1, "better": "smaller", "what": "w"}, "better is lower or higher"),
    ],
    ids=["fields are missing", "not a number", "unknown direction"],
)
def test_a_figure_that_nobody_can_judge_counts_as_a_failure(tmp_path, monkeypatch, figure, message):
    path = tmp_path / "bench_bad.py"
    path.write_text(f"nan = float('nan')\ndef measure():\n    return {{'bad': {figure!r}}}\n")
    lines = []

    figures, failed = runner.measure_all([path], scale=1.0, report=lines.append)
    sys.modules.pop("bench_bad", None)

    assert (figures, failed) == ({}, ["bench_bad"])
    assert message in "\n".join(lines)

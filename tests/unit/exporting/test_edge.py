"""An exported folder answers in a Python that has NumPy and ONNX Runtime and nothing else of ours."""

import json
import re
import subprocess
import sys
from pathlib import Path

import mlflow.artifacts
import numpy as np
import pytest
from click.testing import CliRunner

from retrainer.cli.export import export
from retrainer.columns import columns_of, with_row_features
from retrainer.errors import BadDataError, ConfigurationError, UnsafeArtifactError
from retrainer.exporting import OnnxModel
from retrainer.registry import ARCHIVED, RUNTIME, RUNTIME_NOTE, load_model
from retrainer.steps.edge import export_edge
from tests.worlds import FIRST, World, small_config

AS_OF = FIRST.replace(month=6, day=3)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """One version that was trained, compared, registered and deployed."""
    home = tmp_path_factory.mktemp("edge")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)  # a local MLflow store keeps its artifacts under the working folder
        made = World(home, small_config())
        released = made.release(AS_OF, made.features(AS_OF))
        assert released["deploy"].champion_version == 1
        yield made


@pytest.fixture
def tagged(world):
    """Set tags of version 1; they are as before afterwards."""
    before = dict(world.versions.get(1).tags)
    yield lambda **tags: world.versions.tag(1, tags)
    world.versions.tag(1, {name: before[name] for name in (RUNTIME, RUNTIME_NOTE)})
    if ARCHIVED in world.versions.get(1).tags:
        world.versions._client.delete_model_version_tag(world.config.name, "1", ARCHIVED)


def run_readme(folder: Path) -> str:
    """Run the code of the README in the folder, by itself; what it prints, after the names of what it imported."""
    (code,) = re.findall(r"```python\n(.*?)```", (folder / "README.md").read_text(), flags=re.S)
    assert len(code.splitlines()) <= 12
    code += "\nprint(*sorted({name.partition('.')[0] for name in sys.modules} - set(sys.stdlib_module_names)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_champion_in_a_folder_answers_its_example_with_numpy_and_onnx_runtime_alone(world, tmp_path):
    folder = tmp_path / "new" / "edge"
    assert export_edge(world.settings, world.config.name, version=None, to=folder) == 1
    answer, modules = run_readme(folder).strip().split("\n")
    expected = json.loads((folder / "example.json").read_text())["output"]
    assert float(answer.strip("[]")) == pytest.approx(expected, abs=1e-8)
    ours = {"pandas", "sklearn", "scipy", "mlflow", "skl2onnx", "pydantic", "pyarrow", "skops"}
    assert ours & set(modules.split()) == set()
    assert {"numpy", "onnxruntime", "models"} <= set(modules.split())


def test_the_folder_holds_the_registered_model_and_says_what_it_takes(world, tmp_path):
    export_edge(world.settings, world.config.name, version=1, to=tmp_path / "edge")
    version = world.versions.get(1)
    loaded = load_model(version.source, digest=version.digest)
    spec = json.loads((tmp_path / "edge" / "spec.json").read_text())
    assert (tmp_path / "edge" / "model.onnx").read_bytes() == loaded.onnx
    assert (spec["version"], spec["digest"], spec["output"]) == (1, version.digest, "probability of class 1")
    assert [each["name"] for each in spec["record"]] == list(loaded.facts.columns)
    assert [(each["name"], each["type"]) for each in spec["inputs"]] == list(OnnxModel(loaded.onnx).inputs.items())
    types = {each["name"]: each["type"] for each in spec["record"]}
    assert (types["scheduled_departure"], types["carrier"], types["distance"]) == ("timestamp", "string", "double")
    columns = with_row_features(columns_of(loaded.sample_inputs), loaded.row_features)
    assert np.abs(OnnxModel(tmp_path / "edge" / "model.onnx").predict(columns) - loaded.sample_outputs).max() < 1e-12
    assert sorted(path.name for path in (tmp_path / "edge").iterdir()) == [
        "README.md", "code", "example.json", "model.onnx", "spec.json"
    ]  # fmt: skip


def test_missing_values_go_into_the_readmes_code_as_well(world, tmp_path):
    folder = tmp_path / "edge"
    export_edge(world.settings, world.config.name, version=1, to=folder)
    example = json.loads((folder / "example.json").read_text())
    record = example["record"] | {"carrier": None, "weather__temp": None, "scheduled_arrival": None}
    (folder / "example.json").write_text(json.dumps(example | {"record": record}))
    answer = float(run_readme(folder).split("\n")[0].strip("[]"))
    assert 0.0 < answer < 1.0
    assert answer != pytest.approx(example["output"], abs=1e-6)


def test_a_version_whose_onnx_model_is_not_known_to_be_equal_is_refused_with_the_reason(world, tagged, tmp_path):
    tagged(**{RUNTIME: "scikit-learn", RUNTIME_NOTE: "ONNX differs by 0.2"})
    with pytest.raises(ConfigurationError, match=r"known to equal scikit-learn: ONNX differs by 0\.2"):
        export_edge(world.settings, world.config.name, version=1, to=tmp_path / "edge")
    assert not (tmp_path / "edge").exists()


def test_an_archived_version_is_refused(world, tagged, tmp_path):
    tagged(**{ARCHIVED: "2026-01-01T00:00:00+00:00"})
    with pytest.raises(BadDataError, match="v1 of flight_delay was archived"):
        export_edge(world.settings, world.config.name, version=1, to=tmp_path / "edge")


def test_a_version_that_was_tampered_with_is_refused(world, tmp_path):
    (file,) = world.home.rglob("model.onnx")
    content = file.read_bytes()
    file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    try:
        with pytest.raises(UnsafeArtifactError, match="was changed after it was registered"):
            export_edge(world.settings, world.config.name, version=1, to=tmp_path / "edge")
    finally:
        file.write_bytes(content)
    assert list(tmp_path.iterdir()) == []


def test_a_version_whose_recorded_digest_is_not_the_ledgers_is_refused(world, tmp_path):
    before = world.versions.get(1).tags["retrainer.artifact_digest"]
    world.versions.tag(1, {"retrainer.artifact_digest": "0" * 64})
    try:
        with pytest.raises(UnsafeArtifactError, match="the registry says that the digest of its files is 0000"):
            export_edge(world.settings, world.config.name, version=1, to=tmp_path / "edge")
    finally:
        world.versions.tag(1, {"retrainer.artifact_digest": before})


def test_a_version_that_does_not_exist_is_refused_with_those_that_do(world, tmp_path):
    with pytest.raises(ConfigurationError, match=r"flight_delay has no version 7 in the registry \(the last ones: 1\)"):
        export_edge(world.settings, world.config.name, version=7, to=tmp_path / "edge")


def test_what_is_there_already_is_left_alone_and_an_empty_folder_is_filled(world, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter").write_text("dear")
    with pytest.raises(ConfigurationError, match="mine is there already"):
        export_edge(world.settings, world.config.name, version=1, to=tmp_path / "mine")
    assert [path.name for path in tmp_path.rglob("*")] == ["mine", "letter"]
    (tmp_path / "empty").mkdir()
    export_edge(world.settings, world.config.name, version=1, to=tmp_path / "empty")
    assert (tmp_path / "empty" / "model.onnx").is_file()


def test_the_command_exports_and_says_where(world, tmp_path, monkeypatch):
    monkeypatch.setattr("retrainer.cli.export.read_settings", lambda: world.settings)
    run = CliRunner().invoke(export, ["flight_delay@v1", "--to", str(tmp_path / "edge")], catch_exceptions=False)
    assert run.exit_code == 0
    assert run.output == f"flight_delay v1 is in {tmp_path}/edge; how to run it: {tmp_path}/edge/README.md\n"
    with pytest.raises(ConfigurationError, match="did you mean 'flight_delay'"):
        CliRunner().invoke(export, ["flight_dely", "--to", str(tmp_path / "x")], catch_exceptions=False)


def test_the_files_of_the_artifact_hold_the_onnx_model_under_the_digest(world):
    version = world.versions.get(1)
    folder = Path(mlflow.artifacts.download_artifacts(artifact_uri=version.source))
    assert (folder / "extra_files" / "model.onnx").is_file()
    assert (version.tags[RUNTIME], version.tags[RUNTIME_NOTE][:24]) == ("onnx", "ONNX equals scikit-learn")

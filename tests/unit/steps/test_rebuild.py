"""rebuild: the registry entry alone gives the same version again, and what was tampered with is named."""

import json
import shutil
from pathlib import Path
from typing import Any

import mlflow.artifacts
import pytest

from retrainer.contracts import Rebuild, RebuildCheck
from retrainer.errors import BadDataError, ConfigurationError, UnsafeArtifactError
from retrainer.saved import digest_files
from retrainer.snapshots import DataPlace
from retrainer.steps import rebuild
from retrainer.steps.rebuild_checks import first_difference
from tests.factories import change_source, day
from tests.faults.test_model_steps_killed import copy_database
from tests.unit.steps.orders import NO_DECISION, Orders, forget_code, orders
from tests.worlds import World, small_config


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with one registered version; each test works on a copy of it, put in its place."""
    home = tmp_path_factory.mktemp("orders") / "home"
    home.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)  # a local MLflow store keeps its artifacts under the working folder
        patch.syspath_prepend(home / "code")
        orders(home).register()
        patch.chdir(home.parent)
        shutil.copytree(home, home.parent / "kept")
        yield home
        forget_code()


@pytest.fixture
def world(trained, monkeypatch) -> Orders:
    kept = trained.parent / "kept"
    for path in trained.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
    shutil.copytree(kept, trained, dirs_exist_ok=True, ignore=shutil.ignore_patterns("mlflow.sqlite*"))
    copy_database(kept / "mlflow.sqlite", trained / "mlflow.sqlite")
    monkeypatch.chdir(trained)
    return orders(trained)


def check(rebuilt: Rebuild, name: str) -> RebuildCheck:
    return next(each for each in rebuilt.checks if each.name == name)


def verdicts(rebuilt: Rebuild) -> dict[str, bool | None]:
    return {each.name: each.matches for each in rebuilt.checks}


def test_the_same_version_comes_out_in_every_respect(world):
    rebuilt = world.rebuild()
    assert verdicts(rebuilt) == dict.fromkeys(
        ["code", "lock", "data", "seed", "configuration", "software", "features", "examples", "parameters",
         "predictions", "artifact"], True
    )  # fmt: skip
    assert (rebuilt.matches, rebuilt.first_difference) == (True, "")
    assert check(rebuilt, "predictions").message.endswith("predictions of the saved sample, equal to the byte")
    artifact = check(rebuilt, "artifact").message
    assert artifact.startswith("model.skops has the same content and model.onnx the same bytes")


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file() and "code" not in path.parts}


def test_nothing_is_written_to_data_registry_or_temporary_folder(world, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before = tree(world.home)
    world.rebuild()
    assert tree(world.home) == before
    assert list(tmp_path.iterdir()) == []


def test_neither_the_source_nor_todays_code_or_lock_is_needed(world):
    (world.home / "source.sqlite").unlink()
    shutil.rmtree(world.home / "code")
    forget_code()
    (world.home / "requirements.lock").unlink()
    rebuilt = world.rebuild()
    assert rebuilt.matches
    assert [each.name for each in rebuilt.checks if each.matches is False] == ["lock"]


def test_data_and_features_that_were_replaced_later_do_not_matter(world, monkeypatch):
    monkeypatch.syspath_prepend(world.home / "code")
    change_source(world.home / "source.sqlite", "UPDATE orders SET amount = amount + 1000")
    world.register(18)
    assert world.rebuild(1).matches
    assert world.rebuild(2).matches


def alter_data(world: Orders) -> None:
    """Rows of another day in a file of the pinned snapshot."""
    folder = Path(DataPlace(world.settings.data_uri, world.config.name).snapshot("orders"))
    first, *_, last = sorted(folder.rglob("part-*.parquet"), key=lambda path: path.parent.name)
    first.write_bytes(last.read_bytes())


def alter_declaration(world: Orders, section: str, value: Any) -> None:
    """config.json in the run's artifacts."""
    path = world.saved("config.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | {section: value}))


def alter_seed(world: Orders) -> None:
    alter_declaration(world, "seed", 8)


def alter_configuration(world: Orders) -> None:
    estimator = world.config.estimator.model_dump(mode="json")
    alter_declaration(world, "estimator", estimator | {"parameters": {"n_estimators": 3}})


def alter_code(world: Orders) -> None:
    """The code that is saved with the version, and the digest of the files with it."""
    path = world.saved("features.py")
    path.write_text(path.read_text().replace("/ 2", "* 0"))
    files = Path(mlflow.artifacts.download_artifacts(world.version.source, dst_path=str(world.home / "altered")))
    world.versions.tag(1, {"retrainer.artifact_digest": digest_files(files)})


@pytest.mark.parametrize(
    ("alter", "name"),
    [
        (alter_data, "data"),
        (alter_seed, "seed"),
        (alter_configuration, "configuration"),
        (alter_code, "code"),
    ],
)
def test_what_was_altered_is_named_as_the_first_difference(world, alter, name):
    alter(world)
    rebuilt = world.rebuild()
    assert (rebuilt.matches, rebuilt.first_difference) == (False, name)
    assert check(rebuilt, name).matches is False
    assert check(rebuilt, name).expected != check(rebuilt, name).found


def test_another_lock_without_effect_is_noted_and_still_a_match(world):
    (world.home / "requirements.lock").write_text("pandas==3")
    rebuilt = world.rebuild()
    assert (rebuilt.matches, rebuilt.first_difference) == (True, "")
    assert check(rebuilt, "lock").matches is False
    assert check(rebuilt, "lock").message == "requirements.lock differs; not in a library the model needs"


def test_altered_data_say_which_table_and_that_the_predictions_differ(world):
    alter_data(world)
    rebuilt = world.rebuild()
    assert "the rows of orders version" in check(rebuilt, "data").message
    assert check(rebuilt, "features").matches is False
    assert "predictions of the saved sample differ, by up to" in check(rebuilt, "predictions").message


@pytest.mark.parametrize(
    ("differing", "expected"),
    [
        ([], ""),
        (["lock", "software", "artifact"], ""),
        (["lock", "predictions"], "lock"),
        (["software", "predictions"], "software"),
        (["code", "lock", "predictions"], "code"),
        (["lock", "features"], "features"),
        (["data", "features", "predictions"], "data"),
        (["predictions", "artifact"], "predictions"),
    ],
)
def test_the_environment_is_a_cause_only_where_predictions_differ(differing, expected):
    names = ("code", "lock", "data", "seed", "configuration", "software", "features", "examples", "parameters",
             "predictions", "artifact")  # fmt: skip
    checks = [
        RebuildCheck(name=name, matches=name not in differing, expected="", found="", message="") for name in names
    ]
    assert first_difference(checks) == expected


def test_a_search_is_made_again(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path / "code")
    search = {"trials": 3, "space": {"n_estimators": {"low": 2, "high": 9}, "max_depth": {"choices": [1, 2]}}}
    estimator = {"type": "sklearn.ensemble.RandomForestClassifier", "search": search}
    made = orders(tmp_path, estimator=estimator, evaluation={"metric": "accuracy", "baseline": "orders_code.rule"})
    made.register()
    rebuilt = made.rebuild()
    assert rebuilt.matches
    assert check(rebuilt, "parameters").message == "the parameters that the search found"
    assert set(json.loads(check(rebuilt, "parameters").found)) == {"n_estimators", "max_depth"}
    forget_code()


def test_a_version_without_a_pinned_snapshot_is_rebuilt_from_its_features_and_that_is_said(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    world = World(tmp_path, small_config())
    as_of = day(0).start.replace(year=2013, month=6, day=3, hour=4)
    results: dict[str, Any] = {"build_features": world.features(as_of), "compare": NO_DECISION}
    for step in ("train", "register"):
        results[step] = world.run(step, as_of, results)
    request = world.request("rebuild", as_of, {}).model_copy(update={"config": {}, "params": {"version": 1}})
    rebuilt = rebuild.run(request, world.settings)
    assert rebuilt.matches
    assert check(rebuilt, "data").matches is None
    assert check(rebuilt, "data").message == "no snapshot was pinned: rebuilt from the pinned feature table"


def test_a_version_that_does_not_exist_is_refused_with_those_that_do(world):
    with pytest.raises(ConfigurationError, match=r"order_late has no version 7 in the registry \(the last ones: 1\)"):
        world.rebuild(7)


def test_an_archived_version_is_refused(world):
    world.versions.tag(1, {"retrainer.archived": "2026-02-01T05:00:00+00:00"})
    with pytest.raises(BadDataError, match=r"v1 of order_late was archived at 2026-02-01T05:00:00\+00:00"):
        world.rebuild()


def test_vacuumed_data_are_named(world):
    folder = Path(DataPlace(world.settings.data_uri, world.config.name).snapshot("rates"))
    next(iter(folder.rglob("part-*.parquet"))).unlink()
    with pytest.raises(BadDataError, match=r"version \d+ of table rates can no longer be read"):
        world.rebuild()


def test_changed_files_are_never_used(world):
    path = world.saved("features.py")
    path.write_text("raise SystemExit")
    with pytest.raises(UnsafeArtifactError, match="was changed after it was registered"):
        world.rebuild()


@pytest.mark.parametrize(
    ("tag", "message"),
    [
        ("retrainer.features", "tag retrainer.features or retrainer.snapshot names no data"),
        ("retrainer.as_of", "tag retrainer.interval or retrainer.as_of names no time"),
    ],
)
def test_a_record_that_is_not_whole_says_what_is_missing(world, tag, message):
    world.versions.tag(1, {tag: "by hand"})
    with pytest.raises(BadDataError, match=f"the record of v1 of order_late is not whole: {message}"):
        world.rebuild()


@pytest.mark.parametrize("version", [None, "1", 0, True])
def test_a_request_without_a_version_is_refused(world, version):
    with pytest.raises(ConfigurationError, match="must be the number of a version"):
        world.rebuild(version)

"""A champion whose files were changed on disk is not even compared with: the run stops, production stays."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from retrainer.errors import UnsafeArtifactError
from tests.worlds import World, small_config

FIRST = datetime(2013, 6, 3, 4, tzinfo=UTC)
SECOND = datetime(2013, 6, 10, 4, tzinfo=UTC)


def change_a_byte(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def test_a_champion_that_was_tampered_with_is_never_loaded(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # a local MLflow store keeps its artifacts under the working folder
    world = World(tmp_path, small_config())
    world.release(FIRST, world.features(FIRST))
    (file,) = tmp_path.rglob("model.skops")
    change_a_byte(file)
    results = {"build_features": world.features(SECOND)}
    results["train"] = world.run("train", SECOND, results)
    monkeypatch.setattr("skops.io.load", lambda *_, **__: pytest.fail("loaded"))
    with pytest.raises(UnsafeArtifactError, match="was changed after it was registered") as refused:
        world.run("compare", SECOND, results)
    assert refused.value.exit_status == 78
    assert world.state()["champion"] == 1

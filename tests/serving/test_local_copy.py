"""The verified local copy of a version: a changed one is never loaded."""

import json
import os
import time

import pytest

from retrainer.errors import UnsafeArtifactError
from retrainer.serving.local_copy import (
    FILES_FILE,
    SPEC_FILE,
    copy_name,
    remove_leftovers,
    scratch_beside,
    seal,
    verify,
    write_atomically,
)
from tests.serving.world import flight_spec


@pytest.fixture
def copy(tmp_path):
    folder = tmp_path / copy_name(4, "0123456789abcdef")
    (folder / "code" / "models").mkdir(parents=True)
    (folder / SPEC_FILE).write_text(flight_spec(4).to_json())
    (folder / "model.onnx").write_bytes(b"model")
    (folder / "code" / "models" / "features.py").write_text("A = 1\n")
    seal(folder)
    return folder


def test_an_intact_copy_gives_its_spec(copy):
    assert copy.name == "v4-0123456789ab"
    assert verify(copy) == flight_spec(4)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda copy: (copy / "model.onnx").write_bytes(b"Model"), "model.onnx"),
        (lambda copy: (copy / "model.onnx").unlink(), "model.onnx"),
        (lambda copy: (copy / "code" / "models" / "more.py").write_text(""), "code/models/more.py"),
        (lambda copy: (copy / "code" / "models" / "features.py").write_text("A = 2\n"), "code/models/features.py"),
        (lambda copy: (copy / SPEC_FILE).write_text(flight_spec(5).to_json()), SPEC_FILE),
        (lambda copy: (copy / FILES_FILE).unlink(), FILES_FILE),
        (lambda copy: (copy / FILES_FILE).write_text("{"), "cannot be read"),
        (lambda copy: (copy / FILES_FILE).write_text(json.dumps({})), "model.onnx"),
        (lambda copy: (copy / "model.onnx").rename(copy.parent / "model.onnx"), "model.onnx"),
        (lambda copy: (copy / "link").symlink_to(copy / "model.onnx"), "link"),
    ],
    ids=["changed", "removed", "added", "code", "spec", "no list", "torn list", "empty list", "moved", "link"],
)
def test_a_copy_that_was_changed_is_refused_and_the_file_named(copy, change, named):
    change(copy)
    with pytest.raises(UnsafeArtifactError, match=named):
        verify(copy)


def test_a_copy_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(UnsafeArtifactError, match="cannot be read"):
        verify(tmp_path / "v1-abc")


def test_what_is_half_made_disappears_and_what_was_moved_away_stays(tmp_path):
    target = tmp_path / "model" / "v1-abc"
    with scratch_beside(target) as scratch:
        (scratch / "file").write_text("half")
    assert list(target.parent.iterdir()) == []
    with scratch_beside(target) as scratch:
        (scratch / "copy").mkdir()
        (scratch / "copy").rename(target)
    assert list(target.parent.iterdir()) == [target]


def test_leftovers_of_killed_processes_go_once_they_are_old(tmp_path):
    old, young = tmp_path / "model" / ".making-old", tmp_path / "model" / ".making-young"
    torn, kept = tmp_path / "model" / ".writing-x", tmp_path / "model" / "v1-abc"
    for folder in (old, young, kept):
        folder.mkdir(parents=True)
    torn.write_text("half")
    long_ago = time.time() - 10_000
    for path in (old, torn, kept):
        os.utime(path, (long_ago, long_ago))
    remove_leftovers(tmp_path)
    assert sorted(path.name for path in (tmp_path / "model").iterdir()) == [".making-young", "v1-abc"]


def test_a_file_is_replaced_as_a_whole(tmp_path):
    file = tmp_path / "model" / "assignment.json"
    write_atomically(file, "old")
    write_atomically(file, "new")
    assert file.read_text() == "new"
    assert list(file.parent.iterdir()) == [file]

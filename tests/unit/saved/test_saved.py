"""What is known of a saved model without MLflow, without loading it, and in a blink."""

import json
import py_compile
import subprocess
import sys
from importlib.util import cache_from_source
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from retrainer.contracts import ExportCheck, Interval
from retrainer.saved import (
    EXTRA,
    ONNX_FILE,
    Extra,
    ModelFacts,
    digest_files,
    files_of,
    own_code,
    read_facts,
    read_onnx,
    read_sample,
    write_extra_files,
)
from tests.factories import FIRST, day, make_config

_SECONDS = 0.1


def facts(**changes) -> ModelFacts:
    values = {
        "model": "order_late",
        "feature_module": "own_models.features",
        "columns": ("amount",),
        "training": Interval(start=FIRST, end=day(7).end),
        "identity": "a" * 64,
    }
    return ModelFacts(**(values | changes))


@pytest.fixture
def folder(tmp_path):
    (tmp_path / EXTRA).mkdir()
    return tmp_path


def test_importing_it_is_cheap_and_pulls_no_library_that_is_not():
    code = (
        "import sys, time, numpy, retrainer.config.declaration as _\n"
        "start = time.process_time()\n"
        "import retrainer.saved\n"
        "print(time.process_time() - start)\n"
        "print(*sorted({'pandas', 'sklearn', 'skops', 'mlflow', 'pyarrow', 'onnxruntime', 'onnx'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    seconds, heavy = done.stdout.split("\n", 1)
    assert heavy == "\n"
    assert float(seconds) < _SECONDS


def test_facts_sample_and_onnx_come_back_as_they_were_saved(folder):
    check = ExportCheck(runtime="onnx", rows=2, max_difference=1e-16, tolerance=1e-6, message="equal")
    known = facts(declaration=make_config().model_dump(mode="json"), export=check)
    inputs = pd.DataFrame({"amount": [1.5, np.nan], "region": ["north", None]})
    outputs = np.array([0.25, 1 / 3])
    written = write_extra_files(folder / EXTRA, Extra(known, inputs, outputs, b"a model"))
    assert len(written) == 4
    assert read_facts(folder) == known
    rows, said = read_sample(folder)
    pd.testing.assert_frame_equal(rows, inputs)
    assert said.tobytes() == outputs.tobytes()
    assert read_onnx(folder) == b"a model"


def test_a_model_that_was_not_exported_has_no_onnx_file(folder):
    inputs = pd.DataFrame({"amount": [1.5]})
    written = write_extra_files(folder / EXTRA, Extra(facts(), inputs, np.array([0.5])))
    assert ONNX_FILE not in [path.name for path in written]
    assert read_onnx(folder) is None


def test_facts_of_a_model_that_an_older_version_saved_can_be_read(folder):
    old = json.loads(facts().to_json())
    del old["declaration"], old["export"]
    (folder / EXTRA / "retrainer.json").write_text(json.dumps(old))
    assert (read_facts(folder).declaration, read_facts(folder).export) == ({}, None)


def test_the_digest_knows_names_and_bytes_and_not_what_python_left_there(folder):
    (folder / "a").write_text("1")
    (folder / "b").write_text("2")
    before = digest_files(folder)
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "a.pyc").write_text("3")
    assert (digest_files(folder), [path.name for path in files_of(folder)]) == (before, ["a", "b"])
    (folder / "a").write_text("2")
    (folder / "b").write_text("1")
    assert digest_files(folder) != before


@pytest.fixture
def own_models(folder, monkeypatch):
    """A package of the repository, and the one of that name which was saved with a model."""
    for place, text in ((folder / "today", "today"), (folder / "saved" / "code", "saved")):
        (place / "own_models").mkdir(parents=True)
        (place / "own_models" / "__init__.py").write_text("")
        (place / "own_models" / "features.py").write_text(f"WHOSE = {text!r}\n")
    monkeypatch.syspath_prepend(folder / "today")
    yield folder / "saved"
    for name in [name for name in sys.modules if name.startswith("own_models")]:
        del sys.modules[name]


def test_a_models_own_code_is_imported_for_the_time_being_only(folder, own_models):
    from own_models.features import WHOSE  # type: ignore[import-not-found]

    with own_code(folder / "saved", "own_models.features"):
        from own_models import features

        assert features.WHOSE == "saved"
    assert (WHOSE, sys.modules["own_models.features"].WHOSE) == ("today", "today")


def test_bytecode_beside_a_models_own_code_is_neither_run_nor_written(own_models, monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    source, planted = own_models / "code" / "own_models" / "features.py", own_models / "planted.py"
    planted.write_text("WHOSE = 'planted'\n")
    unchecked = py_compile.PycInvalidationMode.UNCHECKED_HASH  # Python takes it as it is, whatever the source says
    py_compile.compile(str(planted), cfile=cache_from_source(str(source)), invalidation_mode=unchecked)
    with own_code(own_models, "own_models.features"):
        from own_models import features

        assert features.WHOSE == "saved"
    found = [path.name for path in own_models.rglob("*.pyc")]
    assert found == [Path(cache_from_source("features.py")).name]

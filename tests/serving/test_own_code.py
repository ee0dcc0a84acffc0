"""A version's own modules run beside those of other versions and of the repository."""

import gc
import sys
import weakref

import pytest

from retrainer.errors import ConfigurationError
from retrainer.serving.load_own_code import load_own_code

RULE = "from models.taxi.features import FACTOR\n\n\ndef predict(columns):\n    return FACTOR\n"


def save(folder, files):
    for name, text in files.items():
        path = folder / "code" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def package(folder, factor, **files):
    return save(
        folder,
        {
            "models/__init__.py": "",
            "models/taxi/__init__.py": "",
            "models/taxi/features.py": f"FACTOR = {factor}\n",
            "models/taxi/rule.py": RULE,
        }
        | {f"models/taxi/{name}.py": text for name, text in files.items()},
    )


def test_each_version_imports_its_own_modules_and_none_is_left_in_the_interpreter(tmp_path):
    before = set(sys.modules)
    first = load_own_code(package(tmp_path / "v1", 1), "models.taxi.rule")
    second = load_own_code(package(tmp_path / "v2", 2), "models.taxi.rule")
    assert (first.predict({}), second.predict({})) == (1, 2)
    assert not {name for name in set(sys.modules) - before if "taxi" in name}


@pytest.mark.parametrize(
    "text",
    [
        "import models.taxi.features\n\n\ndef predict(columns):\n    return models.taxi.features.FACTOR\n",
        "import models.taxi.features as them\n\n\ndef predict(columns):\n    return them.FACTOR\n",
        "from models.taxi import features\n\n\ndef predict(columns):\n    return features.FACTOR\n",
        "from . import features\n\n\ndef predict(columns):\n    return features.FACTOR\n",
        "from .features import *\n\n\ndef predict(columns):\n    return FACTOR\n",
        "from ..taxi.features import FACTOR\n\n\ndef predict(columns):\n    return FACTOR\n",
        "def predict(columns):\n    from models.taxi.features import FACTOR\n\n    return FACTOR\n",
    ],
    ids=["import", "import as", "from package", "relative", "star", "two dots", "late"],
)
def test_every_form_of_import_finds_the_version_s_own_module(tmp_path, text):
    folder = package(tmp_path, 7, rule=text)
    assert load_own_code(folder, "models.taxi.rule").predict({}) == 7


def test_a_dataclass_with_postponed_annotations_is_made(tmp_path):
    text = (
        "from __future__ import annotations\nfrom dataclasses import dataclass\nfrom typing import ClassVar\n\n\n"
        "@dataclass\nclass Size:\n    most: ClassVar[int] = 3\n    width: int = 2\n\n\n"
        "def predict(columns):\n    return Size().width\n"
    )
    assert load_own_code(package(tmp_path, 1, rule=text), "models.taxi.rule").predict({}) == 2


def test_modules_that_import_each_other_are_loaded(tmp_path):
    folder = package(
        tmp_path,
        1,
        rule="from models.taxi import other\n\nOWN = 5\n\n\ndef predict(columns):\n    return other.read()\n",
        other="import models.taxi.rule\n\n\ndef read():\n    return models.taxi.rule.OWN\n",
    )
    assert load_own_code(folder, "models.taxi.rule").predict({}) == 5


def test_bytecode_beside_the_source_is_not_run(tmp_path):
    folder = package(tmp_path, 1)
    cache = folder / "code" / "models" / "taxi" / "__pycache__"
    cache.mkdir()
    (cache / f"rule.{sys.implementation.cache_tag}.pyc").write_bytes(b"anything")
    assert load_own_code(folder, "models.taxi.rule").predict({}) == 1
    assert [path.name for path in cache.iterdir()] == [f"rule.{sys.implementation.cache_tag}.pyc"]


def test_a_version_that_nobody_holds_any_more_goes(tmp_path):
    module = load_own_code(package(tmp_path, 1), "models.taxi.rule")
    gone = weakref.ref(module)
    del module
    gc.collect()
    assert gone() is None


def test_a_package_that_was_not_saved_is_the_one_of_this_process(tmp_path):
    (tmp_path / "code").mkdir()
    assert load_own_code(tmp_path, "json.decoder") is sys.modules["json.decoder"]


@pytest.mark.parametrize(
    ("module", "text", "message"),
    [
        ("models.taxi.missing", "", "No module named 'models.taxi.missing'"),
        ("models.taxi.rule", "import models.taxi.nothing\n", "No module named 'models.taxi.nothing'"),
        ("models.taxi.rule", "def predict(:\n", "SyntaxError"),
        ("models.taxi.rule", "1 / 0\n", "ZeroDivisionError"),
    ],
)
def test_a_module_that_does_not_import_says_why(tmp_path, module, text, message):
    folder = package(tmp_path, 1, **({"rule": text} if text else {}))
    with pytest.raises(ConfigurationError, match=message):
        load_own_code(folder, module)

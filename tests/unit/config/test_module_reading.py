"""What a model's own module would fail with, found without running any of it."""

import sys
from pathlib import Path

import pytest

from retrainer.config.modules import missing_from_module

_FUNCTION = "def row_features(columns):\n    return columns\n"


@pytest.fixture
def owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder of an importable package `owner`, empty but for its __init__.py."""
    folder = tmp_path / "owner"
    folder.mkdir()
    (folder / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    return folder


def _missing(owner: Path, text: str, **others: str) -> str | None:
    for name, content in others.items():
        (owner / f"{name}.py").write_text(content, encoding="utf-8")
    (owner / "features.py").write_text(text, encoding="utf-8")
    return missing_from_module("owner.features", "row_features")


@pytest.mark.parametrize("module", ["models.flight_delay.features", "models.flight_delay.rule"])
def test_the_modules_of_the_example_are_sound(module: str) -> None:
    assert missing_from_module(module, "row_features") is None


@pytest.mark.parametrize(
    "text",
    [
        f"import json\nimport os.path\nfrom collections import abc\nimport pandas as pd, numpy.typing\n{_FUNCTION}",
        f"import numpy.made_on_import\n{_FUNCTION}",
        f"try:\n    import no_such_package\nexcept ImportError:\n    no_such_package = None\n{_FUNCTION}",
        f"from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from no_such_package import Columns\n{_FUNCTION}",
        "def row_features(columns):\n    import no_such_package\n    return no_such_package.f(columns)\n",
        f"from . import other\nfrom .other import value, later\n{_FUNCTION}",
        f"from owner.other import *\nfrom owner.star import anything\n{_FUNCTION}",
        f"import owner.other as other\n{_FUNCTION}",
        "from owner.other import row_features\n",
        "from owner import other\nrow_features = other.row_features\n",
        "row_features: object = print\n",
        "with open('x') as file:\n    row_features = file\n",
        "if True:\n    def row_features(columns): return columns\nelse:\n    row_features = None\n",
        "def row_features(*columns):\n    return columns\n",
        "def row_features(columns, /, scale=1, *, shift=0):\n    return columns\n",
        "import functools\n@functools.wraps(print)\ndef row_features(columns, scale):\n    return columns\n",
        "class row_features:\n    def __init__(self, columns): pass\n",
        "def __getattr__(name):\n    return print\n",
        "# -*- coding: latin-1 -*-\nname = '\\w'\n" + _FUNCTION,
    ],
)
def test_a_sound_module_is_passed(owner: Path, text: str) -> None:
    other = "value = 1\nfor later in (1, 2):\n    pass\n" + _FUNCTION

    assert _missing(owner, text, other=other, star="from os import *\n") is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def row_features(columns)\n", "'owner.features' does not import: owner/features.py:1: expected ':'"),
        ("x = '\\0'\ny = \0\n", "'owner.features' does not import: owner/features.py:1: source code"),
        (f"\nimport no_such\n{_FUNCTION}", "owner/features.py:2: no module named 'no_such'"),
        (
            f"import numpy.typin\n{_FUNCTION}",
            "owner/features.py:1: no module named 'numpy.typin'; did you mean 'numpy.typing'?",
        ),
        (f"from owner.othr import x\n{_FUNCTION}", "owner/features.py:1: no module named 'owner.othr'"),
        (f"from .. import x\n{_FUNCTION}", "owner/features.py:1: a relative import of '..' leaves the top package"),
        (f"from owner.other import valeu\n{_FUNCTION}", "unknown name 'valeu'; did you mean 'value'? (allowed: value)"),
        (f"from . import othr\n{_FUNCTION}", "owner/features.py:1: in module 'owner': unknown name 'othr'"),
        (f"import owner.broken\n{_FUNCTION}", "does not import: owner/broken.py:2: invalid syntax"),
        (f"from owner import broken\n{_FUNCTION}", "does not import: owner/broken.py:2: invalid syntax"),
        (f"from owner import second\n{_FUNCTION}", "does not import: owner/second.py:1: no module named 'no_such'"),
        ("def row_feature(columns): pass\n", "has no function 'row_features'; did you mean 'row_feature'?"),
        ("", "has no function 'row_features' (it defines: nothing)"),
        ("class A:\n    def row_features(self): pass\n", "has no function 'row_features' (it defines: A)"),
        ("async def row_features(columns): pass\n", "must not be async"),
        ("def row_features(): pass\n", "must take one argument, the columns"),
        ("def row_features(columns, scale): pass\n", "must take one argument, the columns"),
        ("def row_features(columns, *, scale): pass\n", "must take one argument, the columns"),
    ],
)
def test_what_would_fail_is_found_with_its_file_and_line(owner: Path, text: str, message: str) -> None:
    missing = _missing(owner, text, other="value = 1\n", broken="x = 1\nx = = 2\n", second="import no_such\n")

    assert missing is not None
    assert message in missing


def test_a_package_above_the_module_is_looked_at_too(owner: Path) -> None:
    (owner / "__init__.py").write_text("import no_such\n", encoding="utf-8")

    assert _missing(owner, _FUNCTION) == (
        "module 'owner.features' does not import: owner/__init__.py:1: no module named 'no_such'"
    )


def test_modules_that_import_each_other_are_each_read_once(owner: Path) -> None:
    assert _missing(owner, f"from owner import other\n{_FUNCTION}", other="import owner.features\n") is None


def test_a_change_of_the_file_is_seen(owner: Path) -> None:
    assert _missing(owner, _FUNCTION) is None
    assert _missing(owner, "def other(columns): pass\n") is not None


@pytest.mark.parametrize(
    "module", ["owner.absent", "absent.features", "owner.features.deeper", "owner..features", "owner."]
)
def test_a_module_that_is_not_there_is_named_with_the_place_it_was_looked_for(owner: Path, module: str) -> None:
    (owner / "features.py").write_text(_FUNCTION, encoding="utf-8")

    missing = missing_from_module(module, "row_features")

    assert missing is not None
    assert missing.startswith(f"module {module!r} was not found")
    assert missing.endswith("under include/)")


def test_a_module_with_a_name_like_it_is_suggested(owner: Path) -> None:
    (owner / "features.py").touch()

    missing = missing_from_module("owner.featuers", "row_features")

    assert missing is not None
    assert "did you mean 'owner.features'?" in missing


def test_no_code_of_the_model_is_run_and_nothing_of_it_is_imported(owner: Path, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    act = f"open({str(trace)!r}, 'w').write('ran')\n"
    (owner / "__init__.py").write_text(act, encoding="utf-8")

    assert _missing(owner, f"{act}from owner.other import value\n{_FUNCTION}", other=f"{act}value = 1\n") is None

    assert not trace.exists()
    assert [name for name in sys.modules if name.partition(".")[0] == "owner"] == []

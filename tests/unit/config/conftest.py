"""A package of models' own modules, each broken in its own way, that the declarations in tests/config/invalid name."""

from pathlib import Path

import pytest

_MODULES = {
    "__init__": "",
    "syntax_error": "def row_features(columns)\n    return columns\n",
    "missing_package": (
        "import numpy as np\nimport no_such_package\n\n\ndef row_features(columns):\n    return columns\n"
    ),
    "missing_name": (
        "from declared_for_tests.without_function import row_featurs\n\n\n"
        "def row_features(columns):\n    return row_featurs(columns)\n"
    ),
    "without_function": "def row_feature(columns):\n    return columns\n",
    "rule_without_predict": "def predicts(columns):\n    return columns\n",
}


@pytest.fixture
def declared_for_tests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of package `declared_for_tests`, importable for the length of a test."""
    folder = tmp_path / "owners" / "declared_for_tests"
    folder.mkdir(parents=True)
    for name, text in _MODULES.items():
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(folder.parent)
    return folder

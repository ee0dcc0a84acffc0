"""What a model was made by: its own code, the environment's lock, the commit."""

import hashlib
import importlib.util
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from retrainer import __version__
from retrainer.config.declaration import ModelConfig
from retrainer.contracts import StepRequest, digest_json
from retrainer.errors import ConfigurationError

_LOCK = "requirements.lock"
_REVISION = "revision"
_NO_EFFECT = {"runtime", "tags", "description", "card"}
"""Sections of a declaration that change neither the model nor the decision about it."""


@dataclass(frozen=True, slots=True)
class Provenance:
    """Digests (SHA-256, hex) of the model's own code and of the lock; the commit, empty where nobody knows it."""

    code_digest: str
    lock_digest: str
    commit: str
    version: str = __version__


def provenance(config: ModelConfig, root: Path) -> Provenance:
    """Of the model `config` in the project at `root`."""
    return Provenance(code_digest(config, models_folder(config)), lock_digest(root), commit(root))


def models_folder(config: ModelConfig) -> Path:
    """The folder of the top-level package that the model's own modules are in.

    Raises:
        ConfigurationError: the package is not installed.
    """
    package = config.features.module.partition(".")[0]
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ConfigurationError(f"package {package!r} of features.module {config.features.module!r} was not found")
    return Path(next(iter(spec.submodule_search_locations)))


def training_identity(request: StepRequest, rows: Sequence[str], made_by: Provenance) -> str:
    """Digest of all that determines the model and the decision about it.

    `rows` are the content digests of the examples to learn from and to be judged on, with the labels that were known
    at as_of. So a table that was written again, that grew, or in which later labels were filled in since, gives the
    same identity.
    """
    config = {key: value for key, value in request.config.items() if key not in _NO_EFFECT}
    return digest_json(
        {
            "model": request.model,
            "config": config,
            "rows": list(rows),
            "as_of": request.as_of.isoformat(),
            "seed": request.seed,
            "code": made_by.code_digest,
            "lock": made_by.lock_digest,
        }
    )


def code_digest(config: ModelConfig, top: Path) -> str:
    """Over the Python files of the folders that hold the model's feature module and its rule, by name.

    `top` is the folder of the top-level package that they are in.
    """
    modules = (config.features.module, config.evaluation.baseline)
    folders = {top.parent.joinpath(*module.split(".")[:-1]) for module in modules}
    total = hashlib.sha256()
    for path in sorted({path for folder in folders for path in folder.rglob("*.py")}):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        total.update(f"{path.relative_to(top).as_posix()}\0{content}\n".encode())
    return total.hexdigest()


def lock_digest(root: Path, *, environment: Path | None = None) -> str:
    """Of the lock that this environment was installed from; empty where there is none.

    An image keeps its lock in the environment itself (default: the one that runs this). Elsewhere it is the lock of
    the project at `root`.
    """
    locks = (folder / _LOCK for folder in (environment or Path(sys.prefix), root))
    found = next((lock for lock in locks if lock.is_file()), None)
    return hashlib.sha256(found.read_bytes()).hexdigest() if found else ""


def commit(root: Path) -> str:
    """The commit that the project at `root` is at: in an image what its file `revision` says, elsewhere what git says.
    Empty where neither knows."""
    recorded = root / _REVISION
    if recorded.is_file():
        return recorded.read_text(encoding="utf-8").strip()
    try:
        found = subprocess.run(
            ["git", "-C", str(root), "rev-parse", "HEAD"], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return found.stdout.strip() if found.returncode == 0 else ""

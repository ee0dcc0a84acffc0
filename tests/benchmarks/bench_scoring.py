"""Batch scoring from Delta to Delta: against a bare predict on the same rows in memory, and the memory that it takes.

`measure()` is what `make bench` calls. The file is also the program of the child processes:
`python bench_scoring.py release|table|race|peak HOME ROWS` prints one line of JSON.
"""

import statistics
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from child import Numbers, answer, peak_mb, run_child

SIZES = {"race": 1_000_000, "peak": 10_000_000}
ROUNDS = 3


def measure(scale: float = 1.0) -> dict[str, dict[str, object]]:
    """Both figures; `scale` multiplies the numbers of rows."""
    with tempfile.TemporaryDirectory(prefix="retrainer-bench-") as folder:
        home = Path(folder)
        run_child(__file__, "release", home)
        race, peak = (_on_a_table(mode, home, int(rows * scale)) for mode, rows in SIZES.items())
    return {"score_rows_per_second_vs_predict": _speed(race), "score_10m_peak_mb": _memory(peak)}


def _on_a_table(mode: str, home: Path, rows: int) -> Numbers:
    run_child(__file__, "table", home, rows)
    return run_child(__file__, mode, home, rows)


def _speed(race: Numbers) -> dict[str, object]:
    return {
        "value": round(race["predict_seconds"] / race["seconds"], 2),
        "unit": "ratio",
        "target": 0.5,
        "better": "higher",
        "what": f"{race['rows'] / 1e6:.3g} M rows from Delta to Delta by the exported model on one thread "
        f"({race['rows'] / race['seconds']:,.0f} rows/s) over pipeline.predict_proba on one DataFrame in memory on all "
        f"cores ({race['rows'] / race['predict_seconds']:,.0f} rows/s); median of {ROUNDS} alternating rounds, largest "
        f"difference of a prediction {race['difference']:.0e}",
    }


def _memory(peak: Numbers) -> dict[str, object]:
    return {
        "value": round(peak["peak_mb"]),
        "unit": "MB",
        "target": 1000,
        "better": "lower",
        "what": f"highest memory of a fresh process in which the step score scores {peak['rows'] / 1e6:.3g} M rows of "
        f"one interval, imports included ({peak['seconds']:.0f} s)",
    }


def _release(home: Path, _: int) -> Numbers:
    from scoring_world import release_champion

    release_champion(home)
    return {}


def _table(home: Path, rows: int) -> Numbers:
    from scoring_world import write_features

    _pinned(home, rows).write_text(write_features(home, rows).to_json(), encoding="utf-8")
    return {"rows": rows}


def _pinned(home: Path, rows: int) -> Path:
    """Where the feature table of that size is told."""
    return home / f"features-{rows}.json"


def _race(home: Path, rows: int) -> Numbers:
    """Alternating rounds in one process. The model is loaded beforehand, the frame of the bare predict is read."""
    import numpy as np
    from deltalake import DeltaTable
    from scoring_world import scoring_world

    from retrainer.contracts import FeatureSet
    from retrainer.registry import load_model
    from retrainer.scoring import Scorer, Stamp
    from retrainer.steps import score as step

    world = scoring_world(home)
    version = world.versions.get(1)
    assert version is not None
    model = load_model(version.source, digest=version.digest)
    stamp = Stamp(version.version, "race", datetime.now(UTC), identity="race")
    scorer = Scorer(model.facts.columns, step.predict_by(model, version), stamp)
    table = FeatureSet.from_json(_pinned(home, rows).read_text(encoding="utf-8")).table
    there = DeltaTable(table.uri).to_pandas().set_index("flight_id")
    frame = there[list(model.facts.columns)]
    ours, theirs = [], []
    for number in range(ROUNDS):
        started = time.monotonic()
        expected = model.pipeline.predict_proba(frame)[:, 1]
        theirs.append(time.monotonic() - started)
        target, started = str(home / f"scored-{number}"), time.monotonic()
        step.score_table(table, scorer, target)
        ours.append(time.monotonic() - started)
    found = DeltaTable(target).to_pandas(columns=["flight_id", "prediction"]).set_index("flight_id")
    difference = float(np.abs(found.loc[there.index, "prediction"].to_numpy() - expected).max())
    if len(found) != rows or difference > 1e-6:
        raise AssertionError(f"{len(found)} of {rows} rows are there, and differ by up to {difference}")
    medians = {"seconds": statistics.median(ours), "predict_seconds": statistics.median(theirs)}
    return {"rows": rows, "difference": difference, **medians}


def _peak(home: Path, rows: int) -> Numbers:
    from scoring_world import AS_OF, scoring_world

    from retrainer.contracts import FeatureSet
    from retrainer.steps import score

    world = scoring_world(home)
    features = FeatureSet.from_json(_pinned(home, rows).read_text(encoding="utf-8"))
    started = time.monotonic()
    result = score.run(world.request("score", AS_OF, {"build_features": features}), world.settings)
    if result.rows != rows or not result.replaced:
        raise AssertionError(f"{result.rows} of {rows} rows are scored")
    return {"rows": rows, "peak_mb": peak_mb(), "seconds": time.monotonic() - started}


if __name__ == "__main__":
    answer({"release": _release, "table": _table, "race": _race, "peak": _peak})

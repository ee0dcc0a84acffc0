"""`python tests/benchmarks`, which `make bench` runs: measures everything, prints a table, writes build/bench.json.

Every bench_*.py in this folder has `measure()`, or `measure(scale)` where its size can be chosen, which returns
figures by name: {"value", "unit", "target", "better": "lower" | "higher", "what"}. A benchmark that raises is reported
and makes the exit status 1; the others still run. A target that is missed is shown, and is no failure.
"""

import importlib.util
import inspect
import json
import math
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(__file__).resolve().parent
PREFIX = "bench_"
ON_REQUEST = frozenset({"bigger"})
"""Benchmarks that take more than ten minutes: they run where --only names them."""
FIELDS = ("value", "unit", "target", "better", "what")

Figure = dict[str, object]
Figures = dict[str, Figure]
Report = Callable[[str], None]


@click.command()
@click.option("--only", multiple=True, metavar="NAME", help="Only bench_NAME.py; may be given more than once.")
@click.option("--scale", type=click.FloatRange(min=0, min_open=True), default=1.0, help="Multiplies the sizes.")
@click.option("--output", type=click.Path(path_type=Path), default=ROOT / "build" / "bench.json", help="JSON file.")
def main(only: tuple[str, ...], scale: float, output: Path) -> None:
    """Measure, print a table, and write the same as JSON."""
    console = Console(highlight=False)
    sys.path.insert(0, str(ROOT))  # benchmarks may use what the tests use
    files = find_benchmarks(FOLDER, only)
    figures, failed = measure_all(files, scale=scale, report=lambda line: console.print(escape(line), soft_wrap=True))
    console.print(figures_table(figures))
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    console.print(f"{len(figures)} figures in {output}", soft_wrap=True)
    if failed:
        console.print(f"[red]failed:[/] {', '.join(failed)}", soft_wrap=True)
    sys.exit(1 if failed else 0)


def find_benchmarks(folder: Path, only: Sequence[str] = ()) -> list[Path]:
    """The bench_*.py of `folder` by name, but for those of ON_REQUEST; with `only`, those of these names (with or
    without the prefix).

    Raises:
        click.BadParameter: there is no benchmark of that name.
    """
    found = {path.stem.removeprefix(PREFIX): path for path in sorted(folder.glob(f"{PREFIX}*.py"))}
    asked = [name.removeprefix(PREFIX) for name in only]
    unknown = [name for name in asked if name not in found]
    if unknown:
        raise click.BadParameter(f"there is no {unknown[0]!r} (allowed: {', '.join(found)})", param_hint="--only")
    return [path for name, path in found.items() if name in (asked or found.keys() - ON_REQUEST)]


def measure_all(files: Sequence[Path], *, scale: float, report: Report) -> tuple[Figures, list[str]]:
    """Figures of all benchmarks, and the names of those that raised; `report` gets a line for each."""
    figures: Figures = {}
    failed: list[str] = []
    for path in files:
        report(f"{path.stem} ...")
        started = time.monotonic()
        try:
            figures |= _checked(_measure(load(path), scale))
        except Exception:  # noqa: BLE001 the other benchmarks still run
            failed.append(path.stem)
            report(traceback.format_exc().rstrip())
        else:
            report(f"{path.stem}: {time.monotonic() - started:.0f} s")
    return figures, failed


def load(path: Path) -> ModuleType:
    """The module in `path`, under its own name."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no module")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def is_met(figure: Mapping[str, object]) -> bool:
    """Is the value as good as the target, or better? Not a number is not."""
    value, target = float(str(figure["value"])), float(str(figure["target"]))
    return value <= target if figure["better"] == "lower" else value >= target


def figures_table(figures: Figures) -> Table:
    """One row a figure: name, value, unit, target, and whether it is met."""
    table = Table(title="Benchmarks", title_justify="left")
    for name in ("name", "value", "unit", "target", "met"):
        table.add_column(name, justify="right" if name in ("value", "target") else "left")
    table.add_column("what", overflow="fold")
    for name, figure in figures.items():
        bound = "at most" if figure["better"] == "lower" else "at least"
        met = "[green]yes[/]" if is_met(figure) else "[red]no[/]"
        target = f"{bound} {figure['target']}"
        table.add_row(name, str(figure["value"]), str(figure["unit"]), target, met, escape(str(figure["what"])))
    return table


def _measure(module: ModuleType, scale: float) -> Figures:
    takes_scale = "scale" in inspect.signature(module.measure).parameters
    figures: Figures = module.measure(scale=scale) if takes_scale else module.measure()
    return figures


def _checked(figures: Figures) -> Figures:
    """`figures`, if each has all fields and a finite value.

    Raises:
        ValueError: one has not.
    """
    for name, figure in figures.items():
        if sorted(figure) != sorted(FIELDS) or figure["better"] not in ("lower", "higher"):
            raise ValueError(f"{name}: a figure has {', '.join(FIELDS)}, better is lower or higher; got {figure}")
        if not math.isfinite(float(str(figure["value"]))):
            raise ValueError(f"{name}: {figure['value']} is no figure")
    return figures


if __name__ == "__main__":
    main()

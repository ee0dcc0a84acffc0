"""`retrainer check`: read every declaration, and name every mistake with file, line, key and what is allowed."""

import os
import sys
from pathlib import Path

import click

from retrainer.config.declaration import ModelConfig
from retrainer.config.load import find_declarations, load_declaration
from retrainer.config.problem import DeclarationError, Problem
from retrainer.config.runtime import find_project_root, load_settings
from retrainer.errors import EXIT_PERMANENT


@click.command("check")
@click.argument("paths", nargs=-1, metavar="[PATH]...", type=click.Path(path_type=Path))
def check_command(paths: tuple[Path, ...]) -> None:
    """Validate model declarations: every one of the project, or those at PATH (files or folders).

    Right ones are listed on stdout, mistakes on stderr. Exit status 78 if there is a mistake, or nothing to check.
    """
    checked, wrong = 0, 0
    for path in _declarations(paths):
        checked += 1
        try:
            config = load_declaration(path)
        except DeclarationError as error:
            wrong += 1
            for problem in error.problems:
                click.echo(_line(problem), err=True)
        else:
            click.echo(f"{click.style('ok', fg='green')} {_shown(path)}: {_summary(config)}")
    if wrong:
        click.echo(f"\n{wrong} of {_counted(checked)} wrong", err=True)
        sys.exit(EXIT_PERMANENT)


def _declarations(paths: tuple[Path, ...]) -> list[Path]:
    """The files to check, each once.

    Raises:
        DeclarationError: there is no such path, or no declaration.
    """
    asked = paths or (load_settings(os.environ, find_project_root(Path.cwd())).models_dir,)
    found: list[Path] = []
    for path in asked:
        declarations = find_declarations(path)
        if not declarations:
            raise DeclarationError([Problem(_shown(path), 1, "", "holds no declaration (a file <model>.yaml)")])
        found += declarations
    return list(dict.fromkeys(found))


def _summary(config: ModelConfig) -> str:
    count = len(config.features.categorical) + len(config.features.numeric)
    features = "1 feature" if count == 1 else f"{count} features"
    return (
        f"{config.estimator.type.rpartition('.')[2]} on {features}, {config.evaluation.metric},"
        f" {config.windows.training_days} + {config.windows.holdout_days} days,"
        f" at '{config.schedule.cron}' {config.schedule.timezone}"
    )


def _counted(declarations: int) -> str:
    return "1 declaration" if declarations == 1 else f"{declarations} declarations"


def _line(problem: Problem) -> str:
    where = click.style(f"{_shown(problem.path)}:{problem.line}:", bold=True)
    key = f" {click.style(f'{problem.key}:', fg='red')}" if problem.key else ""
    return f"{where}{key} {problem.message}"


def _shown(path: Path) -> Path:
    """`path` from where the user stands, if it lies below."""
    absolute = path.absolute()
    return absolute.relative_to(Path.cwd()) if absolute.is_relative_to(Path.cwd()) else path


check = check_command  # the name under which cli/main.py finds it

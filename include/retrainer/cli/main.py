"""The `retrainer` command: finds the sub-command, imports its module, and shows errors as a text and an exit status."""

import importlib
import os
import sys

import click

from retrainer.config.object_store import object_store_variables
from retrainer.errors import RetrainerError

_COMMANDS = {
    "check": ("retrainer.cli.check:check", "Validate every model declaration."),
    "schema": ("retrainer.cli.schema:schema", "Print the JSON Schema of a model declaration."),
    "up": ("retrainer.cli.stack:up", "Start Airflow, MLflow, the model server and the step host on this machine."),
    "down": ("retrainer.cli.stack:down", "Stop what `retrainer up` started."),
    "serve": ("retrainer.cli.serve:serve", "Answer for the models in production over HTTP."),
    "demo": ("retrainer.cli.demo:demo", "Play real days through the whole loop."),
    "history": ("retrainer.cli.history:history", "What was decided about a model, by whom, when and why."),
    "show": ("retrainer.cli.show:show_command", "One version: since when in production, why, on what evidence."),
    "monitor": ("retrainer.cli.monitor:monitor", "What monitoring measured in the last weeks, and its episodes."),
    "rollback": ("retrainer.cli.rollback:rollback", "Put an earlier version in production."),
    "switch": ("retrainer.cli.switch:switch_command", "Have the rule answer for a model, or the model again."),
    "rebuild": ("retrainer.cli.rebuild:rebuild", "Train a version again and say whether the same comes out."),
    "export": ("retrainer.cli.export:export", "A version as a folder that answers with ONNX Runtime alone."),
    "keys": ("retrainer.cli.keys:keys", "Make, list and drop keys of the model server's API."),
    "run": ("retrainer.cli.run:run", "Run one step from its JSON request."),
    "step-host": ("retrainer.cli.step_host:step_host", "Serve warm processes for steps on a private socket."),
}
"""Name of a command: where its function is, and its line in the list of commands."""


class LazyGroup(click.Group):
    """A group that imports a command's module when that command is called, and not to list the commands."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 click calls it so
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        module, _, function = _COMMANDS[cmd_name][0].partition(":")
        command = getattr(importlib.import_module(module), function)
        if not isinstance(command, click.Command):
            raise TypeError(f"{module}:{function} is not a click command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="retrainer")
def retrainer() -> None:
    """Continuous training on Apache Airflow whose promotions can be believed."""


def main() -> None:
    """Run the command line; a RetrainerError becomes its text on stderr and its exit status, without a traceback."""
    os.environ.update(object_store_variables(os.environ))
    try:
        retrainer(prog_name="retrainer")
    except RetrainerError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(error.exit_status)


if __name__ == "__main__":
    main()

"""What Alembic runs the scripts with: the connection, and the transaction, of `retrainer.ledger.migrate`."""

from alembic import context

from retrainer.ledger.schema import version_table


def run_scripts() -> None:
    """Run the scripts that the command has chosen."""
    connection = context.config.attributes["connection"]
    context.configure(connection=connection, version_table=version_table.name)
    with context.begin_transaction():
        context.run_migrations()


run_scripts()  # Alembic executes this file, and expects it to do so

"""A real PostgreSQL server for tests, where its binaries are installed."""

import getpass
import itertools
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import sqlalchemy as sa

PASSWORD = "not-to-be-told"


@dataclass
class PostgreSQL:
    """A server that runs."""

    port: int
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def url(self, database: str = "postgres") -> str:
        return f"postgresql+psycopg://me:{PASSWORD}@127.0.0.1:{self.port}/{database}"

    def new_database(self) -> str:
        """URL of an empty database."""
        name = f"test_{next(self._numbers)}"
        engine = sa.create_engine(self.url(), poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name}")
        return self.url(name)


@contextmanager
def running_postgresql() -> Iterator[PostgreSQL]:
    """A server on a free port of 127.0.0.1; skips the test, saying what to install, where there is none."""
    pytest.importorskip("psycopg", reason="needs psycopg: pip install 'retrainer[postgres]'")
    user, pg_ctl, initdb = _server_user(), shutil.which("pg_ctl"), shutil.which("initdb")
    if user is None or pg_ctl is None or initdb is None:
        pytest.skip("needs initdb and pg_ctl of PostgreSQL on the PATH, and a user other than root to run it")
    as_root = os.getuid() == 0
    with tempfile.TemporaryDirectory(prefix="pg-") as name:
        folder = Path(name)
        if as_root:
            shutil.chown(folder, user)
        secret = folder / "secret"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        port = _free_port()
        options = {"user": user if as_root else None, "stdout": subprocess.DEVNULL, "cwd": "/"}
        data = str(folder / "data")
        subprocess.run(
            [initdb, "-D", data, "-U", "me", "-A", "scram-sha-256", f"--pwfile={secret}", "--no-sync"],
            **options,
            check=True,
        )
        settings = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c timezone=Asia/Tokyo -c fsync=off"
        subprocess.run(
            [pg_ctl, "-D", data, "-w", "-l", str(folder / "log"), "-o", settings, "start"], **options, check=True
        )
        try:
            yield PostgreSQL(port)
        finally:
            subprocess.run([pg_ctl, "-D", data, "-w", "-m", "immediate", "stop"], **options, check=True)


def _server_user() -> str | None:
    """Who the server runs as: PostgreSQL refuses root."""
    if os.getuid() != 0:
        return getpass.getuser()
    return "postgres" if any(entry.pw_name == "postgres" for entry in pwd.getpwall()) else None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]

"""What holds for each image: who it runs as, what it may write to, what is in it and what is not."""

import hashlib

import pytest

from retrainer import __version__
from tests.docker.engine import PROJECT, REVISION, USER, Image, docker

pytestmark = [pytest.mark.docker, pytest.mark.timeout(2400)]

COMPILERS = ("gcc", "cc", "c++", "g++", "clang", "ld", "make", "cargo")
INSTALLERS = ("uv", "git", "curl", "wget")
VOLUMES = [
    f"/var/lib/retrainer{folder}"
    for folder in ("", "/airflow", "/airflow/logs", "/data", "/mlflow", "/serving", "/serving/predictions")
]


def test_its_labels_say_version_revision_and_what_it_was_installed_from(image: Image) -> None:
    lock = PROJECT / "config" / "images" / f"{image.target}.lock"
    expected = {
        "org.opencontainers.image.version": __version__,
        "org.opencontainers.image.revision": REVISION,
        "retrainer.lock_digest": hashlib.sha256(lock.read_bytes()).hexdigest(),
    }
    assert {name: image.labels.get(name) for name in expected} == expected
    kept = image.run("sha256sum", "/opt/environment/requirements.lock").stdout
    assert kept.split()[0] == expected["retrainer.lock_digest"]


def test_it_runs_as_a_user_with_a_fixed_number_and_no_shell(image: Image) -> None:
    assert image.details["Config"]["User"] == f"{USER}:{USER}"
    assert image.run("id", "-u").stdout.strip() == str(USER)
    assert image.run("getent", "passwd", str(USER)).stdout.strip().endswith(":/usr/sbin/nologin")


def test_its_user_can_change_nothing_that_runs_even_where_the_root_is_not_read_only(image: Image) -> None:
    command = "find / -xdev -writable -not -type l -not -path '/proc/*' -not -path '/dev/*'"
    writable = docker("run", "--rm", image.tag, "sh", "-c", f"{command} 2>/dev/null; true").stdout.split()
    assert "/var/lib/retrainer" in writable
    places = ("/tmp", "/var/tmp", "/run/lock", *VOLUMES)
    assert [path for path in writable if path not in places] == []


def test_it_works_with_a_root_that_is_read_only(image: Image) -> None:
    done = image.run("retrainer", "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Commands:" in done.stdout
    assert image.run("touch", "/opt/retrainer/new").returncode != 0
    assert image.run("retrainer", "check").returncode == 0


def test_no_compiler_no_installer_and_no_cache_is_in_it(image: Image) -> None:
    found = image.run("sh", "-c", f"command -v {' '.join(COMPILERS + INSTALLERS)}; ls /opt/environment/bin/pip; true")
    assert found.stdout == ""
    caches = "find / -xdev ( -path '*/.cache/pip' -o -path '*/.cache/uv' -o -path /build )".replace("(", "\\(")
    assert image.run("sh", "-c", caches.replace(" )", " \\)") + " 2>/dev/null; true").stdout == ""


def test_all_of_its_code_is_compiled_to_bytecode_that_needs_no_source_of_the_same_age(image: Image) -> None:
    program = (
        "import importlib.util, sys; import retrainer.cli.main, retrainer.config.declaration, numpy, json;"
        "bad = [m.__name__ for m in list(sys.modules.values())"
        " if (getattr(m, '__file__', None) or '').endswith('.py')"
        " and open(importlib.util.cache_from_source(m.__file__), 'rb').read(8)[4:] != b'\\x01\\0\\0\\0'];"
        "print(len(sys.modules) > 100, bad)"
    )
    done = image.run("python", "-c", program)
    assert done.stdout == "True []\n", done.stderr


def test_only_the_one_with_airflow_has_airflow(image: Image) -> None:
    found = image.run("python", "-c", "import importlib.util as u; print(u.find_spec('airflow') is not None)")
    assert found.stdout.strip() == str(image.target == "airflow")


def test_nothing_of_this_machine_is_in_its_environment(image: Image) -> None:
    names = {entry.partition("=")[0].lower() for entry in image.details["Config"]["Env"]}
    assert not {name for name in names if "proxy" in name or "index" in name or "cert" in name or "token" in name}
    history = docker("history", "--no-trunc", "--format", "{{.CreatedBy}}", image.tag).stdout.lower()
    assert "://" not in history
    assert image.details["Config"]["Healthcheck"]["Test"]

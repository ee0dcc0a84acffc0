"""docker-compose.yaml, .env.example and `make secrets`, as far as they need no engine."""

import base64
import re
import stat
import subprocess
from pathlib import Path

import pytest
import yaml

from retrainer import __version__

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docker-compose.yaml").read_text(encoding="utf-8")
SERVICES = yaml.safe_load(TEXT)["services"]
VARIABLE = re.compile(r"(?<!\$)\$\{(?P<name>[A-Z_]+)(?::?(?P<kind>[-?])(?P<rest>[^}]*))?\}")
SECRET = re.compile(r"(PASSWORD|KEY|SECRET)$")


def make_secrets(file: Path) -> str:
    script = ROOT / "config" / "compose" / "secrets.sh"
    return subprocess.run(["bash", script, file], capture_output=True, text=True, check=True).stdout


def values(file: Path) -> dict[str, str]:
    return dict(line.split("=", 1) for line in file.read_text().splitlines())


def test_the_example_of_the_settings_names_each_variable_with_its_default() -> None:
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    described = dict(line[1:].split("=", 1) for line in lines if re.match(r"#[A-Z_]+=", line))
    found = {match["name"]: match["rest"] if match["kind"] == "-" else "" for match in VARIABLE.finditer(TEXT)}
    assert len(found) > 20
    assert described == found


def test_what_is_secret_has_no_default_and_its_absence_names_the_remedy() -> None:
    secret = [match for match in VARIABLE.finditer(TEXT) if SECRET.search(match["name"])]
    assert len(secret) > 10
    assert {(match["kind"], match["rest"]) for match in secret} == {("?", "run make secrets")}


def test_the_default_tag_is_the_version() -> None:
    assert {match["rest"] for match in VARIABLE.finditer(TEXT) if match["name"] == "TAG"} == {__version__}


def test_every_secret_that_is_asked_for_is_made(tmp_path: Path) -> None:
    make_secrets(tmp_path / "env")
    asked = {match["name"] for match in VARIABLE.finditer(TEXT) if match["kind"] == "?"}
    made = values(tmp_path / "env")
    assert set(made) == asked
    assert len(set(made.values())) == len(made)
    assert min(len(value) for value in made.values()) >= 24
    assert len(base64.urlsafe_b64decode(made["AIRFLOW_FERNET_KEY"])) == 32


def test_only_the_owner_may_read_the_secrets(tmp_path: Path) -> None:
    file = tmp_path / "env"
    file.touch(0o644)
    make_secrets(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_what_is_there_stays_and_what_is_missing_is_added(tmp_path: Path) -> None:
    file = tmp_path / "env"
    file.write_text("AIRFLOW_PORT=8081\nREDIS_PASSWORD=mine")  # no end of line
    assert "secrets added" in make_secrets(file)
    first = file.read_text()
    assert first.startswith("AIRFLOW_PORT=8081\nREDIS_PASSWORD=mine\n")
    assert "nothing changed" in make_secrets(file)
    assert file.read_text() == first


def test_the_secrets_are_in_no_commit_and_in_no_image() -> None:
    assert ".env" in (ROOT / ".gitignore").read_text().splitlines()
    assert (ROOT / ".dockerignore").read_text().splitlines()[1] == "*"  # and nothing that lets .env in again


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_limited_and_confined(name: str) -> None:
    service = SERVICES[name]
    assert service["mem_limit"]
    assert service["read_only"] is True
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))
    assert service.get("healthcheck") or name == "server"  # whose image has one
    assert not any("docker.sock" in str(volume) for volume in service.get("volumes", ()))

"""The client of Airflow's REST API, against a local server that plays Airflow: busy, gone, refusing."""

import json
import threading
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from retrainer.demo import airflow_api
from retrainer.demo.airflow_api import AirflowApi, DagRun
from retrainer.errors import StackError

START = datetime(2013, 6, 16, 4, tzinfo=UTC)
RUN = "/api/v2/dags/m__train/dagRuns/r"


class FakeAirflow:
    """Answers each path with what was laid down for it, the last answer again and again; keeps what was asked."""

    def __init__(self) -> None:
        self.answers: dict[str, list[tuple[int, object]]] = {"POST /auth/token": [(201, {"access_token": "t"})]}
        self.asked: dict[str, list[object]] = defaultdict(list)
        self.tokens: set[str | None] = set()
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                where = f"{self.command} {self.path.partition('?')[0]}"
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                fake.asked[where].append(json.loads(body) if body else self.path.partition("?")[2])
                if not where.endswith("/auth/token"):
                    fake.tokens.add(self.headers.get("Authorization"))
                laid = fake.answers.get(where, [(404, {"detail": "not found"})])
                status, content = laid.pop(0) if len(laid) > 1 else laid[0]
                self.send_response(status)
                self.end_headers()
                self.wfile.write(json.dumps(content).encode())

            do_GET = do_POST = do_PUT = do_PATCH = _answer  # noqa: N815 the base class's names

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def has_run(self, state: str, **tasks: str | None) -> None:
        """Lay down the answers about run r of m__train."""
        instances = [{"task_id": task, "state": task_state} for task, task_state in tasks.items()]
        self.answers.setdefault(f"GET {RUN}", []).append((200, {"state": state}))
        self.answers.setdefault(f"GET {RUN}/taskInstances", []).append((200, {"task_instances": instances}))


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeAirflow]:
    monkeypatch.setattr(airflow_api, "_POLL_SECONDS", 0.01)
    airflow = FakeAirflow()
    thread = threading.Thread(target=airflow.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield airflow
    airflow.server.shutdown()
    airflow.server.server_close()
    thread.join()


@pytest.fixture
def api(fake: FakeAirflow) -> Iterator[AirflowApi]:
    with AirflowApi(fake.url, username="admin", password="secret") as client:
        yield client


def test_it_logs_in_once_and_shows_its_token_from_then_on(fake, api):
    fake.has_run("running", train="running", deploy=None)

    runs = [api.run("m__train", "r"), api.run("m__train", "r")]

    assert runs[0] == DagRun("m__train", "r", "running", {"train": "running", "deploy": ""})
    assert fake.asked["POST /auth/token"] == [{"username": "admin", "password": "secret"}]
    assert fake.tokens == {"Bearer t"}


def test_a_wrong_password_names_the_user_and_not_the_password(fake, api):
    fake.answers["POST /auth/token"] = [(401, {"detail": "Invalid credentials"})]

    with pytest.raises(StackError, match=r"does not let 'admin' in: 401") as refused:
        api.run("m__train", "r")

    assert "secret" not in str(refused.value)


def test_a_busy_server_is_asked_again(fake, api):
    fake.has_run("success")
    fake.answers[f"GET {RUN}"] = [(500, {}), (503, {}), (200, {"state": "success"})]

    assert api.run("m__train", "r").state == "success"


def test_a_server_that_stays_busy_is_given_up(fake, api):
    fake.answers[f"GET {RUN}"] = [(500, {"detail": "database is locked"})]

    with pytest.raises(StackError, match=r"refused GET .*: 500 .*database is locked"):
        api.run("m__train", "r")

    assert len(fake.asked[f"GET {RUN}"]) == 4


@pytest.mark.parametrize("then", [(200, {}), (409, {"detail": "it was started after all"})])
def test_a_run_is_asked_for_again_and_never_started_twice(fake, api, then):
    start = "POST /api/v2/dags/m__train/dagRuns"
    fake.answers[start] = [(500, {"detail": "database is locked"}), then]

    run_id = api.trigger("m__train", {"as_of": None})

    assert fake.asked[start] == [{"dag_run_id": run_id, "logical_date": None, "conf": {"as_of": None}}] * 2


def test_runs_started_one_after_another_are_different_runs(fake, api):
    fake.answers["POST /api/v2/dags/m__train/dagRuns"] = [(200, {})]

    assert api.trigger("m__train", {}) != api.trigger("m__train", {})


def test_a_server_that_is_not_there_is_named_with_the_question(fake, api):
    fake.server.server_close()

    with pytest.raises(StackError, match=rf"does not answer: GET {RUN}: ConnectError"):
        api.run("m__train", "r")


def test_something_unknown_is_refused_with_its_path(api):
    with pytest.raises(StackError, match=rf"refused GET {RUN}: 404 .*not found"):
        api.run("m__train", "r")


def test_what_a_task_did_not_hand_on_is_none(fake, api):
    fake.answers[f"GET {RUN}/taskInstances/train/xcomEntries/return_value"] = [(200, {"value": {"rows": 3}})]
    run = DagRun("m__train", "r", "success", {"train": "success"})

    assert api.result(run, "train") == {"rows": 3}
    assert api.result(run, "deploy") is None


def test_a_dag_is_unpaused_as_soon_as_it_is_parsed(fake, api):
    fake.answers["GET /api/v2/dags/m__train"] = [(404, {}), (404, {}), (200, {"is_paused": True})]
    fake.answers["PATCH /api/v2/dags/m__train"] = [(200, {"is_paused": False})]

    api.unpause("m__train")

    assert fake.asked["PATCH /api/v2/dags/m__train"] == [{"is_paused": False}]


def test_a_dag_that_does_not_come_is_explained_by_the_import_errors(fake, api):
    trace = "Traceback ...\nDeclarationError: m.yaml:3: retrise: did you mean 'retries'?\n"
    fake.answers["GET /api/v2/importErrors"] = [(200, {"import_errors": [{"stack_trace": trace}]})]

    with pytest.raises(StackError, match=r"no DAG m__train after 0\.05 s: DeclarationError: m\.yaml:3: retrise"):
        api.unpause("m__train", timeout_seconds=0.05)


def test_a_backfill_waits_until_the_one_before_it_is_over(fake, api):
    where = "GET /api/v2/backfills"
    fake.answers[where] = [
        (200, {"backfills": [{"id": 2, "completed_at": None}, {"id": 1, "completed_at": "2026-11-21T10:00:00Z"}]}),
        (200, {"backfills": [{"id": 2, "completed_at": "2026-11-21T10:00:30Z"}]}),
    ]
    fake.answers["POST /api/v2/backfills"] = [(200, {"id": 3})]
    fake.answers["GET /api/v2/dags/m__train/dagRuns"] = [
        (200, {"dag_runs": []}),
        (200, {"dag_runs": [{"dag_run_id": "backfill__r"}]}),
    ]

    assert api.backfill("m__train", START) == "backfill__r"
    assert len(fake.asked[where]) == 2
    (asked,) = fake.asked["POST /api/v2/backfills"]
    assert asked["dag_id"] == "m__train"
    assert asked["from_date"] == asked["to_date"] == "2013-06-16T04:00:00+00:00"


def test_waiting_shows_every_look_and_ends_with_the_run(fake, api):
    fake.has_run("running", train="running")
    fake.has_run("success", train="success")
    seen: list[DagRun] = []

    run = api.wait("m__train", "r", watch=seen.append, timeout_seconds=5)

    assert [look.state for look in seen] == ["running", "success"]
    assert run == seen[-1]


def test_a_run_that_does_not_end_says_where_it_stands(fake, api):
    fake.has_run("running", train="up_for_retry")

    with pytest.raises(StackError, match=r"m__train r is still running after 0\.05 s: \{'train': 'up_for_retry'\}"):
        api.wait("m__train", "r", watch=lambda _: None, timeout_seconds=0.05)


def test_a_backfill_that_a_locked_database_refused_is_asked_for_again_once_its_remains_are_closed(fake, api):
    create, look = "POST /api/v2/backfills", "GET /api/v2/backfills"
    fake.answers[create] = [(503, {"detail": "database is locked"}), (200, {"id": 2})]
    fake.answers[look] = [
        (200, {"backfills": []}),
        (200, {"backfills": [{"id": 1, "completed_at": None}]}),
        (200, {"backfills": [{"id": 1, "completed_at": "2026-11-21T10:00:00Z"}]}),
    ]
    fake.answers["GET /api/v2/dags/m__train/dagRuns"] = [(200, {"dag_runs": [{"dag_run_id": "backfill__r"}]})]

    assert api.backfill("m__train", START) == "backfill__r"
    assert len(fake.asked[create]) == 2
    assert len(fake.asked[look]) == 3

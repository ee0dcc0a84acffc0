"""`docker-compose up`, for real: every service is well, two Celery workers train two models at once, one of them is
killed in mid-training, and what was released answers over HTTP."""

from collections.abc import Iterator
from datetime import date

import pytest
from pydantic import JsonValue

from retrainer.demo.airflow_api import DagRun
from tests.docker.compose import ONE_SHOT, Cluster, compose, make_secrets, read_env, running_cluster
from tests.docker.conftest import built
from tests.docker.engine import TARGETS, USER, docker
from tests.integration.loop import small_declaration

pytestmark = [pytest.mark.docker, pytest.mark.timeout(2400)]

QUICK, SLOW = "flight_delay", "flight_delay_slow"
PAST, FIRST, SECOND = date(2013, 6, 9), date(2013, 6, 10), date(2013, 6, 11)
IN_PARTS: dict[str, dict[str, JsonValue]] = {"runtime": {"mapping": {"tasks": 2, "rows_per_task": 100}}}
FLIGHT = {
    "scheduled_departure": "2013-06-12T18:00:00-04:00",
    "scheduled_arrival": "2013-06-12T20:30:00-04:00",
    "carrier": "UA",
    "origin": "EWR",
    "dest": "ORD",
    "distance": 719,
}
SERVICES = ("api-server", "dag-processor", "mlflow", "postgres", "redis", "scheduler", "server", "triggerer")
DATABASES = ("postgres", "redis")
"""Services whose public images start as root, and go on as a user of their own."""


def slow_declaration() -> dict[str, JsonValue]:
    """A second model, whose training takes long enough to be killed in the middle of it."""
    content = small_declaration()
    content["estimator"]["parameters"] = {"max_iter": 1500, "learning_rate": 0.004, "early_stopping": False}
    return content | {"name": SLOW}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    for target in TARGETS:
        built(target)
    folder = tmp_path_factory.mktemp("cluster")
    settings = {
        "EXAMPLE_UNTIL": "2013-06-12",
        "WORKER_MEMORY": "4g",
        "WORKER_CPUS": "1.5",
        "WORKER_CONCURRENCY": "1",  # so that of two tasks at once each worker has one
    }
    with running_cluster(folder, [small_declaration(IN_PARTS), slow_declaration()], **settings) as cluster:
        yield cluster


def test_up_ends_with_every_service_well(cluster: Cluster) -> None:
    cluster.until("all are well", lambda: all(each.is_well for each in cluster.services()), seconds=300)
    names = sorted(service.name for service in cluster.services())
    assert names == sorted([*SERVICES, *ONE_SHOT, "worker", "worker"])


def test_no_service_runs_as_root_can_write_to_its_image_or_gain_rights(cluster: Cluster) -> None:
    for service in cluster.services():
        host = service.details["HostConfig"]
        assert host["ReadonlyRootfs"], service.name
        assert host["SecurityOpt"] == ["no-new-privileges:true"], service.name
        assert host["Memory"] > 0, service.name
        if service.name in DATABASES:
            continue
        assert service.details["Config"]["User"] == f"{USER}:{USER}", service.name
        assert host["CapDrop"] == ["ALL"], service.name
        if service.name not in ONE_SHOT:
            processes = docker("top", service.id, "-eo", "pid,uid").stdout.splitlines()[1:]
            assert {process.split()[1] for process in processes} == {str(USER)}, service.name


def test_only_this_machine_reaches_what_is_published_and_no_database_is(cluster: Cluster) -> None:
    published = {
        (service.name, binding["HostIp"])
        for service in cluster.services()
        for bindings in service.details["NetworkSettings"]["Ports"].values()
        for binding in bindings or []
    }
    assert published == {("api-server", "127.0.0.1"), ("mlflow", "127.0.0.1"), ("server", "127.0.0.1")}


def test_each_database_has_a_user_who_gets_into_no_other(cluster: Cluster) -> None:
    program = (
        "import sys, sqlalchemy as sa, os;"
        "url = sa.make_url(os.environ['RETRAINER_LEDGER_URL']).set(database=sys.argv[1]);"
        "print(sa.create_engine(url).connect().scalar(sa.text('select current_user')))"
    )
    assert cluster.execute("worker", "python", "-c", program, "ledger") == "ledger"
    for other in ("airflow", "mlflow", "source"):
        with pytest.raises(AssertionError, match="permission denied for database"):
            cluster.execute("worker", "python", "-c", program, other)


def test_the_dags_of_both_models_are_there_and_none_is_paused(cluster: Cluster) -> None:
    wanted = {f"{model}__{kind}" for model in (QUICK, SLOW) for kind in ("train", "score", "monitor", "rollback")}
    wanted |= {"sample_feed", "maintenance"}
    cluster.until("the DAGs are there", lambda: wanted <= set(cluster.airflow.paused()), seconds=120)
    assert [dag for dag, is_paused in cluster.airflow.paused().items() if is_paused] == []


def test_a_worker_that_is_killed_in_mid_training_loses_nothing(cluster: Cluster) -> None:
    """Two models are backfilled at once; the worker that trains one of them gets SIGKILL."""
    ids = {model: cluster.backfill(model, FIRST) for model in (QUICK, SLOW)}
    slow = DagRun(f"{SLOW}__train", ids[SLOW], "running", {})

    def host() -> str:
        found = cluster.airflow.instance(slow, "train")
        return str(found["hostname"]) if found["state"] == "running" and found["hostname"] else ""

    cluster.until("the slow model trains", host, seconds=600)
    killed = next(each for each in cluster.services("worker") if each.id.startswith(host()))
    cluster.until("its step has begun", lambda: "retrainer.step" in cluster.airflow.log(slow, "train", 1), seconds=60)
    assert host()
    docker("kill", "--signal", "KILL", killed.id)

    cluster.runs = {model: cluster.over(model, run_id) for model, run_id in ids.items()}
    again = cluster.airflow.instance(slow, "train")
    assert again["try_number"] == 2
    assert not killed.id.startswith(str(again["hostname"]))


@pytest.mark.parametrize("model", [QUICK, SLOW])
def test_each_backfill_left_one_version_and_one_release(cluster: Cluster, model: str) -> None:
    assert cluster.versions(model) == [1]
    history = [(entry["action"], entry["version"]) for entry in cluster.history(model)]
    assert history == [("promote", 1)]


def test_the_killed_worker_comes_back_and_both_work_on_the_next_backfills(cluster: Cluster) -> None:
    cluster.compose("up", "--detach", "--no-build", "--no-recreate", "--scale", "worker=2")
    cluster.until("both workers are well", lambda: all(e.is_well for e in cluster.services("worker")), seconds=180)
    ids = {model: cluster.backfill(model, SECOND) for model in (QUICK, SLOW)}
    runs = [cluster.over(model, run_id) for model, run_id in ids.items()]
    hosts = {host for run in runs for host in cluster.airflow.hosts(run)}
    assert len(hosts & {each.id[:12] for each in cluster.services("worker")}) == 2
    for model in (QUICK, SLOW):
        assert cluster.versions(model) in ([1], [1, 2])  # what is rejected has no version of its own, or an unused one
        assert len(cluster.history(model)) == 2


@pytest.mark.parametrize(("kind", "task"), [("train", "build_part"), ("score", "score_part")])
def test_the_parts_of_a_model_are_worked_on_by_both_workers(cluster: Cluster, kind: str, task: str) -> None:
    run = cluster.over(QUICK, cluster.backfill(QUICK, PAST, kind), kind)
    parts = cluster.airflow.mapped(run.dag_id, run.run_id, task)
    assert [part["state"] for part in parts] == ["success"] * 2
    workers = {each.id[:12] for each in cluster.services("worker")}
    assert {str(part["hostname"]) for part in parts} == workers


@pytest.mark.parametrize("model", [QUICK, SLOW])
def test_the_champion_answers_over_http(cluster: Cluster, model: str) -> None:
    champion = [entry["version"] for entry in cluster.history(model) if entry["action"] == "promote"][-1]
    url = f"/v1/models/{model}"

    def served() -> bool:
        status = cluster.server.get(url).json()
        return bool(status.get("ready")) and status["champion"]["version"] == champion

    cluster.until("it is served", served, seconds=60)
    answer = cluster.server.post(f"{url}/predict", json={"records": [FLIGHT]})
    assert answer.status_code == 200, answer.text
    (prediction,) = answer.json()["predictions"]
    assert (prediction["source"], prediction["version"]) == ("model", champion)
    assert 0 < prediction["value"] < 1
    refused = cluster.server.get(url, headers={"authorization": "Bearer wrong"})
    assert refused.status_code == 401


def test_the_log_of_a_task_is_read_whichever_worker_ran_it(cluster: Cluster) -> None:
    for model, run in cluster.runs.items():
        assert "retrainer.step" in cluster.airflow.log(run, "train", 1), model


def test_no_secret_is_in_a_log(cluster: Cluster) -> None:
    secrets = [value for name, value in cluster.values.items() if name.endswith(("PASSWORD", "KEY", "SECRET"))]
    assert len(secrets) > 10
    for service in cluster.services():
        logs = docker("logs", service.id)
        assert [secret for secret in secrets if secret in logs.stdout + logs.stderr] == [], service.name


def test_without_the_secrets_nothing_is_started_and_the_remedy_is_named(tmp_path) -> None:
    empty = tmp_path / "env"
    empty.touch()
    refused = compose(empty, "config", check=False)
    assert refused.returncode != 0
    assert "make secrets" in refused.stderr


def test_the_whole_file_is_valid_with_the_profile_observe_too(tmp_path) -> None:
    env_file = tmp_path / "env"
    make_secrets(env_file)
    env_file.write_text(env_file.read_text() + "COMPOSE_PROFILES=observe\n")
    shown = compose(env_file, "--profile", "observe", "config").stdout
    assert "prom/prometheus" in shown
    assert read_env(env_file)["GRAFANA_ADMIN_PASSWORD"] in shown

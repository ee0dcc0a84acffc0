"""The values of Airflow's Helm chart: about this image, this repository, and Secrets and volumes that there are."""

import os
import re
from typing import Any

import kubernetes_validate
import pytest

from tests.unit.kubernetes.objects import ROOT, Object, dockerfile, env_from_values, everywhere, named, values

COMPONENTS = {"scheduler": "scheduler", "dagProcessor": "dag-processor", "triggerer": "triggerer"}


def image(section: Object) -> str:
    """As the chart puts an image together."""
    return f"{section['repository']}:{section['tag']}"


def pod_of_a_task() -> Object:
    """What the chart makes of the values for the pod of a task, in short."""
    given = values()
    workers = given["workers"]["kubernetes"]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "task"},
        "spec": {
            "restartPolicy": "Never",
            "enableServiceLinks": given["enableServiceLinks"],
            "serviceAccountName": workers["serviceAccount"]["name"],
            "securityContext": given["securityContexts"]["pod"],
            "terminationGracePeriodSeconds": workers["terminationGracePeriodSeconds"],
            "containers": [
                {
                    "name": "base",
                    "image": f"{given['defaultAirflowRepository']}:{given['defaultAirflowTag']}",
                    "env": [*given["env"], *workers["env"]],
                    "envFrom": env_from_values(),
                    "resources": workers["resources"],
                    "securityContext": given["securityContexts"]["containers"],
                    "volumeMounts": [*given["volumeMounts"], *workers["extraVolumeMounts"]],
                }
            ],
            "volumes": [*given["volumes"], *workers["extraVolumes"]],
        },
    }


def test_the_pod_of_a_task_is_valid_for_kubernetes() -> None:
    kubernetes_validate.validate(pod_of_a_task(), kubernetes_validate.latest_version(), strict=True)


def test_the_pod_of_a_task_can_write_where_the_image_has_to_and_nowhere_else() -> None:
    spec = pod_of_a_task()["spec"]
    (container,) = spec["containers"]
    mounts = {each["mountPath"]: each["name"] for each in container["volumeMounts"]}

    assert {"/tmp", "/var/lib/retrainer", values()["airflowHome"]} <= mounts.keys()
    assert set(mounts.values()) == {each["name"] for each in spec["volumes"]}
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert spec["securityContext"]["runAsNonRoot"] is True


def test_images_are_named_by_digest() -> None:
    given = values()
    airflow = f"{given['defaultAirflowRepository']}:{given['defaultAirflowTag']}"

    for each in (airflow, image(given["images"]["gitSync"])):
        assert re.match(r"^[a-z0-9./-]+@sha256:[0-9a-f]{64}$", each), each


def test_the_version_of_airflow_is_the_one_in_the_image() -> None:
    lock = (ROOT / "config" / "images" / "airflow.lock").read_text(encoding="utf-8")

    assert f"apache-airflow=={values()['airflowVersion']} " in lock


def test_user_and_home_are_those_of_the_image() -> None:
    given = values()
    stage = dockerfile("airflow")

    assert f"USER {given['uid']}:{given['gid']}" in stage
    assert f"AIRFLOW_HOME={given['airflowHome']}" in stage
    assert given["securityContexts"]["pod"]["runAsUser"] == given["uid"]


def test_dags_and_declarations_are_those_of_the_repository() -> None:
    given = values()
    repository = f"{given['dags']['mountPath']}/repo"
    variables = {each["name"]: each["value"] for each in given["env"]}
    of_parser = {each["name"]: each["value"] for each in given["dagProcessor"]["env"]}
    of_tasks = {each["name"]: each["value"] for each in given["workers"]["kubernetes"]["env"]}

    assert variables["AIRFLOW__CORE__DAGS_FOLDER"] == f"{repository}/{given['dags']['gitSync']['subPath']}"
    assert "AIRFLOW__CORE__DAGS_FOLDER=" in dockerfile("airflow"), "the image has one too, which this one replaces"
    assert of_parser == of_tasks == {"RETRAINER_MODELS_DIR": f"{repository}/config/models"}
    assert (ROOT / given["dags"]["gitSync"]["subPath"]).is_dir()


@pytest.mark.parametrize("component", COMPONENTS)
def test_a_probe_asks_the_images_own_health_check(component: str) -> None:
    script, argument = values()[component]["livenessProbe"]["command"]

    assert os.access(ROOT / script, os.X_OK)
    assert argument == COMPONENTS[component]
    assert re.search(rf"^{argument}\) exec ", (ROOT / script).read_text(encoding="utf-8"), re.MULTILINE)


def test_a_probe_knows_the_jobs_of_its_pod_by_the_name_that_airflow_gives_them() -> None:
    text = (ROOT / "config" / "images" / "health_job.py").read_text(encoding="utf-8")

    assert f"{values()['config']['core']['hostname_callable']}()" in text


def test_a_started_scheduler_is_asked_the_same() -> None:
    scheduler = values()["scheduler"]

    assert scheduler["startupProbe"]["command"] == scheduler["livenessProbe"]["command"]


def test_the_api_server_is_started_by_a_script_of_the_image() -> None:
    shell, script = values()["apiServer"]["args"]
    text = (ROOT / script).read_text(encoding="utf-8")

    assert shell == "sh"
    assert text.rstrip().endswith("exec airflow api-server")
    for name in re.findall(r"\$([A-Z_]+)", text):
        assert name in {each["name"] for each in values()["apiServer"]["env"]}


def test_nothing_runs_that_the_image_does_not_have() -> None:
    given = values()

    assert [name for name in COMPONENTS if given[name]["logGroomerSidecar"]["enabled"]] == []
    assert not any(given[name]["enabled"] for name in ("createUserJob", "postgresql", "statsd"))


def test_service_accounts_that_the_chart_does_not_make_are_there() -> None:
    given = values()
    accounts = [each for each in everywhere(given, "serviceAccount") if each.get("create") is False]

    assert given["rbac"]["create"] is False
    assert {each["name"] for each in accounts} <= named("ServiceAccount").keys()
    bound = {each["name"] for binding in named("RoleBinding").values() for each in binding["subjects"]}
    assert {each["name"] for each in accounts} == bound


def test_claims_are_there() -> None:
    given = values()
    claims = {*everywhere(given, "claimName"), given["logs"]["persistence"]["existingClaim"]}

    assert claims == named("PersistentVolumeClaim").keys()


def test_there_is_no_secret_in_the_values() -> None:
    def texts(node: Any, path: str = "") -> Any:
        for key, below in node.items() if isinstance(node, dict) else ():
            yield from texts(below, f"{path}.{key}")
        if isinstance(node, str):
            yield path, node

    named_so = [path for path, _ in texts(values()) if re.search(r"(password|passwd|token|_key|sshKey)$", path, re.I)]
    assert named_so == []
    assert not any("://" in text and "@" in text for _, text in texts(values()))

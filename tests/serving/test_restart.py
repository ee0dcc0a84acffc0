"""Ledger or registry down, the supply or the server killed: what was served goes on, from a verified local copy."""

import os
import signal
from dataclasses import replace

from tests.serving.served import running_server, warmer

DOWN = {
    "RETRAINER_LEDGER_URL": "postgresql+psycopg://nobody@127.0.0.1:1/ledger",
    "RETRAINER_MLFLOW_URI": "http://127.0.0.1:1",
}
REGISTRY_DOWN = {"RETRAINER_MLFLOW_URI": "http://127.0.0.1:1"}


def copies(served):
    return sorted((served.home / "serving" / served.model).glob("v*-*"))


def test_a_restarted_server_answers_from_its_local_copy_while_ledger_and_registry_are_down(alone):
    version, shadow = alone.version(), alone.version(warmer(1))
    alone.append("promote", version)
    sequence = alone.append("shadow", shadow)
    with running_server(alone) as server:
        before = server.carried_out(alone.model, sequence)
        server.process.send_signal(signal.SIGKILL)
        server.process.wait()
    with running_server(alone, **DOWN) as server:
        after = server.carried_out(alone.model, sequence)
        assert (after.champion.version, after.shadow.version) == (version, shadow)
        assert (after.since, after.reason, after.report_url) == (before.since, before.reason, before.report_url)
        (answer,) = server.predict(alone.model, alone.records(1))
        assert (answer["version"], answer["source"]) == (version, "model")
        with server.client() as client:
            assert client.get("/health/ready").status_code == 200
        server.wait(lambda: "the ledger is down" in server.log)
        server.refresh(alone.model)  # looked at again, and not said again
        server.refresh(alone.model)
        server.predict(alone.model, alone.records(1))
        assert server.log.count("the ledger is down") == 1


def test_a_local_copy_that_was_changed_is_never_loaded_and_fetched_again_once_that_is_possible(alone):
    version = alone.version()
    sequence = alone.append("promote", version)
    with running_server(alone) as server:
        server.carried_out(alone.model, sequence)
    (copy,) = copies(alone)
    (copy / "model.onnx").write_bytes((copy / "model.onnx").read_bytes() + b"more")
    with running_server(alone, **REGISTRY_DOWN) as server:
        server.wait(lambda: "the registry is down" in server.log)
        assert "was changed after it was verified: model.onnx" in server.log
        with server.client() as client:
            answer = client.post(f"/v1/models/{alone.model}/predict", json={"records": alone.records(1)})
            assert answer.status_code == 503
            assert client.get("/health/ready").status_code == 503
    with running_server(alone) as server:
        assert server.carried_out(alone.model, sequence).champion.version == version
        assert server.predict(alone.model, alone.records(1))[0]["version"] == version


def test_a_supply_that_is_killed_is_started_again_and_nobody_notices(alone):
    first, second = alone.version(), alone.version(warmer(1))
    sequence = alone.append("promote", first)
    with running_server(alone) as server:
        server.carried_out(alone.model, sequence)
        killed = server.supply_pid()
        os.kill(killed, signal.SIGKILL)
        server.wait(lambda: server.supply_pid() not in (None, killed))
        assert server.predict(alone.model, alone.records(1))[0]["version"] == first
        assert "the supply ended" in server.log
        sequence = alone.append("promote", second)
        assert server.carried_out(alone.model, sequence).champion.version == second


def test_the_model_is_switched_off_while_the_registry_is_down(alone):
    first, second = alone.version(), alone.version(warmer(1))
    sequence = alone.append("promote", first)
    with running_server(alone) as server:
        server.carried_out(alone.model, sequence)
    with running_server(alone, **REGISTRY_DOWN) as server:
        server.carried_out(alone.model, sequence)
        waiting = alone.append("promote", second)
        server.wait(lambda: "the registry is down" in server.log)
        assert server.status(alone.model).sequence < waiting
        assert server.predict(alone.model, alone.records(1))[0]["version"] == first
        off = alone.append("switch_off", second)
        assert server.carried_out(alone.model, off).off
        assert server.predict(alone.model, alone.records(1))[0]["source"] == "fallback"


def test_a_ledger_that_ends_before_what_was_carried_out_is_not_followed(alone):
    first, second = alone.version(), alone.version(warmer(1))
    alone.append("promote", first)
    sequence = alone.append("promote", second)
    with running_server(alone) as server:
        server.carried_out(alone.model, sequence)
    other = replace(alone, ledger_name="another")
    other.append("promote", first)
    with running_server(other) as server:
        server.wait(lambda: "it is not followed" in server.log)
        assert server.status(alone.model).champion.version == second


def test_copies_that_nobody_needs_go_and_those_that_a_rollback_may_need_stay(alone):
    versions = [alone.version(warmer(place)) for place in range(8)]
    with running_server(alone) as server:
        for version in versions:
            sequence = alone.append("promote", version)
            server.refresh(alone.model)
            server.carried_out(alone.model, sequence)
        server.wait(lambda: len(copies(alone)) == 6)
        kept = {path.name.partition("-")[0] for path in copies(alone)}
    assert kept == {f"v{version}" for version in versions[-6:]}


def test_a_model_that_is_not_declared_to_be_served_is_not(alone):
    hidden = alone.version(declared=False)
    alone.append("promote", hidden)
    other = type(alone)(alone.releases.another_model(f"{alone.model}_too"), alone.folder)
    sequence = other.append("promote", other.version())
    with running_server(alone) as server:
        server.carried_out(other.model, sequence)
        server.wait(lambda: f"{alone.model} v{hidden} is here" in server.log)
        assert server.status(alone.model) is None


def test_the_log_holds_no_record(alone):
    sequence = alone.append("promote", alone.version())
    with running_server(alone) as server:
        server.carried_out(alone.model, sequence)
        record = alone.records(1)[0] | {"carrier": "SECRETCARRIER"}
        server.predict(alone.model, [record])
        with server.client() as client:
            client.post(f"/v1/models/{alone.model}/predict", json={"records": [record | {"distance": "SECRETCARRIER"}]})
        assert server.stop() == 0
    assert "SECRETCARRIER" not in server.log


def test_two_servers_of_one_home_do_not_get_in_each_other_s_way(alone):
    version = alone.version()
    with running_server(alone) as first, running_server(alone) as second:
        sequence = alone.append("promote", version)
        for server in (first, second):
            assert server.carried_out(alone.model, sequence).champion.version == version
    assert len(copies(alone)) == 1

"""The messages between a client and the supervisor of its step."""

import os
import socket
import struct

import pytest

from retrainer.runtimes import supervisor as supervisor_module
from retrainer.runtimes.limits import Limits
from retrainer.runtimes.protocol import Event, Job, JobReader, ProtocolError, parse_event, send_job
from retrainer.runtimes.supervisor import Supervisor


@pytest.fixture
def ends():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def make_job(**changes) -> Job:
    fields = {"step": "train", "request": "{}", "environment": {}, "cwd": "/", "command": ["x"], "prefix": "/usr"}
    return Job(**fields | {"limits": Limits(memory_mb=100, time_seconds=1.5)} | changes)


def test_a_large_job_arrives_whole_with_its_descriptors(ends):
    ours, theirs = ends
    job, reader, found = make_job(request="x" * 50_000, environment={"BYTES": "caf\udce9"}), JobReader(), None
    out_read, out_write = os.pipe()
    send_job(ours, job, (out_write, out_write))
    while found is None:
        found = reader.feed(theirs)
    os.write(reader.descriptors[0], b"through")
    assert found == job
    assert os.read(out_read, 100) == b"through"
    reader.close()
    os.close(out_read)
    os.close(out_write)


@pytest.mark.parametrize(
    "sent",
    [struct.pack(">Q", 2**40), struct.pack(">Q", 2) + b"{}", struct.pack(">Q", 3) + b"no!"],
    ids=["too long", "another version", "not JSON"],
)
def test_what_is_not_a_job_is_refused(ends, sent):
    ours, theirs = ends
    nothing = os.open(os.devnull, os.O_RDWR)
    socket.send_fds(ours, [sent], [nothing, nothing])
    os.close(nothing)
    reader = JobReader()
    with pytest.raises(ProtocolError):
        reader.feed(theirs)
    reader.close()


def test_a_job_without_its_descriptors_is_refused(ends):
    ours, theirs = ends
    ours.sendall(struct.pack(">Q", 2) + b"{}")
    with pytest.raises(ProtocolError, match="needs 2 descriptors, got 0"):
        JobReader().feed(theirs)


def test_an_event_reads_back_and_anything_else_does_not():
    event = Event("ended", status=-9, reason="time limit 3 s exceeded")
    assert parse_event(event.to_line()) == event
    with pytest.raises(ProtocolError):
        parse_event(b'{"kind": "ended", "new": 1}')


def test_a_client_of_another_user_is_turned_away(ends, monkeypatch):
    ours, theirs = ends
    monkeypatch.setattr(supervisor_module.processes, "peer_uid", lambda _: os.getuid() + 1)
    Supervisor(lambda _: 0).add_client(theirs)
    assert ours.recv(1) == b""

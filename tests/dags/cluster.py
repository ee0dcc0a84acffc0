"""A stand-in for a cluster's API server: it takes pods, and says of each what a test wants it to have done.

There is no Kubernetes on the machines that run the tests; the pods themselves are held against its JSON Schema.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

MOMENT = "2013-06-01T00:00:00.000000000Z"


@dataclass
class Cluster:
    """What its pods do, and what was asked of it."""

    log: list[str] = field(default_factory=list)
    """The lines of a pod."""
    ended: dict[str, Any] = field(default_factory=lambda: {"exitCode": 0, "reason": "Completed"})
    waiting: dict[str, Any] | None = None
    """Why the container of a pod does not start; None: it runs."""
    refuses: int | None = None
    """The status by which it refuses a pod."""
    may_end: threading.Event = field(default_factory=threading.Event)
    created: list[dict[str, Any]] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    pods: dict[str, dict[str, Any]] = field(default_factory=dict)
    followed: threading.Event = field(default_factory=threading.Event)
    """Somebody reads the log of a pod."""

    def create(self, pod: dict[str, Any]) -> dict[str, Any]:
        self.created.append(pod)
        running = _status("Running", {"running": {"startedAt": MOMENT}})
        pod = pod | {"status": _status("Pending", {"waiting": self.waiting}) if self.waiting else running}
        self.pods[pod["metadata"]["name"]] = pod
        return pod

    def end(self, name: str) -> None:
        if name in self.pods:
            phase = "Failed" if self.ended["exitCode"] else "Succeeded"
            moments = {"startedAt": MOMENT, "finishedAt": datetime.now(UTC).isoformat()}
            self.pods[name]["status"] = _status(phase, {"terminated": moments | self.ended})


def _status(phase: str, state: dict[str, Any]) -> dict[str, Any]:
    base = {"name": "base", "image": "", "imageID": "", "ready": True, "restartCount": 0, "state": state}
    return {"phase": phase, "containerStatuses": [base]}


@contextmanager
def running_cluster(cluster: Cluster) -> Iterator[str]:
    """The address at which it answers."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def answer(self, content: object, status: int = 200) -> None:
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        @property
        def parts(self) -> list[str]:
            return urlsplit(self.path).path.split("/")[5:]

        def do_POST(self) -> None:
            pod = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if cluster.refuses:
                self.answer({"kind": "Status", "message": "pods may not be created"}, cluster.refuses)
            else:
                self.answer(cluster.create(pod))

        def do_GET(self) -> None:
            if self.parts[-1] == "log":
                self.follow(self.parts[1])
            elif len(self.parts) == 1:
                self.answer({"items": list(cluster.pods.values()) if self.parts == ["pods"] else []})
            else:
                self.answer_pod(self.parts[1])

        def do_PATCH(self) -> None:
            self.answer_pod(self.parts[1])

        def do_DELETE(self) -> None:
            cluster.deleted.append(self.parts[1])
            self.answer(cluster.pods.pop(self.parts[1], {}))
            cluster.may_end.set()

        def answer_pod(self, name: str) -> None:
            found = cluster.pods.get(name)
            self.answer(found or {"kind": "Status", "message": "not found"}, 200 if found else 404)

        def follow(self, name: str) -> None:
            self.send_response(200)
            self.end_headers()
            cluster.followed.set()
            for line in cluster.log:
                self.wfile.write(f"{MOMENT} {line}\n".encode())
            self.wfile.flush()
            cluster.may_end.wait(60)
            cluster.end(name)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        cluster.may_end.set()
        server.shutdown()
        server.server_close()

"""A light process in the place of a service. Every process of it leaves a file named by its process id in `folder`."""

import json
import os
import signal
import socket
import sys
import threading
import time
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


def note(folder: Path) -> None:
    (folder / str(os.getpid())).touch()


def sleep_with_stubborn_grandchild(folder: Path) -> None:
    """Like a task of Airflow: a grandchild in a session of its own that does not end when asked to."""
    if os.fork() == 0:
        os.setsid()
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if os.fork() == 0:
            note(folder)
            time.sleep(600)
        note(folder)
        time.sleep(600)
    note(folder)
    time.sleep(600)


class Health(BaseHTTPRequestHandler):
    """Answers like Airflow's and MLflow's health endpoints."""

    def do_GET(self) -> None:
        now = datetime.now(UTC).isoformat()
        jobs = {
            job: {"status": "healthy", f"latest_{job}_heartbeat": now}
            for job in ("scheduler", "triggerer", "dag_processor")
        }
        body = b"OK" if self.path == "/health" else json.dumps(jobs).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def answer(folder: Path, *ports_and_path: str) -> None:
    """All services at once."""
    *ports, path = ports_and_path
    for port in ports:
        server = ThreadingHTTPServer(("127.0.0.1", int(port)), Health)
        threading.Thread(target=server.serve_forever, daemon=True).start()
    Path(path).unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        note(folder)
        while True:
            listener.accept()[0].close()


def main() -> None:
    mode, folder, *rest = sys.argv[1:]
    if mode == "sleep":
        sleep_with_stubborn_grandchild(Path(folder))
    elif mode == "answer":
        answer(Path(folder), *rest)
    else:
        note(Path(folder))
        sys.exit(int(mode))


if __name__ == "__main__":
    main()

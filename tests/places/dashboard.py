"""A dashboard of Ray as our program sees it, on this computer and without Ray."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any


@dataclass(eq=False)
class Dashboard:
    """Answers as Ray's does; `jobs` is what it knows, `asked` what was asked of it. A job that is
    put in line is at once as `begins_as` says.
    """

    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    asked: list[tuple[str, str, Any]] = field(default_factory=list)
    tokens: set[str | None] = field(default_factory=set)
    address: str = ""
    begins_as: str = "PENDING"

    def answer(self, method: str, path: str, body: Any) -> Any:
        self.asked.append((method, path, body))
        name = path.removeprefix("/api/jobs/").removesuffix("/stop")
        if path.endswith("/logs"):
            return {"logs": ""}
        if path == "/api/cluster_status":
            usage = {"CPU": [4.0, 16.0], "GPU": [1.0, 2.0]}
            report = {"usage": usage, "nodeTypes": [[{}, 2]]}
            return {"data": {"clusterStatus": {"loadMetricsReport": report}}}
        if method == "POST" and not name:
            self.jobs[body["submission_id"]] = body | {"status": self.begins_as, "message": ""}
            return {}
        if method == "POST":
            self.jobs[name]["status"] = "STOPPED"
            return {}
        return self.jobs[name] if name else list(self.jobs.values())


@contextmanager
def served(dashboard: Dashboard) -> Iterator[None]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.reply("GET", None)

        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            self.reply("POST", json.loads(self.rfile.read(length)))

        def reply(self, method: str, body: Any) -> None:
            dashboard.tokens.add(self.headers["Authorization"])
            try:
                told = json.dumps(dashboard.answer(method, self.path, body)).encode()
                self.send_response(200)
            except KeyError:
                told = b"no such job"
                self.send_response(404)
            self.send_header("Content-Length", str(len(told)))
            self.end_headers()
            self.wfile.write(told)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    dashboard.address = f"http://127.0.0.1:{server.server_port}"
    yield
    server.shutdown()
    server.server_close()
    thread.join()

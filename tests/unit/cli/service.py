"""A real HTTP server that stands in for the API: it gives prepared answers and keeps requests."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

JOB: dict[str, Any] = {
    "id": "0" * 31 + "1",
    "status": "running",
    "model": "demo",
    "name": "north ridge",
    "created_at": "2026-05-01T10:00:00Z",
    "expires_at": "2026-10-28T10:00:00Z",
    "progress": {"listing_over": True, "images": 10, "images_done": 4, "shards": 2},
    "links": {"self": "/v1/jobs/1"},
}


def job(status: str, **progress: Any) -> dict[str, Any]:
    return {**JOB, "status": status, "progress": {**JOB["progress"], **progress}}


class Service:
    """Answers `METHOD /path` with what was prepared, in order; the last answer stays."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.requests: list[tuple[str, bytes]] = []
        #: Of each request.
        self.headers: list[dict[str, str]] = []
        self._answers: dict[str, list[tuple[int, bytes, dict[str, str]]]] = {}

    def answer(
        self, request: str, body: Any, status: int = 200, headers: dict[str, str] | None = None
    ) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self._answers.setdefault(request, []).append((status, data, headers or {}))

    def take(self, request: str) -> tuple[int, bytes, dict[str, str]]:
        answers = self._answers.get(request)
        if not answers:
            return 404, b"<html>nothing here</html>", {}
        return answers.pop(0) if len(answers) > 1 else answers[0]

    def bodies(self, request: str) -> list[bytes]:
        return [body for name, body in self.requests if name == request]


@contextmanager
def running_service() -> Iterator[Service]:
    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            name = f"{self.command} {self.path}"
            service.requests.append((name, body))
            service.headers.append(dict(self.headers))
            status, data, headers = service.take(name)
            self.send_response(status)
            for header, value in {"Content-Length": str(len(data)), **headers}.items():
                self.send_header(header, value)
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = do_DELETE = answer

        def log_message(self, *_arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        service = Service(server.server_port)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield service
        server.shutdown()
        thread.join()

"""A collaborator's patience: the API is asked again until it answers, and its manners are noted.

While parts of the service are away it may answer 503, or nobody may; 429 asks for a pause. Any
other refusal is a fault of the service: above all a 404 for a job that it has accepted.
"""

import json
import threading
from typing import Any

import urllib3

_AGAIN = frozenset({429, 503})
_PAUSE = 0.5
_SECONDS = 30


class RoundOver(Exception):
    """The round has ended, and nobody needs the answer any more."""


class BadManners(Exception):
    """The API has answered what it never may."""


class Client:
    """Asks one service until `over` is set. Threads share it."""

    def __init__(self, url: str, over: threading.Event) -> None:
        self._url = url
        self._over = over
        self._http = urllib3.PoolManager(retries=False, timeout=_SECONDS, maxsize=16)

    def submit(self, key: str, **body: Any) -> str:
        """The id of the job that was accepted, however often it had to be submitted."""
        headers = {"Idempotency-Key": key}
        answer = self._ask("POST", "/v1/jobs", json.dumps(body).encode(), headers)
        job_id: str = json.loads(answer)["id"]
        return job_id

    def job(self, job_id: str) -> dict[str, Any]:
        job: dict[str, Any] = json.loads(self._ask("GET", f"/v1/jobs/{job_id}"))
        return job

    def cancel(self, job_id: str) -> None:
        """Cancel; a job that is over or nearly is left to end."""
        self._ask("POST", f"/v1/jobs/{job_id}/cancel", allowed=409)

    def results(self, job_id: str) -> bytes:
        return self._ask("GET", f"/v1/jobs/{job_id}/results")

    def live_workers(self) -> int:
        models = json.loads(self._ask("GET", "/v1/models"))["data"]
        return int(next(model["workers"] for model in models if model["name"] == "demo"))

    def close(self) -> None:
        self._http.clear()

    def pause(self, seconds: float) -> None:
        """Raises RoundOver."""
        if self._over.wait(seconds):
            raise RoundOver

    def _ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        allowed: int = 0,
    ) -> bytes:
        """The body of a good answer. Raises BadManners and RoundOver."""
        sent = {"Content-Type": "application/json", **(headers or {})}
        while True:
            status, data = self._try(method, path, body, sent)
            if 200 <= status < 300 or (allowed and status == allowed):
                return data
            if status and status not in _AGAIN:
                raise BadManners(f"{method} {path}: {status} {data[:500]!r}")
            self.pause(_PAUSE)

    def _try(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str]
    ) -> tuple[int, bytes]:
        """Status and body; 0 where nobody gave a whole answer."""
        try:
            answer = self._http.request(method, self._url + path, body=body, headers=headers)
        except urllib3.exceptions.HTTPError:
            return 0, b""
        return answer.status, answer.data

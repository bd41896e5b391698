"""The HTTP client of a running service: jobs and models under `/v1`."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import IO, Any, TypeVar
from urllib.parse import quote, urlencode

import msgspec
import urllib3

from cli.problems import Problem
from core.errors import (
    ConfigError,
    InvalidRequest,
    JobConflict,
    JobNotFound,
    MegaBatchError,
    Unavailable,
)
from core.jobs import Job

DEFAULT_SERVICE = "http://127.0.0.1:8080"

# Submitting may list one page of a container before it answers, hence the long read timeout.
_TIMEOUT = urllib3.Timeout(connect=5, read=60)
# A POST that may have arrived is never sent twice: urllib3 repeats it only where no connection
# was made.
_RETRIES = urllib3.Retry(
    3,
    allowed_methods={"GET"},
    status_forcelist=(502, 503, 504),
    backoff_factor=0.3,
    raise_on_status=False,
    respect_retry_after_header=False,
)
_PIECE = 1 << 20

_ERRORS: Mapping[int, type[MegaBatchError]] = {
    400: InvalidRequest,
    404: JobNotFound,
    409: JobConflict,
    413: InvalidRequest,
    422: InvalidRequest,
    502: Unavailable,
    503: Unavailable,
    504: Unavailable,
}

_T = TypeVar("_T")


class ServedJob(Job, frozen=True, kw_only=True):
    """A job as the service tells of it. What a list of jobs leaves out is unset."""

    links: dict[str, str] | msgspec.UnsetType = msgspec.UNSET
    #: What was asked for, with nothing secret; its `images` are a count.
    request: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET
    #: Size and SHA-256 of the results file, where there is one.
    results: dict[str, Any] | msgspec.UnsetType | None = msgspec.UNSET

    @property
    def asked_for(self) -> dict[str, Any]:
        """`request`; empty where the service tells none."""
        return {} if isinstance(self.request, msgspec.UnsetType) else self.request


class _JobPage(msgspec.Struct, frozen=True):
    data: list[ServedJob]
    next_cursor: str | None = None


class ServedModel(msgspec.Struct, frozen=True):
    """A model as the service tells of it."""

    name: str
    version: str = ""
    description: str = ""
    categories: dict[str, str] = {}
    #: Whether jobs that name no model get this one.
    default: bool = False
    #: Detection workers that serve it now.
    workers: int = 0


class _Models(msgspec.Struct, frozen=True):
    data: list[ServedModel]


class Client:
    """Talks to the service at a URL such as `http://127.0.0.1:8080`.

    Every method raises Unavailable when the service does not answer, and InvalidRequest,
    JobNotFound, JobConflict or MegaBatchError when it refuses, with the service's own words.
    """

    def __init__(self, service: str = DEFAULT_SERVICE) -> None:
        """Connects to nothing yet. Raises ConfigError when `service` is not an http(s) URL."""
        self.service = _checked(service)
        self._pool = urllib3.PoolManager(timeout=_TIMEOUT, retries=_RETRIES)

    def submit(self, fields: Mapping[str, Any]) -> ServedJob:
        """Submit a job; `fields` is the body of `POST /v1/jobs`. Returns the accepted job."""
        body = msgspec.json.encode(fields)
        return self._ask("POST", "/v1/jobs", ServedJob, body=body)

    def job(self, job_id: str) -> ServedJob:
        return self._ask("GET", f"/v1/jobs/{quote(job_id, safe='')}", ServedJob)

    def jobs(self) -> Iterator[ServedJob]:
        """All jobs in the service's order, newest first, read page by page as they are taken."""
        cursor: str | None = ""
        while cursor is not None:
            query = "?" + urlencode({"cursor": cursor}) if cursor else ""
            page = self._ask("GET", f"/v1/jobs{query}", _JobPage)
            yield from page.data
            cursor = page.next_cursor or None

    def cancel(self, job_id: str) -> ServedJob:
        return self._ask("POST", f"/v1/jobs/{quote(job_id, safe='')}/cancel", ServedJob)

    def models(self) -> list[ServedModel]:
        return self._ask("GET", "/v1/models", _Models).data

    def ready(self) -> bool:
        """Whether the service and the parts it needs answer now; asked once, without patience."""
        try:
            answer = self._pool.request("GET", f"{self.service}/readyz", retries=False, timeout=5)
        except urllib3.exceptions.HTTPError:
            return False
        return answer.status == HTTPStatus.OK

    def download_results(self, job_id: str, target: Path) -> int:
        """Write the results file to `target`, whole or not at all. Returns its bytes."""
        path = f"/v1/jobs/{quote(job_id, safe='')}/results"
        with self._answers():
            response = self._pool.request("GET", self.service + path, preload_content=False)
            try:
                self._refuse_problems(response)
                with moved_into_place(target) as file:
                    return sum(file.write(piece) for piece in response.stream(_PIECE))
            finally:
                response.close()

    def close(self) -> None:
        """Give connections back."""
        self._pool.clear()

    def _ask(self, method: str, path: str, kind: type[_T], body: bytes | None = None) -> _T:
        headers = {"Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        with self._answers():
            response = self._pool.request(method, self.service + path, body=body, headers=headers)
        self._refuse_problems(response)
        try:
            return msgspec.json.decode(response.data, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise MegaBatchError(
                f"{self.service} answers, but not as this version of MegaBatch does ({error}). "
                "Check --service, and that both sides are of one version."
            ) from error

    @contextmanager
    def _answers(self) -> Iterator[None]:
        """Turns silence, refused and broken connections into Unavailable."""
        try:
            yield
        except urllib3.exceptions.HTTPError as error:
            reason = getattr(error, "reason", None) or error
            broken = isinstance(reason, urllib3.exceptions.ProtocolError)
            raise Unavailable(
                f"{self.service} {'broke off its answer' if broken else 'does not answer'}. Is the "
                "service running? Start one with `megabatch serve`, or name another with --service."
            ) from error

    def _refuse_problems(self, response: urllib3.BaseHTTPResponse) -> None:
        if response.status < HTTPStatus.BAD_REQUEST:
            return
        family = _ERRORS.get(response.status, MegaBatchError)
        try:
            problem = msgspec.json.decode(response.data, type=Problem)
        except (msgspec.DecodeError, UnicodeDecodeError):
            # Its own words may be a page of HTML, and some other program's.
            family = Unavailable if family is Unavailable else MegaBatchError
            raise family(
                f"{self.service} answers {response.status}, and not as MegaBatch does. "
                "Check --service."
            ) from None
        error = family(str(problem) or None)
        error.code = problem.code
        raise error


@contextmanager
def moved_into_place(target: Path) -> Iterator[IO[bytes]]:
    """A file to write, which gets the name `target` when the block ends without an error.

    Raises OSError that names `target` alone.
    """
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            yield file
        part.replace(target)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(target)) from error
    finally:
        part.unlink(missing_ok=True)


def _checked(service: str) -> str:
    try:
        url = urllib3.util.parse_url(service)
    except urllib3.exceptions.LocationParseError:
        url = urllib3.util.Url()
    if url.scheme not in ("http", "https") or not url.host or url.auth:
        raise ConfigError(
            f"--service is not the URL of a service; such a URL looks like {DEFAULT_SERVICE}."
        )
    return service.rstrip("/")

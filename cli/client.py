"""The HTTP client of a running service: jobs and models under `/v1`."""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

import msgspec
import urllib3

from cli.downloading import Download, moved_into_place
from cli.problems import API_KEY, Problem
from cli.report import ServedReport
from cli.served_links import MadeLink, ServedLink, ServedLinks
from cli.served_models import ServedModel, ServedModels
from cli.served_webhooks import ServedDeliveries, ServedDelivery, ServedSecret
from core.errors import (
    ConfigError,
    InvalidRequest,
    JobConflict,
    JobNotFound,
    LimitReached,
    MegaBatchError,
    Unavailable,
)
from core.jobs import FileKind, Job
from core.keys import is_key

DEFAULT_SERVICE = "http://127.0.0.1:8080"

# Submitting may list one page of a container before it answers, hence the long read timeout.
_TIMEOUT = urllib3.Timeout(connect=5, read=60)
# A POST that may have arrived is not sent twice: urllib3 repeats it only where no connection was
# made.
_RETRIES = urllib3.Retry(
    3,
    allowed_methods={"GET"},
    status_forcelist=(429, 502, 503, 504),
    backoff_factor=0.3,
    raise_on_status=False,
    respect_retry_after_header=False,
)

# With a key the service knows a submission again, and one that only asks changes nothing.
_REPEATED = _RETRIES.new(allowed_methods=None)

_ERRORS: Mapping[int, type[MegaBatchError]] = {
    400: InvalidRequest,
    404: JobNotFound,
    410: JobNotFound,
    409: JobConflict,
    429: LimitReached,
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
    #: Size and SHA-256 of each file, where there is one.
    results: dict[str, Any] | msgspec.UnsetType | None = msgspec.UNSET
    failed_images: dict[str, Any] | msgspec.UnsetType | None = msgspec.UNSET
    image_list: dict[str, Any] | msgspec.UnsetType | None = msgspec.UNSET

    @property
    def asked_for(self) -> dict[str, Any]:
        """`request`; empty where the service tells none."""
        return {} if isinstance(self.request, msgspec.UnsetType) else self.request

    def digest(self, kind: FileKind) -> str:
        """SHA-256, hex, of a file; empty where the service tells none."""
        told = getattr(self, kind)
        return str(told.get("sha256", "")) if isinstance(told, dict) else ""


class _JobPage(msgspec.Struct, frozen=True):
    data: list[ServedJob]
    next_cursor: str | None = None


class Client:
    """Talks to the service at a URL such as `http://127.0.0.1:8080`.

    Every method raises Unavailable when the service does not answer, and InvalidRequest,
    JobNotFound, JobConflict or MegaBatchError when it refuses, with the service's own words.
    """

    def __init__(self, service: str = DEFAULT_SERVICE, key: str = "") -> None:
        """Connects to nothing yet. Every request carries the API key, where one is given.

        Raises ConfigError when `service` is not an http(s) URL, or `key` not an API key.
        """
        self.service = _checked(service)
        if key and not is_key(key):
            raise ConfigError(f"{API_KEY} holds no API key; keys look like mgb_..., in one line.")
        headers = {"Authorization": f"Bearer {key}"} if key else None
        self._pool = urllib3.PoolManager(timeout=_TIMEOUT, retries=_RETRIES, headers=headers)

    def submit(self, fields: Mapping[str, Any], key: str | None = None) -> ServedJob:
        """Submit a job; `fields` is the body of `POST /v1/jobs`. Returns the accepted job.

        By its `key`, one of its own where none is given, a submission whose answer was lost is
        sent again and makes no second job.
        """
        body = msgspec.json.encode(fields)
        once = {"Idempotency-Key": key or uuid.uuid4().hex}
        return self._ask("POST", "/v1/jobs", ServedJob, body=body, repeated=once)

    def retry_failed(self, job_id: str, fields: Mapping[str, Any]) -> ServedJob:
        """Try the failed images of a job again; `fields` says what is to be other than there."""
        path = f"/v1/jobs/{quote(job_id, safe='')}/retry-failed"
        once = {"Idempotency-Key": uuid.uuid4().hex}
        return self._ask("POST", path, ServedJob, body=msgspec.json.encode(fields), repeated=once)

    def report(self, fields: Mapping[str, Any]) -> ServedReport:
        """What such a job would find; nothing is submitted."""
        body = msgspec.json.encode(fields)
        path = "/v1/jobs?validate_only=true"
        return self._ask("POST", path, ServedReport, body=body, repeated={})

    def job(self, job_id: str) -> ServedJob:
        return self._ask("GET", f"/v1/jobs/{quote(job_id, safe='')}", ServedJob)

    def jobs(self, **filters: str) -> Iterator[ServedJob]:
        """All jobs in the service's order, newest first, read page by page as they are taken.

        `filters` are parameters of `GET /v1/jobs`; those that are empty do not count.
        """
        given = {name: value for name, value in filters.items() if value}
        cursor: str | None = ""
        while cursor is not None:
            asked = given | {"cursor": cursor} if cursor else given
            query = "?" + urlencode(asked) if asked else ""
            page = self._ask("GET", f"/v1/jobs{query}", _JobPage)
            yield from page.data
            cursor = page.next_cursor or None

    def cancel(self, job_id: str) -> ServedJob:
        return self._ask("POST", f"/v1/jobs/{quote(job_id, safe='')}/cancel", ServedJob)

    def order(self, job_id: str, priority: int) -> ServedJob:
        """Put the job before those with a lower priority, 0 to 9."""
        body = msgspec.json.encode({"priority": priority})
        path = f"/v1/jobs/{quote(job_id, safe='')}/priority"
        return self._ask("PUT", path, ServedJob, body=body)

    def renew_container(self, job_id: str, url: str) -> ServedJob:
        """Have the job go on with a fresh URL of its container."""
        body = msgspec.json.encode({"container_url": url})
        path = f"/v1/jobs/{quote(job_id, safe='')}/container-url"
        return self._ask("PUT", path, ServedJob, body=body)

    def delete(self, job_id: str) -> None:
        """Delete a job that has ended; one that was deleted already stays so."""
        self._ask("DELETE", f"/v1/jobs/{quote(job_id, safe='')}", type(None))

    def models(self) -> list[ServedModel]:
        return self._ask("GET", "/v1/models", ServedModels).data

    def ready(self) -> bool:
        """Whether the service and the parts it needs answer now; asked once, without patience."""
        try:
            answer = self._pool.request("GET", f"{self.service}/readyz", retries=False, timeout=5)
        except urllib3.exceptions.HTTPError:
            return False
        return answer.status == HTTPStatus.OK

    def download(
        self, job_id: str, target: Path, kind: FileKind = FileKind.RESULTS, digest: str = ""
    ) -> int:
        """Write a file of a job to `target`, whole or not at all. Returns its bytes.

        `digest`: the SHA-256, hex, that it must have; MegaBatchError where it has another.
        """
        url = f"{self.service}/v1/jobs/{quote(job_id, safe='')}/{kind.replace('_', '-')}"

        def ask(headers: Mapping[str, str]) -> urllib3.BaseHTTPResponse:
            asked = {**self._pool.headers, **headers}
            response = self._pool.request("GET", url, headers=asked, preload_content=False)
            self._refuse_problems(response)
            return response

        with self._answers(), moved_into_place(target) as file:
            return Download(ask, file).run(digest)

    def make_link(self, job_id: str, days: int, gives: Sequence[str]) -> MadeLink:
        """A new link; one that gives everything where `gives` is empty."""
        body = {"days": days} | ({"gives": gives} if gives else {})
        path = f"/v1/jobs/{quote(job_id, safe='')}/links"
        return self._ask("POST", path, MadeLink, body=msgspec.json.encode(body))

    def links(self, job_id: str) -> list[ServedLink]:
        """The links of a job, oldest first."""
        return self._ask("GET", f"/v1/jobs/{quote(job_id, safe='')}/links", ServedLinks).data

    def revoke_link(self, job_id: str, link_id: str) -> None:
        path = f"/v1/jobs/{quote(job_id, safe='')}/links/{quote(link_id, safe='')}"
        self._ask("DELETE", path, type(None))

    def webhooks(self, job_id: str) -> list[ServedDelivery]:
        """What the job's webhook was told, newest first."""
        path = f"/v1/jobs/{quote(job_id, safe='')}/webhooks"
        return self._ask("GET", path, ServedDeliveries).data

    def webhook_secret(self, *, renew: bool = False) -> ServedSecret:
        """What signs messages to webhooks; with `renew` a new one."""
        return self._ask("POST" if renew else "GET", "/v1/webhook-secret", ServedSecret)

    def close(self) -> None:
        """Give connections back."""
        self._pool.clear()

    def _ask(
        self,
        method: str,
        path: str,
        kind: type[_T],
        *,
        body: bytes | None = None,
        repeated: Mapping[str, str] | None = None,
    ) -> _T:
        """The answer. `repeated` are headers with which the request may be sent again."""
        headers = {**self._pool.headers, "Accept": "application/json", **(repeated or {})}
        if body is not None:
            headers["Content-Type"] = "application/json"
        retries = _RETRIES if repeated is None else _REPEATED
        with self._answers():
            response = self._pool.request(
                method, self.service + path, body=body, headers=headers, retries=retries
            )
        self._refuse_problems(response)
        try:
            # Some answers have nothing to say.
            return msgspec.json.decode(response.data or b"null", type=kind)
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

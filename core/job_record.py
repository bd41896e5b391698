"""`job.json`: a job as it was accepted, with every URL that carries a secret sealed."""

from urllib.parse import urlsplit

import msgspec

from core.jobs import AcceptedJob, JobRequest, RequestedImage, Webhook
from core.sealing import Sealer
from core.secrets import has_secret, without_secrets


class _Secrets(msgspec.Struct, frozen=True, omit_defaults=True):
    """The fields of a request that may carry a SAS, whole."""

    container_url: str | None = None
    images_url: str | None = None
    images: tuple[RequestedImage, ...] | None = None
    webhook_url: str | None = None


class _Record(msgspec.Struct, frozen=True):
    """What stands in the file: the job as it may be shown, and the sealed rest."""

    job: AcceptedJob
    sealed: str | None


def shown_request(request: JobRequest) -> JobRequest:
    """The request without anything secret, fit to be shown and stored."""
    images, webhook = request.images, request.webhook
    return msgspec.structs.replace(
        request,
        container_url=_shown(request.container_url),
        images_url=_shown(request.images_url),
        images=images and tuple(RequestedImage(_shown(i.name) or "", i.meta) for i in images),
        webhook=webhook and Webhook(_host(webhook.url), webhook.events),
    )


def encode_job(job: AcceptedJob, sealer: Sealer) -> bytes:
    shown = shown_request(job.request)
    sealed = None
    if shown != job.request:
        request = job.request
        webhook_url = request.webhook.url if request.webhook else None
        secrets = _Secrets(request.container_url, request.images_url, request.images, webhook_url)
        sealed = sealer.seal(msgspec.json.encode(secrets).decode())
    public = msgspec.structs.replace(job, request=shown)
    return msgspec.json.encode(_Record(public, sealed))


def reseal_job(data: bytes, sealer: Sealer) -> bytes:
    """The same record with its secrets sealed by the first key. Raises ConfigError."""
    record = msgspec.json.decode(data, type=_Record)
    if record.sealed is None:
        return data
    return msgspec.json.encode(_Record(record.job, sealer.reseal(record.sealed)))


def decode_shown(data: bytes) -> AcceptedJob:
    """The job without its secrets, which need no key then."""
    return msgspec.json.decode(data, type=_Record).job


def decode_job(data: bytes, sealer: Sealer) -> AcceptedJob:
    record = msgspec.json.decode(data, type=_Record)
    if record.sealed is None:
        return record.job
    secrets = msgspec.json.decode(sealer.open(record.sealed), type=_Secrets)
    webhook = record.job.request.webhook
    request = msgspec.structs.replace(
        record.job.request,
        webhook=webhook and Webhook(secrets.webhook_url or webhook.url, webhook.events),
        container_url=secrets.container_url,
        images_url=secrets.images_url,
        images=secrets.images,
    )
    return msgspec.structs.replace(record.job, request=request)


def _host(url: str) -> str:
    # Many services put the secret of a webhook into its path.
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}/"


def _shown(url: str | None) -> str | None:
    # Only a URL has a query: in the name of a blob, "?" and "#" are letters like others.
    if url and "://" in url and has_secret(url):
        return without_secrets(url)
    return url

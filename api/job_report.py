"""What a job would find, told before it is submitted. Nothing is written."""

import math
import time
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from api.first_look import FirstLook, Read, look
from core.config import Settings
from core.containers.opening import within
from core.containers.sas import parse_sas
from core.job_store import JobStore
from core.jobs import JobRequest, utc_now

#: Bytes that a results file has for each image, besides its name. Measured with the demo model at
#: its default threshold: 26 photographs with 1.1 detections each had 128 on average, and nine
#: pictures of herds with 4.4 detections each had 371.
BYTES_AN_IMAGE = 130

_SHOWN_NAMES = 5
#: A SAS that ends earlier is worth a warning, however short the job.
_SOON = timedelta(days=1)


class JobWarning(msgspec.Struct, frozen=True):
    """What somebody should know before they submit."""

    #: For programs.
    code: str
    #: For people: what is so, and what to do.
    detail: str


class JobReport(msgspec.Struct, frozen=True, kw_only=True):
    """What was found and what is expected. None means not known."""

    model: str
    can_list: bool | None
    can_read: bool | None
    read: Read | None
    #: As the results would have them.
    names: Sequence[str]
    #: So many at least; `images_known` tells whether these are all.
    images: int | None
    images_known: bool
    skipped: dict[str, int]
    sas_expires_at: datetime | None
    waiting_for_workers: bool
    #: Until the job's end, if its workers do nothing else.
    seconds: int | None
    #: Size of the results file.
    results_bytes: int | None
    warnings: Sequence[JobWarning]


class Speed(msgspec.Struct, frozen=True):
    """What the model's workers can do."""

    seconds_an_image: float | None
    workers: int

    def seconds_for(self, images: int | None) -> int | None:
        if images is None or self.seconds_an_image is None or not self.workers:
            return None
        return math.ceil(images * self.seconds_an_image / self.workers)


def report_on(
    request: JobRequest, settings: Settings, store: JobStore, give_up: float
) -> JobReport:
    """Look at a job that passed the checks of a submission, until `give_up` (monotonic) at most.

    Raises Unavailable when Redis does not answer.
    """

    def left() -> float:
        return max(0.0, give_up - time.monotonic())

    speed = within(left(), lambda: _speed(store, request.model))
    seen = look(request, settings, left)
    seconds = speed.seconds_for(seen.images)
    expires = sas_expiry(request)
    return JobReport(
        model=request.model,
        can_list=seen.can_list,
        can_read=seen.can_read,
        read=seen.read,
        names=[
            image.name.removeprefix(request.strip_prefix) for image in seen.first[:_SHOWN_NAMES]
        ],
        images=seen.images,
        images_known=seen.all_seen,
        skipped=dict(sorted(seen.skipped.items())),
        sas_expires_at=expires,
        waiting_for_workers=not speed.workers,
        seconds=seconds,
        results_bytes=_results_bytes(seen),
        warnings=[
            *_about_look(seen, request.prefix),
            *_about_sas(request, expires, seconds, utc_now()),
            *_about_workers(request.model, speed),
        ],
    )


def _speed(store: JobStore, model: str) -> Speed:
    return Speed(store.seconds_an_image(model), store.live_workers(model))


def sas_expiry(request: JobRequest) -> datetime | None:
    """When the first of the request's SAS ends; None where none tells."""
    times = [parse_sas(url).expires for url in _urls(request)]
    return min((time for time in times if time), default=None)


def _urls(request: JobRequest) -> list[str]:
    named = [image.name for image in request.images or () if "://" in image.name]
    return [url for url in (request.container_url, request.images_url, *named) if url]


def _results_bytes(seen: FirstLook) -> int | None:
    if seen.images is None:
        return None
    letters = sum(len(image.name.encode(errors="replace")) for image in seen.first)
    return round(seen.images * (BYTES_AN_IMAGE + letters / max(1, len(seen.first))))


def _about_look(seen: FirstLook, prefix: str) -> list[JobWarning]:
    warnings = [JobWarning(code, detail) for code, detail in seen.troubles]
    if seen.images == 0 and seen.all_seen:
        text = "No image was found; check the prefix and the container, and what was skipped."
        warnings.append(JobWarning("no_images", text))
        warnings += _about_slash(prefix)
    return warnings


def _about_slash(prefix: str) -> list[JobWarning]:
    """Of a prefix that found nothing."""
    if not prefix.startswith("/"):
        return []
    text = f"Names have no slash at their front; try the prefix {prefix.lstrip('/')!r}."
    return [JobWarning("prefix_begins_with_slash", text)]


def _about_sas(
    request: JobRequest, expires: datetime | None, seconds: int | None, now: datetime
) -> list[JobWarning]:
    if expires is None:
        signed = any(parse_sas(url).signed for url in _urls(request))
        text = "The SAS does not tell when it expires; make sure that it outlives the job."
        return [JobWarning("sas_expiry_unknown", text)] if signed else []
    when = f"The SAS expires on {expires:%Y-%m-%d %H:%M} UTC"
    if seconds is not None and now + timedelta(seconds=seconds) > expires:
        text = f"{when}, before the job would probably end. Make one that lasts longer."
        return [JobWarning("sas_expires_before_end", text)]
    if expires - now < _SOON:
        text = f"{when}. Make one that lasts longer, if the job should wait or take long."
        return [JobWarning("sas_expires_soon", text)]
    return []


def _about_workers(model: str, speed: Speed) -> list[JobWarning]:
    if speed.workers:
        return []
    return [JobWarning("no_workers", f"No live worker serves {model}; the job would wait for one.")]

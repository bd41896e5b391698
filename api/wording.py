"""What the pages say of statuses, failures and lengths of time, for people who do not program."""

from collections.abc import Mapping

from core.failures import FailureCode
from core.jobs import JobStatus

_S = JobStatus
_F = FailureCode

#: What a status means, and what to do.
MEANINGS: Mapping[JobStatus, str] = {
    _S.QUEUED: "The job is accepted and will be done. Its images are about to be listed.",
    _S.RUNNING: "Images are being looked at. There is nothing to do but wait.",
    _S.PAUSED: "The container no longer accepts the job's SAS: it has expired or was revoked. "
    "Nothing is tried and nothing is lost. Give the job a fresh SAS URL with Read and List "
    "(megabatch container-url), and it goes on where it was. Without one it ends by itself after "
    "seven days, with what is finished.",
    _S.CANCELLING: "Cancelling was asked for. What is finished is put together, and can be had "
    "soon.",
    _S.MERGING: "All images are done. The results file is being written.",
    _S.COMPLETED: "The results file is ready. Every listed image stands in it once: with what was "
    "found, or with the reason why it could not be looked at.",
    _S.CANCELLED: "The job was cancelled. The results file holds what was finished until then.",
    _S.FAILED: "The job could not be done. Correct what the reason below names, and submit it "
    "again. What was finished can still be downloaded, where there is anything.",
}

#: Why images have no detections.
FAILURES: Mapping[str, str] = {
    _F.NOT_FOUND: "There is no such image in the container any more.",
    _F.ARCHIVED: "It lies in the archive tier of the storage; bring it back online first.",
    _F.FORBIDDEN: "The storage refuses to give this image, though it gives others.",
    _F.UNREADABLE: "The storage did not give it, after several tries.",
    _F.CHANGED: "It was changed after it had been listed.",
    _F.URL_NOT_ALLOWED: "Its address is one that this service may not reach.",
    _F.EMPTY_FILE: "The file is empty.",
    _F.FILE_TOO_LARGE: "The file is larger than is read here.",
    _F.IMAGE_TOO_LARGE: "The picture has more pixels than are read here.",
    _F.NOT_AN_IMAGE: "The file is not a picture, whatever its name says.",
    _F.UNSUPPORTED_FORMAT: "It is a kind of picture that is not read here.",
    _F.TRUNCATED: "The file ends before the picture does; the copy may be incomplete.",
    _F.CORRUPT: "The picture's data is damaged.",
    _F.DETECTOR_FAILED: "The detector could not work on it.",
    _F.WORKER_CRASHED: "The program that looked at it died each time.",
    _F.OUT_OF_ATTEMPTS: "It was tried with its neighbours as often as is allowed, in vain.",
}

_MINUTE = 60
_UNITS = (("day", 24 * 60 * _MINUTE), ("hour", 60 * _MINUTE))


def duration(seconds: int) -> str:
    """About how long, such as `3 hours`."""
    if seconds < _MINUTE:
        return "less than a minute"
    # An hour and a half is better told in minutes, and a day and a half in hours.
    fitting = ((name, unit) for name, unit in _UNITS if seconds >= 2 * unit)
    name, unit = next(fitting, ("minute", _MINUTE))
    count = round(seconds / unit)
    return f"{count:,} {name}{'' if count == 1 else 's'}"

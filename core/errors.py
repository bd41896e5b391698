"""The one family of errors that MegaBatch raises on purpose.

The docstring of a class is its default message, and tells the user what to do. An error about one
image is not in this family: it is data, an `ImageFailure` (see `core/failures.py`).
"""


class MegaBatchError(Exception):
    """Something went wrong inside MegaBatch; the log of the service says what."""

    #: The HTTP status that answers it.
    status = 500
    #: A name for programs; part of the API's contract.
    code = "internal_error"

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or " ".join((self.__doc__ or "").split()))

    @property
    def message(self) -> str:
        return str(self)


class ConfigError(MegaBatchError):
    """A setting is missing or cannot be read."""

    code = "bad_setting"


class InvalidRequest(MegaBatchError):
    """The request cannot be understood; correct the field that is named and send it again."""

    status = 422
    code = "invalid_request"

    def __init__(self, message: str | None = None, *, pointer: str = "", code: str = "") -> None:
        super().__init__(message)
        #: JSON pointer of the field at fault, such as `/container_url`; empty for the whole body.
        self.pointer = pointer
        if code:
            self.code = code


class UrlNotAllowed(InvalidRequest):
    """This URL may not be reached from here."""

    code = "url_not_allowed"


class ContainerError(InvalidRequest):
    """The container cannot be used as it was given."""

    code = "container_unusable"


class JobNotFound(MegaBatchError):
    """There is no such job; check the id, or list your jobs."""

    status = 404
    code = "job_not_found"


class JobConflict(MegaBatchError):
    """The job is in a state that does not allow this."""

    status = 409
    code = "job_conflict"


class ResultsNotReady(JobConflict):
    """The results file is written when the job ends; ask again later."""

    code = "results_not_ready"


class Unavailable(MegaBatchError):
    """A part that MegaBatch needs does not answer; try again in a moment."""

    status = 503
    code = "unavailable"


class LimitReached(MegaBatchError):
    """Too much was asked for; try again as late as Retry-After says."""

    status = 429
    code = "limit_reached"

    def __init__(self, message: str | None = None, *, retry_after: int = 60) -> None:
        super().__init__(message)
        #: When to try again, seconds.
        self.retry_after = retry_after


class StorageTrouble(Unavailable):
    """The storage did not answer, or answered with an error of its own, after several tries."""

    code = "storage_unavailable"


class JobFolderTrouble(Unavailable):
    """MegaBatch's own storage does not answer; try again in a moment."""

    code = "job_storage_unavailable"


class AccessRevoked(MegaBatchError):
    """The storage no longer accepts the SAS of this job: it has expired or was revoked. Once it is
    given a fresh URL of its container, the job goes on.
    """

    status = 403
    code = "access_revoked"


class ModelUnavailable(MegaBatchError):
    """The model's weights are not on this machine, or are not what they should be."""

    code = "model_unavailable"


class DetectorError(MegaBatchError):
    """The detector broke its contract, or failed on a batch."""

    code = "detector_failed"


class DetectorBroken(DetectorError):
    """The detector no longer works, whatever it is given; it must be loaded anew."""

    code = "detector_broken"


class InvalidResults(MegaBatchError):
    """This is not a results file in the MegaDetector format."""

    status = 422
    code = "invalid_results"

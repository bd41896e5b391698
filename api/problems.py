"""The errors that only the HTTP API raises. Their status and code are part of its contract."""

import msgspec

from core.errors import InvalidRequest, JobConflict, LimitReached, MegaBatchError, Unavailable


class FieldError(msgspec.Struct, frozen=True):
    """What is wrong with one field, and what to do. One of `pointer` and `parameter` names it."""

    detail: str
    #: JSON pointer into the body, such as `/metadata/site`; empty for the whole body.
    pointer: str = ""
    #: Name of a parameter of the URL.
    parameter: str = ""


class InvalidFields(InvalidRequest):
    """Some fields cannot be used as they were given; `errors` names each."""

    code = "invalid_fields"

    def __init__(self, errors: tuple[FieldError, ...]) -> None:
        super().__init__()
        self.errors = errors


class UnreadableBody(MegaBatchError):
    """The body is not JSON that can be read."""

    status = 400
    code = "body_unreadable"


class BodyTooLarge(MegaBatchError):
    """The body is larger than 8 MiB. Put a long list of images in a file and give `images_url`."""

    status = 413
    code = "body_too_large"


class BodyTooSlow(MegaBatchError):
    """The body did not come in time; send it again."""

    status = 408
    code = "body_too_slow"


class NotJson(MegaBatchError):
    """The body must be JSON, sent with `Content-Type: application/json`."""

    status = 415
    code = "media_type_not_supported"


class InvalidCursor(MegaBatchError):
    """This cursor is none of this list; take `next_cursor` of the page before, same filters."""

    status = 400
    code = "invalid_cursor"


class InvalidIdempotencyKey(MegaBatchError):
    """Idempotency-Key has 1 to 128 visible ASCII letters, bare or in double quotes."""

    status = 400
    code = "invalid_idempotency_key"


class KeyReused(MegaBatchError):
    """This Idempotency-Key was sent before with another body; make up a new key for a new job."""

    status = 422
    code = "idempotency_key_reused"


class JobDamaged(JobConflict):
    """A record of this job in our storage cannot be read. Once the job has ended, delete it and
    submit it again; or ask whoever runs this service for a backup.
    """

    code = "job_damaged"


class KeyOfDeletedJob(JobConflict):
    """The job of this Idempotency-Key was deleted; make up a new key to submit it again."""

    code = "idempotency_key_of_deleted_job"


class KeyNeeded(MegaBatchError):
    """Send an API key in the header Authorization, after `Bearer`; the operator makes them."""

    status = 401
    code = "key_needed"
    #: What RFC 6750 has a client told.
    challenge = 'Bearer realm="MegaBatch"'


class KeyUnknown(KeyNeeded):
    """This API key is not known here, or was revoked; ask whoever runs this service for another."""

    code = "key_unknown"
    challenge = 'Bearer realm="MegaBatch", error="invalid_token"'


class ScopeMissing(MegaBatchError):
    """This key does not allow that."""

    status = 403
    code = "scope_missing"
    challenge = 'Bearer realm="MegaBatch", error="insufficient_scope"'


class SentFromElsewhere(MegaBatchError):
    """A page of another site sent this form; open the page of this service and do it there."""

    status = 403
    code = "sent_from_elsewhere"


class CallerNotAllowed(MegaBatchError):
    """This caller is not allowed to use the service; ask whoever runs it to allow the name."""

    status = 401
    code = "caller_not_allowed"


class TaskUnknown(MegaBatchError):
    """There is no task of this id."""

    status = 404
    code = "task_unknown"


class TooManyRequests(LimitReached):
    """More requests than the service answers one caller; wait as long as Retry-After says."""

    code = "too_many_requests"


class TooManyFailedKeys(LimitReached):
    """Too many API keys that nobody knows came from your address; wait as long as Retry-After says,
    and check the key.
    """

    code = "too_many_failed_keys"


class TooManyLiveJobs(LimitReached):
    """You have as many jobs that have not ended as you may; wait until one ends."""

    code = "too_many_live_jobs"


class TooManyQueuedImages(LimitReached):
    """Your jobs have as many images to go as they may; wait until some are done."""

    code = "too_many_queued_images"


class JobNotEnded(JobConflict):
    """The job has not ended; wait for its end, or cancel it first."""

    code = "job_not_ended"


class JobEnded(JobConflict):
    """The job has ended, or is about to: nothing about it can be changed any more."""

    code = "job_ended"


class RetryStillRuns(JobConflict):
    """A job that tries this one's failed images again has not ended, and needs its image list."""

    code = "retry_still_runs"


class NoContainer(JobConflict):
    """The images of this job are URLs of their own; it has no container."""

    code = "no_container"


class JobExpired(JobConflict):
    """The job has expired, and is deleted soon."""

    code = "job_expired"


class NothingFailed(JobConflict):
    """Every image of this job succeeded; there is nothing to try again."""

    code = "nothing_failed"


class UrlsExpired(JobConflict):
    """The SAS of every URL of this job has expired, so none could be read again. Submit the images
    that failed as a new job, with fresh URLs.
    """

    code = "urls_expired"


class ListingCutShort(JobConflict):
    """The images of this job were never listed to the end, so nobody knows which it would have had.
    Submit the container again, with `previous_job` set to this job: what succeeded is taken over.
    """

    code = "listing_not_over"


class ListCutShort(ListingCutShort):
    """The list of this job's images was never read to the end, so nobody knows which it would have
    had. Submit the list again, as a new job.
    """


class PreconditionFailed(MegaBatchError):
    """This is not what If-Match names; ask again without it, and look at the ETag."""

    status = 412
    code = "precondition_failed"


class RangeNotSatisfiable(MegaBatchError):
    """The Range lies beyond the end of the file; Content-Range tells its size."""

    status = 416
    code = "range_not_satisfiable"

    def __init__(self, size: int = 0) -> None:
        super().__init__()
        #: Bytes of the file.
        self.size = size


class JobGone(MegaBatchError):
    """This job was deleted, with all that it owned."""

    status = 410
    code = "job_gone"


class LinkUnknown(MegaBatchError):
    """This link is not one of ours, was revoked, or gives something else; ask for a new one."""

    status = 404
    code = "link_unknown"


class LinkExpired(MegaBatchError):
    """This link has expired; ask whoever gave it to you for a new one."""

    status = 410
    code = "link_expired"


class TooManyLinks(JobConflict):
    """The job has as many links as it may have; revoke one that is no longer needed."""

    code = "too_many_links"


class BeingRestored(Unavailable):
    """The job is being restored from the storage after a restart; ask again shortly."""

    code = "being_restored"


class NoResults(MegaBatchError):
    """The job has no results file."""

    status = 404
    code = "no_results"

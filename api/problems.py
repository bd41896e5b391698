"""The errors that only the HTTP API raises. Their status and code are part of its contract."""

import msgspec

from core.errors import InvalidRequest, MegaBatchError, Unavailable


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


class NotJson(MegaBatchError):
    """The body must be JSON, sent with `Content-Type: application/json`."""

    status = 415
    code = "media_type_not_supported"


class InvalidCursor(MegaBatchError):
    """This cursor was not given out here; take `next_cursor` of the page before, as it is."""

    status = 400
    code = "invalid_cursor"


class BeingRestored(Unavailable):
    """The job is being restored from the storage after a restart; ask again shortly."""

    code = "being_restored"


class NoResults(MegaBatchError):
    """The job has no results file."""

    status = 404
    code = "no_results"

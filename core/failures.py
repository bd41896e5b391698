"""Why one image has no detections: data that stands in the results file, never an exception."""

import enum

import msgspec


class FailureCode(enum.StrEnum):
    """What went wrong with one image. `ACCESS` codes come from reading and decoding."""

    #: The container has no image of that name.
    NOT_FOUND = "not_found"
    #: The blob lies in the archive tier, from which it must be rehydrated before it can be read.
    ARCHIVED = "archived"
    #: The storage refuses this one image, though it gives others.
    FORBIDDEN = "forbidden"
    #: Reading failed after several tries, though other images could be read.
    UNREADABLE = "unreadable"
    #: The blob is not the one that was listed: its ETag or its size changed.
    CHANGED = "changed"
    #: The URL is one that this service may not reach.
    URL_NOT_ALLOWED = "url_not_allowed"
    #: The file has no bytes.
    EMPTY_FILE = "empty_file"
    #: The file has more bytes than the cap.
    FILE_TOO_LARGE = "file_too_large"
    #: The header promises more pixels than the cap.
    IMAGE_TOO_LARGE = "image_too_large"
    #: The bytes are not a picture, whatever the suffix says.
    NOT_AN_IMAGE = "not_an_image"
    #: A picture, but in a format or pixel layout that is not read here.
    UNSUPPORTED_FORMAT = "unsupported_format"
    #: The file ends before the picture does.
    TRUNCATED = "truncated"
    #: The picture's data is damaged.
    CORRUPT = "corrupt"
    #: The detector raised an error on this image alone.
    DETECTOR_FAILED = "detector_failed"
    #: The process that decoded this image, or looked at it, died or hung each time it was tried.
    WORKER_CRASHED = "worker_crashed"
    #: The shard that holds this image used up its attempts.
    OUT_OF_ATTEMPTS = "out_of_attempts"


_INFERENCE = frozenset(
    {FailureCode.DETECTOR_FAILED, FailureCode.WORKER_CRASHED, FailureCode.OUT_OF_ATTEMPTS}
)
#: What a file is like in itself: looked at again as it is, it fails again.
OF_THE_FILE = frozenset(
    {
        *(FailureCode.EMPTY_FILE, FailureCode.FILE_TOO_LARGE, FailureCode.IMAGE_TOO_LARGE),
        *(FailureCode.NOT_AN_IMAGE, FailureCode.UNSUPPORTED_FORMAT),
        *(FailureCode.TRUNCATED, FailureCode.CORRUPT),
    }
)


class ImageFailure(msgspec.Struct, frozen=True):
    """The reason why an image has no detections."""

    code: FailureCode

    def __str__(self) -> str:
        """The text of `failure` in the results file, such as `image access failure: truncated`."""
        kind = "inference" if self.code in _INFERENCE else "image access"
        return f"{kind} failure: {self.code}"

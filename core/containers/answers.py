"""What a server answered to a GET, and which failure of an image that is."""

import msgspec

from core.failures import FailureCode, ImageFailure

OK = 200
TOO_LARGE = 413
#: Answers that a later try may better. Source: RFC 9110, 15.6; Microsoft Learn, "Common REST API
#: error codes" and "Scalability and performance targets for Blob storage". Gateways have a 5xx of
#: their own for each trouble, such as Cloudflare's 520 to 530.
PASSING = frozenset({408, 425, 429, *range(500, 600)})

_FAILURES = {
    301: FailureCode.URL_NOT_ALLOWED,
    302: FailureCode.URL_NOT_ALLOWED,
    303: FailureCode.URL_NOT_ALLOWED,
    307: FailureCode.URL_NOT_ALLOWED,
    308: FailureCode.URL_NOT_ALLOWED,
    401: FailureCode.FORBIDDEN,
    403: FailureCode.FORBIDDEN,
    404: FailureCode.NOT_FOUND,
    410: FailureCode.NOT_FOUND,
    412: FailureCode.CHANGED,
    TOO_LARGE: FailureCode.FILE_TOO_LARGE,
}


class Answer(msgspec.Struct, frozen=True):
    """What a server answered to a GET, once its body was proved whole.

    A body above the cap is not read: `status` is then 413.
    """

    status: int
    body: bytes = b""
    #: Azure's own code, such as `BlobNotFound`; empty for other servers.
    code: str = ""
    retry_after: float | None = None

    @property
    def ok(self) -> bool:
        return self.status == OK

    def image(self) -> bytes | ImageFailure:
        """The body, or why there is none. A redirect is not followed: it was not checked."""
        if self.ok:
            return self.body
        # Azure answers 409 for a blob in the archive tier. Source: Microsoft Learn, "Blob service
        # error codes".
        if self.code == "BlobArchived":
            return ImageFailure(FailureCode.ARCHIVED)
        return ImageFailure(_FAILURES.get(self.status, FailureCode.UNREADABLE))

"""What the errors of an Azure listing mean, and what the submitter can do about each."""

from datetime import UTC, datetime

from azure.core.exceptions import HttpResponseError

from core.containers.answers import PASSING
from core.containers.patience import seconds_of
from core.containers.sas import Sas, no_list_error
from core.errors import AccessRevoked, ContainerError, MegaBatchError, StorageTrouble

UNREADABLE_LISTING = "The storage's listing cannot be read; try again later."

_POINTER = "/container_url"
# Azure's codes for a container that is not, or no longer, there. Source: Microsoft Learn, "Blob
# service error codes".
CONTAINER_GONE = frozenset({"ContainerNotFound", "ContainerBeingDeleted", "ContainerDisabled"})
#: Our own codes for a container that nobody can list as it is: its owner, or a fresh URL, mends it.
NEEDS_FRESH_URL = frozenset({"container_not_found", "sas_missing", "sas_no_list"})
_NOT_FOUND = frozenset({404, 410})
_REFUSED = frozenset({401, 403})
_SERVER_FAULT = 500
# Of a listing that cannot be read: cut off, or not the storage's at all.
_OK = 200


def may_pass(error: Exception) -> bool:
    """Whether a later try may do better."""
    status = error.status_code if isinstance(error, HttpResponseError) else None
    return status is None or status in PASSING or status == _OK


def asked_wait(error: Exception) -> float | None:
    """Seconds that the storage asks to be left alone, where it does."""
    headers = getattr(getattr(error, "response", None), "headers", {})
    return seconds_of(headers.get("Retry-After"))


def listing_error(
    error: Exception, sas: Sas, marker: str | None, now: datetime | None = None
) -> MegaBatchError:
    """What an error of Azure's library means for the listing; shows nothing of the answer's body.

    Judged by status and Azure's code together, after the SAS's own times, since Azure and Azurite
    name an expired SAS differently (`AuthenticationFailed`, `AuthorizationFailure`).
    """
    if isinstance(error, StorageTrouble):
        return error
    if not isinstance(error, HttpResponseError) or error.status_code is None:
        return StorageTrouble("The storage does not answer; try again later.")
    code = str(getattr(error, "error_code", None) or "")
    if error.status_code in _NOT_FOUND or code in CONTAINER_GONE:
        return _not_found(sas)
    if error.status_code in _REFUSED or code == "PublicAccessNotPermitted":
        return _refused(code, sas, now or datetime.now(UTC))
    return _other(error.status_code, code, marker)


def _other(status: int, code: str, marker: str | None) -> MegaBatchError:
    if status == _SERVER_FAULT:
        return ContainerError(
            f"The storage cannot list this container from {_place(marker)} on: it answers with an "
            "internal error each time. A blob name with control characters does this; rename "
            "such blobs, or choose a prefix that leaves them out.",
            pointer=_POINTER,
            code="listing_failed",
        )
    if status == _OK:
        return StorageTrouble(UNREADABLE_LISTING)
    if status in PASSING:
        return StorageTrouble(f"The storage answers with status {status}; try again later.")
    return ContainerError(
        f"The storage does not list this container (status {status}, {code or 'no code'}); check "
        "the URL.",
        pointer=_POINTER,
    )


def _place(marker: str | None) -> str:
    return f"the page at marker {marker}" if marker else "its first page"


def _not_found(sas: Sas) -> ContainerError:
    hint = "" if sas.signed else " If it is not public, the URL needs a SAS."
    return ContainerError(
        f"There is no such container in this storage account; check its name.{hint}",
        pointer=_POINTER,
        code="container_not_found",
    )


def _refused(code: str, sas: Sas, now: datetime) -> MegaBatchError:
    if not sas.signed:
        return ContainerError(
            "This container is not public: the URL needs a SAS with Read and List.",
            pointer=_POINTER,
            code="sas_missing",
        )
    if sas.expired(now):
        return AccessRevoked("The SAS has expired; give a fresh one.")
    if code == "AuthorizationPermissionMismatch":
        return no_list_error()
    if code == "AuthorizationSourceIPMismatch":
        return AccessRevoked("The SAS is limited to addresses that are not this service's.")
    return AccessRevoked(
        "The storage does not accept this SAS: it may be for another container, be valid only "
        "later, or its key or policy was changed. Make a new one for this container."
    )

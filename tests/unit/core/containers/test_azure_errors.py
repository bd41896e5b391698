from datetime import UTC, datetime

import pytest
from azure.core.exceptions import HttpResponseError, ServiceRequestError

from core.containers.azure_errors import listing_error, may_pass
from core.containers.sas import parse_sas
from core.errors import AccessRevoked, ContainerError, StorageTrouble

NOW = datetime(2024, 7, 4, tzinfo=UTC)
SIGNED = parse_sas("https://a/c?sp=rl&se=2024-07-05&sig=x")
EXPIRED = parse_sas("https://a/c?sp=rl&se=2024-07-03&sig=x")
PUBLIC = parse_sas("https://a/c")


def answered(status: int, code: str = "") -> HttpResponseError:
    error = HttpResponseError("secret body")
    error.status_code = status
    setattr(error, "error_code", code)  # noqa: B010 - Azure's library sets it, untyped
    return error


@pytest.mark.parametrize(
    ("status", "code", "kind", "our_code"),
    [
        (404, "ContainerNotFound", ContainerError, "container_not_found"),
        (409, "ContainerBeingDeleted", ContainerError, "container_not_found"),
        (403, "AuthenticationFailed", AccessRevoked, "access_revoked"),
        (403, "AuthorizationFailure", AccessRevoked, "access_revoked"),
        (403, "AuthorizationSourceIPMismatch", AccessRevoked, "access_revoked"),
        (403, "AuthorizationPermissionMismatch", ContainerError, "sas_no_list"),
        (400, "InvalidUri", ContainerError, "container_unusable"),
        (302, "", ContainerError, "container_unusable"),
        (500, "InternalError", ContainerError, "listing_failed"),
        (502, "", StorageTrouble, "storage_unavailable"),
        (530, "", StorageTrouble, "storage_unavailable"),
        (425, "", StorageTrouble, "storage_unavailable"),
        (503, "ServerBusy", StorageTrouble, "storage_unavailable"),
        (429, "", StorageTrouble, "storage_unavailable"),
    ],
)
def test_what_an_answer_means(status: int, code: str, kind: type, our_code: str) -> None:
    error = listing_error(answered(status, code), SIGNED, None, NOW)
    assert (type(error), error.code) == (kind, our_code)
    assert "secret body" not in error.message


@pytest.mark.parametrize("code", ["AuthenticationFailed", "AuthorizationFailure"])
def test_an_expired_sas_is_told_by_its_own_time(code: str) -> None:
    error = listing_error(answered(403, code), EXPIRED, None, NOW)
    assert isinstance(error, AccessRevoked)
    assert "expired" in error.message


@pytest.mark.parametrize(
    ("status", "code", "our_code"),
    [
        (403, "AuthorizationFailure", "sas_missing"),
        (409, "PublicAccessNotPermitted", "sas_missing"),
        (404, "ResourceNotFound", "container_not_found"),
    ],
)
def test_without_a_sas_the_message_asks_for_one(status: int, code: str, our_code: str) -> None:
    error = listing_error(answered(status, code), PUBLIC, None, NOW)
    assert error.code == our_code
    assert "needs a SAS" in error.message


def test_a_listing_that_breaks_names_its_place() -> None:
    error = listing_error(answered(500), SIGNED, "2!abc", NOW)
    assert "marker 2!abc" in error.message
    assert "first page" in listing_error(answered(500), SIGNED, None, NOW).message


def test_no_answer_is_trouble() -> None:
    error = listing_error(ServiceRequestError("secret"), SIGNED, None, NOW)
    assert isinstance(error, StorageTrouble)
    assert "secret" not in error.message
    trouble = StorageTrouble("dns")
    assert listing_error(trouble, SIGNED, None) is trouble


@pytest.mark.parametrize(
    ("status", "passes"),
    [(403, False), (404, False), (400, False), (425, True), (429, True), (500, True), (522, True)],
)
def test_only_passing_errors_are_tried_again(status: int, passes: bool) -> None:
    assert may_pass(answered(status)) is passes
    assert may_pass(OSError())

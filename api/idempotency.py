"""`Idempotency-Key`: a submission that is sent again, after a lost answer, makes no second job.

Source: draft-ietf-httpapi-idempotency-key-header. The job's id follows from the caller and the
key, and `job.json` is written create-only: the storage itself decides between submissions.
"""

import re
from typing import Any

import msgspec
from pydantic import BaseModel, Field

from api.problems import InvalidIdempotencyKey, KeyReused
from core.jobs import AcceptedJob
from core.salt import Salt
from core.secrets import without_secrets

#: Says in an answer that it tells of a job which an earlier submission made.
REPLAYED_HEADER = "Idempotency-Replayed"

_KEY = re.compile(r"[\x21-\x7e]{1,128}", re.ASCII)
_QUOTED = re.compile(r'"((?:[^"\\]|\\["\\])*)"')
_ID_DIGITS = 32


class IdempotencyHeader(BaseModel):
    """The header with which a submission may be sent again."""

    idempotency_key: str | None = Field(
        None,
        alias="Idempotency-Key",
        description="1 to 128 visible ASCII letters, bare or in double quotes, made up anew for "
        "each job. Sent again with the same body (a renewed SAS does not count), it is answered "
        "with the same job; with another body it is refused.",
        json_schema_extra={"pattern": r"^[\x21-\x7e]{1,130}$"},
    )


class Once(msgspec.Struct, frozen=True):
    """What makes a submission happen once: a key of the caller's own, and what was asked for."""

    key: str
    #: Canonical, without secrets.
    asked: str

    def job_id(self, salt: Salt, caller: str) -> str:
        """The id of the one job; nobody can guess it from the key."""
        return salt.derive("job id", caller, self.key).hex()[:_ID_DIGITS]

    def fingerprint(self, salt: Salt) -> str:
        """Tells what was asked for from anything else, and tells nothing about it."""
        return salt.derive("fingerprint", self.asked).hex()

    def check(self, salt: Salt, standing: AcceptedJob) -> None:
        """Raises KeyReused when the job that stands was asked for in other words."""
        if standing.fingerprint != self.fingerprint(salt):
            raise KeyReused()


def once_of(header: IdempotencyHeader, operation: str, body: BaseModel) -> Once | None:
    """What the request's key and body make; None where it has no key.

    `operation` names the endpoint, and the job it acts on if any. Raises InvalidIdempotencyKey.
    """
    if header.idempotency_key is None:
        return None
    return Once(_read_key(header.idempotency_key), _asked(operation, body))


def _read_key(text: str) -> str:
    quoted = _QUOTED.fullmatch(text)
    key = re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else text
    if not _KEY.fullmatch(key) or (not quoted and '"' in key):
        raise InvalidIdempotencyKey()
    return key


def _asked(operation: str, body: BaseModel) -> str:
    # What is left out and what is given as its default mean the same.
    fields = body.model_dump(mode="json", exclude_defaults=True)
    return msgspec.json.encode([operation, _without_secrets(fields)], order="sorted").decode()


def _without_secrets(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_secrets(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_without_secrets(item) for item in value]
    return without_secrets(value) if isinstance(value, str) and "://" in value else value

"""What the parameters of a URL may hold."""

import inspect
import re
from datetime import UTC, datetime
from typing import Annotated, Any, get_type_hints

from flask import Flask, request
from pydantic import BeforeValidator, Field, StrictBool, WithJsonSchema
from pydantic_core import PydanticCustomError

from api.problems import FieldError, InvalidFields
from api.schemas import MAX_JOB_NAME, Strict
from core.job_lists import Wanted
from core.jobs import JobStatus

_MAX_PAGE = 200
# Of a name that the URL made up.
_SHOWN_LETTERS = 64
# An offset from UTC whose `+` came as a space, which is what it means in a query.
_LOST_PLUS = re.compile(r"\d:\d\d.* \d\d(:?\d\d)?\Z", re.ASCII)


def _flag(value: Any) -> Any:
    return {"true": True, "false": False}.get(value, value)


def _moment(value: str) -> datetime:
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        kind = "moment_lost_plus" if _LOST_PLUS.search(value) else "moment"
        raise PydanticCustomError(kind, "no time") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _statuses(value: str) -> tuple[JobStatus, ...]:
    try:
        return tuple(dict.fromkeys(JobStatus(name) for name in value.split(",")))
    except ValueError:
        known = ", ".join(JobStatus)
        raise PydanticCustomError("statuses", "no statuses", {"known": known}) from None


_Flag = Annotated[StrictBool, BeforeValidator(_flag)]
_Moment = Annotated[
    datetime,
    BeforeValidator(_moment),
    WithJsonSchema({"type": "string", "examples": ["2026-05-01", "2026-05-01T12:00:00Z"]}),
]
_STATUS = "|".join(JobStatus)
_Statuses = Annotated[
    tuple[JobStatus, ...],
    BeforeValidator(_statuses),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": f"^({_STATUS})(,({_STATUS}))*$",
            "examples": ["running", "failed,cancelled"],
        }
    ),
]


class SubmitQuery(Strict):
    """The parameters of `POST /v1/jobs`."""

    validate_only: _Flag = Field(
        False, description="Look at what the job would find, and accept nothing."
    )


class JobsQuery(Strict):
    """The parameters of `GET /v1/jobs`."""

    status: _Statuses | None = Field(None, description="Only jobs that stand so.")
    name: str | None = Field(
        None,
        min_length=1,
        max_length=MAX_JOB_NAME,
        description="Only jobs whose name holds this, in upper or lower case.",
    )
    created_after: _Moment | None = Field(
        None, description="Only jobs submitted at this time or later; UTC where no zone is given."
    )
    created_before: _Moment | None = Field(
        None, description="Only jobs submitted before this time; UTC where no zone is given."
    )
    limit: int = Field(50, ge=1, le=_MAX_PAGE, description="Jobs a page, at most.")
    cursor: str | None = Field(
        None,
        max_length=100,
        description="`next_cursor` of the page before, as it is, with the same filters.",
    )

    def wanted(self) -> Wanted:
        return Wanted(
            statuses=self.status or (),
            name=self.name or "",
            created_after=self.created_after,
            created_before=self.created_before,
        )


def refuse_repeated(app: Flask) -> None:
    """Have the app refuse a parameter that is given twice: which of the two is meant is a guess."""

    def check() -> None:
        repeated = [name for name, values in request.args.lists() if len(values) > 1]
        if repeated and _takes_parameters(app, request.endpoint):
            names = [name[:_SHOWN_LETTERS] for name in repeated]
            raise InvalidFields(tuple(_once(name) for name in names))

    app.before_request(check)


def _takes_parameters(app: Flask, endpoint: str | None) -> bool:
    view = app.view_functions.get(endpoint or "")
    return view is not None and "query" in get_type_hints(inspect.unwrap(view))


def _once(name: str) -> FieldError:
    return FieldError(f"{name} is given more than once; give it once.", parameter=name)

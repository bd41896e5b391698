"""`/healthz` and `/readyz`, for whoever restarts processes and sends them traffic."""

from collections.abc import Callable, Mapping

from flask import Response, jsonify
from flask_openapi3 import APIBlueprint, Tag
from pydantic import BaseModel, Field

from api.described import Answers, answer
from api.errors import RETRY_AFTER
from core.errors import MegaBatchError

#: Name of a part to a call that raises when the part does not answer.
Checks = Mapping[str, Callable[[], None]]

_TAG = Tag(name="health", description="Whether the service can work.")


class HealthResource(BaseModel):
    """This process answers."""

    status: str


class ReadyResource(BaseModel):
    """Whether everything that a request needs answers."""

    status: str = Field(description="`ok` or `unavailable`.")
    checks: dict[str, str] = Field(description="Each part, with `ok` or what is wrong with it.")


_READY: Answers = {200: ReadyResource, 503: answer(ReadyResource, description="Not ready.")}


def health_blueprint(checks: Checks) -> APIBlueprint:
    blueprint = APIBlueprint("health", __name__, abp_tags=[_TAG])

    @blueprint.get("/healthz", responses={200: HealthResource})
    def healthz() -> Response:
        """Whether this process answers.

        Nothing else is asked, so that a dead Redis kills no API.
        """
        return jsonify({"status": "ok"})

    @blueprint.get("/readyz", responses=_READY)
    def readyz() -> Response:
        """Whether everything that a request needs answers."""
        found = {name: _run(check) for name, check in checks.items()}
        ready = set(found.values()) == {"ok"}
        response = jsonify({"status": "ok" if ready else "unavailable", "checks": found})
        if not ready:
            response.status_code = 503
            response.headers["Retry-After"] = str(RETRY_AFTER)
        return response

    return blueprint


def _run(check: Callable[[], None]) -> str:
    try:
        check()
    except MegaBatchError as error:
        return error.code
    return "ok"

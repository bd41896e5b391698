"""`/healthz` and `/readyz`, for whoever restarts processes and sends them traffic."""

from collections.abc import Callable, Mapping

from flask import Blueprint, Response, jsonify

from api.errors import RETRY_AFTER
from core.errors import MegaBatchError

#: Name of a part to a call that raises when the part does not answer.
Checks = Mapping[str, Callable[[], None]]


def health_blueprint(checks: Checks) -> Blueprint:
    blueprint = Blueprint("health", __name__)

    @blueprint.get("/healthz")
    def healthz() -> Response:
        """This process answers; nothing else is asked, so that a dead Redis kills no API."""
        return jsonify({"status": "ok"})

    @blueprint.get("/readyz")
    def readyz() -> Response:
        """200 when everything that a request needs answers; 503 and what does not, else."""
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

"""`/v1/jobs/{id}/results`: the results file of a job that has ended."""

from flask import Response
from flask_openapi3 import APIBlueprint, Tag

from api.downloads import Download, send
from api.errors import PROBLEM_RESPONSES
from api.job_service import JobService
from api.schemas import JobPath
from core.jobs import FinalRecord

_TAG = Tag(name="results", description="Results files in the MegaDetector format.")
_FILE = {
    "description": "The results file.",
    "content": {"application/json": {"schema": {"type": "object"}}},
}


def results_blueprint(service: JobService) -> APIBlueprint:
    blueprint = APIBlueprint(
        "results", __name__, url_prefix="/v1/jobs", abp_tags=[_TAG], abp_responses=PROBLEM_RESPONSES
    )

    @blueprint.get("/<job_id>/results", responses={200: _FILE})
    def download(path: JobPath) -> Response:
        """Download the results file."""
        results = service.results(path.job_id)
        return send(
            Download(
                name=_name(results.final),
                mimetype="application/json",
                size=results.size,
                digest=results.final.results_digest,
                pieces=results.pieces,
            )
        )

    return blueprint


def _name(final: FinalRecord) -> str:
    """A file name that says what it is; the characters of a job's name are harmless."""
    name = final.name.strip().replace(" ", "_") or final.id
    return f"megabatch_{name}_{final.finished_at:%Y-%m-%d}.json"

"""`/v1/jobs/{id}/results` and its kin: the files of a job that has ended."""

from typing import Any

from flask import Response
from flask_openapi3 import APIBlueprint, Tag

from api.auth import current_caller
from api.described import Answers, file_answers
from api.downloads import send
from api.errors import PROBLEM_RESPONSES, problems
from api.result_files import ResultFiles
from api.schemas import JobPath
from core.jobs import FileKind

_TAG = Tag(name="results", description="Results files in the MegaDetector format.")
_NAME = {"type": "string"}
_PAIR = {"type": "array", "items": _NAME, "minItems": 2, "maxItems": 2}
_FILES: dict[FileKind, tuple[str, dict[str, Any]]] = {
    FileKind.RESULTS: ("The results file.", {"type": "object"}),
    FileKind.FAILED_IMAGES: (
        "Names, or pairs of a name and a text.",
        {"type": "array", "items": {"anyOf": [_NAME, _PAIR]}},
    ),
    FileKind.IMAGE_LIST: ("Names.", {"type": "array", "items": _NAME}),
}


def results_blueprint(files: ResultFiles) -> APIBlueprint:
    blueprint = APIBlueprint(
        "results", __name__, url_prefix="/v1/jobs", abp_tags=[_TAG], abp_responses=PROBLEM_RESPONSES
    )

    def sent(path: JobPath, kind: FileKind) -> Response:
        return send(files.download(files.find(path.job_id, kind, current_caller())))

    @blueprint.get("/<job_id>/results", responses=_answers(FileKind.RESULTS))
    def download(path: JobPath) -> Response:
        """Download the results file."""
        return sent(path, FileKind.RESULTS)

    @blueprint.get("/<job_id>/failed-images", responses=_answers(FileKind.FAILED_IMAGES))
    def failed_images(path: JobPath) -> Response:
        """Download the list of the images that failed.

        It has the shape of `images`, so that a new job can be submitted over it.
        """
        return sent(path, FileKind.FAILED_IMAGES)

    @blueprint.get("/<job_id>/image-list", responses=_answers(FileKind.IMAGE_LIST))
    def image_list(path: JobPath) -> Response:
        """Download the names of all images in the results, in their order."""
        return sent(path, FileKind.IMAGE_LIST)

    return blueprint


def _answers(kind: FileKind) -> Answers:
    return {**file_answers("application/json", *_FILES[kind]), **problems(409)}


def file_of_any_kind() -> Answers:
    """How any of the files is answered."""
    schemas = [schema for _, schema in _FILES.values()]
    return file_answers("application/json", "The file.", {"anyOf": schemas})

"""Links: `/v1/jobs/{id}/links` to make, list and revoke them, `/links/{token}/...` to follow them.

What follows a link asks for no key, and changes nothing: it is GET and HEAD alone.
"""

from datetime import datetime
from typing import Any

from flask import Response, jsonify, request, url_for
from flask_openapi3 import APIBlueprint, Tag
from pydantic import BaseModel, ConfigDict, Field

from api.auth import current_caller, require
from api.described import Answers
from api.downloads import send
from api.errors import PROBLEM_RESPONSES, problems
from api.link_service import LINK_READER, LinkService
from api.problems import LinkUnknown
from api.result_files import ResultFiles
from api.results import file_of_any_kind
from api.schemas import JobPath, LinkBody
from core.containers.opening import within
from core.jobs import FileKind
from core.keys import Scope
from core.links import Gives, Link

_TAG = Tag(name="links", description="URLs that give files of a job to read, without a key.")
# Of the three seconds that any answer may take.
_SECONDS = 2.8
_REDIRECT: Answers = {302: {"description": "Where the storage gives the file, for some minutes."}}


class LinkResource(BaseModel):
    """A link, without the URLs, which are told once."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    gives: list[Gives]
    created_at: datetime
    expires_at: datetime


class MadeLinkResource(LinkResource):
    """A link that was just made. Who has one of its URLs needs no key."""

    urls: dict[Gives, str] = Field(description="To be kept: they are not shown again.")


class JobLinksResource(BaseModel):
    """The links of a job, oldest first."""

    data: list[LinkResource]


class LinkPath(JobPath):
    """The part of a path that names a link of a job."""

    link_id: str = Field(description="16 hexadecimal digits.")


class TokenPath(BaseModel):
    """The part of a path that names a file that a link gives."""

    token: str = Field(description="The secret part of the link.")
    name: str = Field(description="Such as `results.json`.")


def links_blueprint(links: LinkService) -> APIBlueprint:
    """What makes and ends links; it asks for a key."""
    blueprint = APIBlueprint(
        "links", __name__, url_prefix="/v1/jobs", abp_tags=[_TAG], abp_responses=PROBLEM_RESPONSES
    )

    @blueprint.post("/<job_id>/links", responses={201: MadeLinkResource, **problems(409)})
    def create(path: JobPath, body: LinkBody) -> Response:
        """Make a link.

        Its URLs give files of this job, or the page that shows it, to whoever has them, without a
        key; until the link expires or is revoked. It may be made before the job has ended.
        """
        require(Scope.READ)
        caller = current_caller()
        link, token = within(
            _SECONDS, lambda: links.create(path.job_id, caller, gives=body.gives, days=body.days)
        )
        response = jsonify(_shown(link) | {"urls": link_urls(path.job_id, link, token)})
        response.status_code = 201
        return response

    @blueprint.get("/<job_id>/links", responses={200: JobLinksResource})
    def show_all(path: JobPath) -> Response:
        """List the links of a job."""
        caller = current_caller()
        found = within(_SECONDS, lambda: links.of_job(path.job_id, caller))
        return jsonify({"data": [_shown(link) for link in found]})

    @blueprint.delete("/<job_id>/links/<link_id>", responses={204: None})
    def revoke(path: LinkPath) -> Response:
        """Revoke a link. Its URLs stop working at once."""
        links.revoke(path.job_id, path.link_id, current_caller())
        return Response(status=204)

    return blueprint


def link_files_blueprint(
    links: LinkService, files: ResultFiles, *, redirects: bool
) -> APIBlueprint:
    """The files that links give; it asks for no key.

    `redirects`: to the storage itself, where it can be read by a signed URL.
    """
    blueprint = APIBlueprint("link_files", __name__, abp_tags=[_TAG])

    @blueprint.get("/links/<token>/<name>", responses=_file_answers())
    def download(path: TokenPath) -> Response:
        """Download a file that a link gives.

        A link to a file works before the job has ended, and then answers 409 until it has.
        """
        followed = links.follow(path.token)
        gives = followed.link.named(path.name)
        if gives is None:
            raise LinkUnknown()
        found = files.find(followed.job_id, kind_of(gives), LINK_READER)
        # The signature is one of a GET, and some storages look at that.
        url = files.url(found) if redirects and request.method == "GET" else None
        if url:
            return Response(status=302, headers={"Location": url})
        return send(files.download(found, name=followed.link.names.get(gives, "")))

    return blueprint


def _shown(link: Link) -> dict[str, Any]:
    return LinkResource.model_validate(link).model_dump(mode="json")


def _file_answers() -> Answers:
    return {**file_of_any_kind(), **_REDIRECT, **problems(404, 409, 410, 503)}


def kind_of(gives: Gives) -> FileKind:
    """The file that a link gives. Raises ValueError for the page."""
    return FileKind(gives.replace("-", "_"))


def link_urls(job_id: str, link: Link, token: str) -> dict[Gives, str]:
    """The URL of each thing that the link gives."""
    return {gives: _link_url(job_id, link, token, gives) for gives in link.gives}


def _link_url(job_id: str, link: Link, token: str, gives: Gives) -> str:
    if gives is Gives.PAGE:
        return f"{request.url_root}jobs/{job_id}?link={token}"
    return url_for("link_files.download", token=token, name=link.name(gives), _external=True)

"""The pages for people: what MegaBatch is at `/`, jobs and their files at `/jobs`.

They are open without a key, and see to it themselves who may look (`api/page_access.py`).
"""

from collections.abc import Sequence

from flask import Blueprint, Response, request
from werkzeug.exceptions import HTTPException, NotFound

from api.auth import Keys
from api.downloads import send
from api.errors import answer_http_exception, answer_megabatch_error, answer_unknown
from api.job_page import job_page
from api.job_service import JobService
from api.job_views import JobView
from api.link_service import LinkService
from api.links import kind_of
from api.page import add_filters, page
from api.page_access import PageAccess, Viewer
from api.problems import KeyNeeded
from api.result_files import Found, ResultFiles
from api.sign_in import COOKIE, SignIns, add_sign_in, form
from core.catalog import MODELS
from core.config import Settings
from core.containers.opening import within
from core.errors import MegaBatchError
from core.jobs import Job
from core.keys import Caller, Scope
from core.links import Gives
from core.sealing import Sealer

#: Jobs on a page of the list.
PAGE_JOBS = 50

# Of the three seconds that any answer may take.
_SECONDS = 2.8


def pages_blueprint(
    settings: Settings, keys: Keys, links: LinkService, service: JobService, files: ResultFiles
) -> Blueprint:
    sign_ins = SignIns(keys, Sealer(settings.secret_keys))
    access = PageAccess(keys, sign_ins, links)
    blueprint = Blueprint("pages", __name__)
    add_filters(blueprint)
    _add_problems(blueprint, sign_ins)
    add_sign_in(blueprint, sign_ins)
    _add_jobs(blueprint, access, service, files)

    @blueprint.get("/")
    def home() -> Response:
        published = [model for model in MODELS.values() if model.released]
        return page("home.html", models=published[::-1], service=request.host_url.rstrip("/"))

    return blueprint


def _add_jobs(
    blueprint: Blueprint, access: PageAccess, service: JobService, files: ResultFiles
) -> None:
    @blueprint.get("/jobs")
    def show_all() -> Response:
        cursor = request.args.get("cursor") or None

        def found() -> tuple[Caller, Sequence[Job], str | None]:
            caller = access.caller()
            return caller, *service.list_jobs(caller, limit=PAGE_JOBS, cursor=cursor)

        caller, jobs, following = within(_SECONDS, found)
        return page(
            "jobs.html",
            jobs=jobs,
            following=following,
            first=not cursor,
            everybodys=caller.may(Scope.ADMIN),
            signed_in=COOKIE in request.cookies,
        )

    @blueprint.get("/jobs/<job_id>")
    def show(job_id: str) -> Response:
        def found() -> tuple[Viewer, JobView]:
            viewer = access.viewer(job_id, Gives.PAGE)
            return viewer, service.view(job_id, viewer.caller)

        viewer, view = within(_SECONDS, found)
        return page("job.html", shown=job_page(view, viewer), by_link=viewer.token is not None)

    @blueprint.get("/jobs/<job_id>/<name>")
    def file(job_id: str, name: str) -> Response:
        gives = _file_called(name)

        def found() -> Found:
            viewer = access.viewer(job_id, gives)
            return files.find(job_id, kind_of(gives), viewer.caller)

        return send(files.download(within(_SECONDS, found)))


def _file_called(name: str) -> Gives:
    try:
        gives = Gives(name)
    except ValueError:
        raise NotFound() from None
    if gives is Gives.PAGE:
        raise NotFound()
    return gives


def _add_problems(blueprint: Blueprint, sign_ins: SignIns) -> None:
    """What goes wrong with a page is told on a page."""

    @blueprint.errorhandler(KeyNeeded)
    def ask_for_key(error: KeyNeeded) -> Response:
        return form(sign_ins, after=request.path, status=error.status)

    @blueprint.errorhandler(MegaBatchError)
    def tell(error: MegaBatchError) -> Response:
        return _as_page(answer_megabatch_error(error))

    @blueprint.errorhandler(HTTPException)
    def tell_refusal(error: HTTPException) -> Response:
        return _as_page(answer_http_exception(error))

    @blueprint.errorhandler(Exception)
    def tell_unknown(error: Exception) -> Response:
        return _as_page(answer_unknown(error))


def _as_page(answer: Response) -> Response:
    """The same problem for people."""
    retry_after = answer.headers.get("Retry-After")
    shown = page("problem.html", answer.status_code, problem=answer.get_json(force=True))
    if retry_after:
        shown.headers["Retry-After"] = retry_after
    return shown

"""The Flask app of the HTTP API."""

from importlib.metadata import PackageNotFoundError, version

from flask import Flask, Response, jsonify
from flask_openapi3 import Info, OpenAPI

from api.body import JsonRequest
from api.errors import Problem, handle_errors
from api.headers import add_headers
from api.health import health_blueprint
from api.job_service import JobService
from api.jobs import jobs_blueprint
from api.model_list import models_blueprint
from api.results import results_blueprint
from api.validation import refuse_fields
from core.catalog import find_model
from core.config import Settings
from core.job_folder import open_job_folder
from core.queue import open_job_store

# Within the three seconds that any answer may take.
_REDIS_SECONDS = 2


class Api(OpenAPI):
    """An app whose request bodies are read strictly."""

    request_class = JsonRequest


def create_app(settings: Settings) -> Flask:
    """The app; connects to nothing yet. Raises ConfigError or InvalidRequest for bad settings."""
    find_model(settings.default_model, settings.model_files)
    store = open_job_store(settings, socket_timeout=_REDIS_SECONDS)
    # A results file may take minutes to send, which an impatient folder would cut short.
    folder, patient_folder = open_job_folder(settings, impatient=True), open_job_folder(settings)
    service = JobService(settings, store, folder, patient_folder)
    app = Api(
        __name__,
        info=Info(title="MegaBatch", version=_version()),
        validation_error_model=Problem,
        validation_error_callback=refuse_fields,
        doc_ui=False,
    )
    app.json.sort_keys = False  # type: ignore[attr-defined]  # of Flask's own provider
    handle_errors(app)
    add_headers(app)
    app.register_api(jobs_blueprint(service, settings))
    app.register_api(results_blueprint(service))
    app.register_api(models_blueprint(store, settings))
    checks = {"redis": store.ping, "storage": folder.probe}
    app.register_blueprint(health_blueprint(checks))
    app.add_url_rule("/openapi.json", "openapi", lambda: _spec(app))
    return app


def _spec(app: OpenAPI) -> Response:
    return jsonify(app.api_doc)


def _version() -> str:
    try:
        return version("megabatch")
    except PackageNotFoundError:  # run from a checkout that was not installed
        return "0"

"""The Flask app of the HTTP API."""

from functools import cache, partial
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from flask import Flask
from flask_openapi3 import APIBlueprint, Info, OpenAPI

from api.auth import Keys, protect
from api.body import JsonRequest
from api.container_urls import ContainerUrls, container_urls_blueprint
from api.deletion import Deletion, deletion_blueprint
from api.description import ABOUT, SECURITY_SCHEMES, describe
from api.documentation import documentation_blueprint
from api.errors import Problem, handle_errors
from api.headers import add_headers
from api.health import health_blueprint
from api.job_service import JobService
from api.jobs import jobs_blueprint
from api.large_answers import bound_large_answers
from api.legacy import legacy_blueprint
from api.limits import Limits
from api.link_service import LinkService
from api.links import link_files_blueprint, links_blueprint
from api.metrics import count_requests, metrics_blueprint
from api.model_list import models_blueprint
from api.pages import pages_blueprint
from api.priority import Priorities, priority_blueprint
from api.proxies import trust_proxies
from api.queries import refuse_repeated
from api.result_files import ResultFiles
from api.results import results_blueprint
from api.retries import Retries, retries_blueprint
from api.service_metrics import ServiceCollector
from api.validation import refuse_fields
from api.webhooks import open_webhooks, webhooks_blueprint
from core.catalog import find_model, known_models
from core.config import Settings
from core.containers.opening import load_azure
from core.job_folder import open_job_folder
from core.key_ring import open_key_ring
from core.links import open_links
from core.queue import open_job_store

# Within the three seconds that any answer may take.
_REDIS_SECONDS = 2


class Api(OpenAPI):
    """An app whose request bodies are read strictly."""

    request_class = JsonRequest

    def register_api(self, api: APIBlueprint, **options: Any) -> None:
        # Of two blueprints with one path, flask-openapi3 (4.3.2) would describe the second alone.
        known = dict(self.paths)
        super().register_api(api, **options)
        for path in known.keys() & self.paths.keys():
            item, added = known[path], self.paths[path]
            more = {name: getattr(added, name) for name in added.model_fields_set}
            self.paths[path] = item.model_copy(update=more)


def create_app(settings: Settings, most_large_answers: int = 32) -> Flask:
    """The app; connects to nothing yet. Raises ConfigError or InvalidRequest for bad settings.

    `most_large_answers`: how many may be on their way at a time.
    """
    load_azure()
    find_model(settings.default_model, settings.model_files)
    store = open_job_store(settings, socket_timeout=_REDIS_SECONDS)
    # A results file may take minutes to send, which an impatient folder would cut short.
    folder, patient_folder = open_job_folder(settings, impatient=True), open_job_folder(settings)
    service = JobService(settings, store, folder)
    files = ResultFiles(service, folder, patient_folder)
    links = LinkService(service, open_links(settings, impatient=True))
    app = _empty_app()
    requests = count_requests(app)
    limits = Limits(settings)
    keys = Keys(open_key_ring(settings, impatient=True), limits)
    protect(app, keys, limits)
    refuse_repeated(app)
    app.register_api(jobs_blueprint(service, settings))
    app.register_api(results_blueprint(files))
    app.register_api(links_blueprint(links))
    redirects = settings.link_redirects
    app.register_api(link_files_blueprint(links, files, redirects=redirects))
    app.register_api(models_blueprint(store, settings))
    models = known_models(settings.model_files)
    app.register_api(metrics_blueprint(requests, ServiceCollector(store, models)))
    app.register_api(retries_blueprint(Retries(service, folder)))
    renewals = ContainerUrls(settings, service, store, folder)
    app.register_api(container_urls_blueprint(renewals))
    app.register_api(priority_blueprint(Priorities(service, store, folder), service))
    app.register_api(deletion_blueprint(Deletion(service, store, folder)))
    app.register_api(webhooks_blueprint(open_webhooks(settings, service, store, folder)))
    app.register_api(legacy_blueprint(service, links, keys, settings))
    app.register_blueprint(pages_blueprint(settings, keys, links, service, files))
    checks = {"redis": store.check_fitness, "storage": folder.probe}
    app.register_api(health_blueprint(checks))
    description = cache(partial(describe, app))
    app.register_api(documentation_blueprint(description))
    description()  # now, for it describes what is there when it is first asked
    trust_proxies(app, settings.trusted_proxies)
    bound_large_answers(app, most_large_answers)
    return app


def _empty_app() -> Api:
    """An app without endpoints, whose errors are problems."""
    app = Api(
        __name__,
        info=Info(title="MegaBatch", version=_version(), description=ABOUT),
        validation_error_model=Problem,
        validation_error_callback=refuse_fields,
        security_schemes=SECURITY_SCHEMES,
        doc_ui=False,
    )
    app.json.sort_keys = False  # type: ignore[attr-defined]  # of Flask's own provider
    handle_errors(app)
    add_headers(app)
    return app


def _version() -> str:
    try:
        return version("megabatch")
    except PackageNotFoundError:  # run from a checkout that was not installed
        return "0"

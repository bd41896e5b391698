"""`/v1/models`: what a job may name as its model."""

from flask import Response
from flask_openapi3 import APIBlueprint, Tag

from api.errors import PROBLEM_RESPONSES
from api.resources import ModelsResource, json_answer, model_resource
from core.catalog import known_models
from core.config import Settings
from core.job_store import JobStore

_TAG = Tag(name="models", description="The known models, and who serves them.")


def models_blueprint(store: JobStore, settings: Settings) -> APIBlueprint:
    blueprint = APIBlueprint(
        "models",
        __name__,
        url_prefix="/v1/models",
        abp_tags=[_TAG],
        abp_responses=PROBLEM_RESPONSES,
    )

    @blueprint.get("", responses={200: ModelsResource})
    def show_all() -> Response:
        """List the models."""
        models = [
            model_resource(
                model,
                default=model.name == settings.default_model,
                workers=store.live_workers(model.name),
            )
            for model in known_models(settings.model_files).values()
        ]
        return json_answer(ModelsResource(data=models))

    return blueprint

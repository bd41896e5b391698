"""What a body of the API of 2019 asks for, by that API's own rules. Pure."""

import re
from collections.abc import Mapping
from typing import Any

from core.catalog import Model, known_models
from core.config import Settings
from core.containers.sas import parse_sas
from core.errors import InvalidRequest
from core.jobs import JobRequest

#: Letters of a name, as that API took them.
_MAX_NAME = 32
_NAME = re.compile(rf"[A-Za-z0-9_-]{{0,{_MAX_NAME}}}", re.ASCII)
_FALSE = frozenset({"", "false", "f", "no", "n", "0"})
_MAX_URL, _MAX_PREFIX, _MAX_COUNT = 4096, 1024, 2**53
_OUTPUT_THRESHOLD = 0.1


def legacy_version(model: Model) -> str:
    """How that API called a model: MegaDetector by its version alone."""
    return model.version if model.name == f"megadetector-v{model.version}" else model.name


def legacy_models(settings: Settings) -> dict[str, str]:
    """The versions that can be asked for, sorted, and the models that they mean."""
    models = known_models(settings.model_files).values()
    return dict(sorted((legacy_version(model), model.name) for model in models))


def read_caller(body: Mapping[str, Any]) -> str:
    """Who says to be calling; empty where nobody does."""
    return _text(body, "caller")


def build_legacy_request(body: Mapping[str, Any], settings: Settings) -> JobRequest:
    """The job that is asked for. Fields that the API of 2019 did not know are passed over.

    Raises InvalidRequest.
    """
    by_urls = _truth(body, "use_url")
    container = _text(body, "input_container_sas")
    images_url = _text(body, "images_requested_json_sas")
    _check_source(container, images_url, by_urls=by_urls)
    return JobRequest(
        container_url=None if by_urls else container,
        images_url=images_url or None,
        prefix=_text(body, "image_path_prefix", _MAX_PREFIX),
        first_n=_count(body, "first_n"),
        sample_n=_count(body, "sample_n"),
        model=_model(body, settings),
        detection_threshold=_OUTPUT_THRESHOLD,
        name=_name(body),
        # Programs of that time draw boxes on pictures as they are stored, not upright.
        preprocessing="legacy-2019",
        format_version="1.0",
    )


def _check_source(container: str, images_url: str, *, by_urls: bool) -> None:
    if by_urls:
        if not images_url:
            raise InvalidRequest(
                "images_requested_json_sas is required because use_url is true: it is where the "
                "list of image URLs is read from."
            )
        return
    if not container:
        raise InvalidRequest("input_container_sas with read and list access is required.")
    sas = parse_sas(_url(container, "input_container_sas"))
    if sas.signed and not sas.policy and not {"r", "l"} <= set(sas.rights):
        raise InvalidRequest("input_container_sas does not have both read and list access.")


def _url(text: str, field: str) -> str:
    if not text.lower().startswith(("https://", "http://")):
        raise InvalidRequest(f"{field} is not a URL.")
    return text


def _model(body: Mapping[str, Any], settings: Settings) -> str:
    asked = body.get("model_version")
    if asked in (None, ""):
        return settings.default_model
    models = legacy_models(settings)
    if isinstance(asked, bool) or not isinstance(asked, int | float | str):
        raise InvalidRequest(f"model_version must be one of {', '.join(models)}.")
    try:
        return models[str(asked)]
    except KeyError:
        version = str(asked)[:_MAX_NAME]
        raise InvalidRequest(f"model_version {version} is not supported.") from None


def _name(body: Mapping[str, Any]) -> str:
    name = body.get("request_name")
    if name is None:
        return ""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InvalidRequest(
            f"request_name must be a string of at most {_MAX_NAME} letters of A-Z a-z 0-9 '_' '-'."
        )
    return name


def _text(body: Mapping[str, Any], field: str, longest: int = _MAX_URL) -> str:
    value = body.get(field)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > longest:
        raise InvalidRequest(f"{field} must be a string of at most {longest} letters.")
    return value


def _truth(body: Mapping[str, Any], field: str) -> bool:
    value = body.get(field)
    if isinstance(value, list | dict):
        raise InvalidRequest(f"{field} must be true or false.")
    return value.strip().lower() not in _FALSE if isinstance(value, str) else bool(value)


def _count(body: Mapping[str, Any], field: str) -> int | None:
    """A number as `int()` reads it; nothing, and 0, ask for every image."""
    value = body.get(field)
    if value in (None, "", 0):
        return None
    try:
        count = int(value)
    except (TypeError, ValueError, OverflowError):
        count = -1
    if not 0 <= count < _MAX_COUNT:
        raise InvalidRequest(f"{field} must be a whole number above 0.")
    return count or None

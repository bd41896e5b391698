"""From the body of a request to the JobRequest that it means. Pure, but for a random seed."""

import secrets

import msgspec

from api.problems import FieldError, InvalidFields, UnreadableBody
from api.schemas import JobBody, WebhookBody
from core.catalog import find_model
from core.config import Settings
from core.containers.image_list_source import find_duplicates, parse_image_list
from core.jobs import JobRequest, RequestedImage, Webhook
from core.secrets import without_secrets

_SHOWN_DUPLICATES = 5
_SHOWN_LETTERS = 100


# An Azure blob name has 1024 letters at most; in a URL each may take nine, and a SAS follows.
_MAX_NAME = 10_000
_MAX_TEXT = 1000


def build_request(body: JobBody, settings: Settings) -> JobRequest:
    """What is asked for, with every default filled in. Raises InvalidRequest."""
    images = _read_images(body)
    errors = (*_check_source(body), *_check_prefix(body), *_check_images(body, images or []))
    if errors:
        raise InvalidFields(errors)
    model = find_model(body.model or settings.default_model, settings.model_files)
    threshold = body.detection_threshold
    return JobRequest(
        container_url=body.container_url,
        images_url=body.images_url,
        images=None if images is None else tuple(images),
        prefix=body.prefix,
        strip_prefix=body.strip_prefix,
        first_n=body.first_n,
        sample_n=body.sample_n,
        sample_seed=_seed(body),
        model=model.name,
        detection_threshold=model.detection_threshold if threshold is None else threshold,
        name=body.name,
        truncated_images=body.truncated_images,
        preprocessing=body.preprocessing,
        include=tuple(dict.fromkeys(body.include)),
        metadata=body.metadata,
        webhook=webhook_of(body.webhook),
        previous_job=body.previous_job,
        format_version=body.format_version,
    )


def webhook_of(body: WebhookBody | None) -> Webhook | None:
    return None if body is None else Webhook(body.url, tuple(dict.fromkeys(body.events)))


def _seed(body: JobBody) -> int:
    if body.sample_seed is not None:
        return body.sample_seed
    # Shown in the job, so that the same sample can be asked for again.
    return secrets.randbelow(2**32) if body.sample_n else 0


def _check_source(body: JobBody) -> list[FieldError]:
    if body.images is not None and body.images_url is not None:
        text = "images and images_url exclude each other; give the list once."
        return [FieldError(text, pointer="/images_url")]
    if body.container_url is None and body.images_url is None and body.images is None:
        text = "Say where the images are: give container_url, images_url or images."
        return [FieldError(text, pointer="/container_url")]
    return []


def _check_prefix(body: JobBody) -> list[FieldError]:
    if body.prefix.startswith(body.strip_prefix):
        return []
    text = "strip_prefix is taken off every name, so prefix must start with it: give prefix, too."
    return [FieldError(text, pointer="/strip_prefix")]


def _read_images(body: JobBody) -> list[RequestedImage] | None:
    if body.images is None:
        return None
    try:
        return list(parse_image_list(msgspec.json.encode(body.images)))
    except RecursionError:
        raise UnreadableBody("The body is nested too deeply.") from None


def _check_images(body: JobBody, images: list[RequestedImage]) -> list[FieldError]:
    for index, image in enumerate(images):
        text = _about_image(image, in_container=body.container_url is not None)
        if text:
            return [FieldError(text, pointer=f"/images/{index}")]
    return _check_duplicates(images)


def _about_image(image: RequestedImage, *, in_container: bool) -> str:
    if in_container and "://" in image.name:
        return "With a container_url, images holds names within the container, not URLs."
    if len(image.name) > _MAX_NAME:
        return f"A name may have {_MAX_NAME} letters at most."
    if len(image.meta or "") > _MAX_TEXT:
        return f"The text about an image may have {_MAX_TEXT} letters at most."
    return ""


def _check_duplicates(images: list[RequestedImage]) -> list[FieldError]:
    # One image under two signatures is one image.
    shown = [RequestedImage(_shown(image.name)) for image in images]
    duplicates = find_duplicates(shown)
    if not duplicates:
        return []
    names = ", ".join(repr(name[:_SHOWN_LETTERS]) for name in duplicates[:_SHOWN_DUPLICATES])
    more = len(duplicates) - _SHOWN_DUPLICATES
    tail = f" and {more} more" if more > 0 else ""
    text = f"images names some images more than once: {names}{tail}. Name each once."
    return [FieldError(text, pointer="/images")]


def _shown(name: str) -> str:
    return without_secrets(name) if "://" in name else name

"""What a request may hold. Wrong types and unknown names are refused, in words that help."""

import difflib
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    model_validator,
)
from pydantic.config import JsonDict
from pydantic_core import PydanticCustomError

from core.jobs import (
    EVENTS,
    Event,
    FormatVersion,
    IncludeField,
    Preprocessing,
    TruncatedImages,
)
from core.links import LINK_DAYS, Gives

_MAX_ENTRIES = 10_000
_MAX_PAIRS = 16
MAX_JOB_NAME = 92
# Enough to see what is wrong; a hostile body may hold a million unknown names.
_SHOWN_NAMES = 3
_SHOWN_LETTERS = 40

#: Names of the API of 2019, and what they are called now.
_OF_2019 = {
    "input_container_sas": "container_url",
    "images_requested_json_sas": "images_url",
    "image_path_prefix": "prefix",
    "model_version": "model",
    "request_name": "name",
}

_Url = Annotated[str, Field(min_length=1, max_length=4096)]
_Prefix = Annotated[str, Field(max_length=1024)]
_Key = Annotated[str, Field(min_length=1, max_length=64)]
_Value = Annotated[str, Field(max_length=512)]
# JSON has words alone, which a strict model takes for no member of an enum.
_Gives = Annotated[Gives, Field(strict=False)]


def _few_pairs(value: Any) -> Any:
    # pydantic counts after it has looked at every pair.
    if isinstance(value, dict) and len(value) > _MAX_PAIRS:
        raise PydanticCustomError("too_many_pairs", "too many pairs", {"most": _MAX_PAIRS})
    return value


# Read by `core.containers.image_list_source`, as the list behind an images_url is.
_Entry = Annotated[
    Any,
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string"},
                {"type": "array", "items": {"type": "string"}, "minItems": 2, "maxItems": 2},
            ]
        }
    ),
]


class Strict(BaseModel):
    """Takes no name that it does not know, and says which one was probably meant."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data  # pydantic refuses it
        unknown = [name for name in data if name not in cls.model_fields]
        if unknown:
            names = unknown[:_SHOWN_NAMES]
            text = " ".join(_about_unknown(name, list(cls.model_fields)) for name in names)
            raise PydanticCustomError("unknown", "{text}", {"text": text, "name": names[0]})
        return data


def _about_unknown(name: str, known: list[str]) -> str:
    short = name[:_SHOWN_LETTERS]
    now = _OF_2019.get(name)
    if now in known:
        return f"{short!r} is what the API of 2019 knew; here it is called {now!r}."
    near = difflib.get_close_matches(short, known, n=1)
    if near:
        return f"{short!r} is not known; did you mean {near[0]!r}?"
    return f"{short!r} is not known. Known are: {', '.join(known)}."


class WebhookBody(Strict):
    """Where to tell of a job."""

    model_config = ConfigDict(strict=True)

    url: _Url = Field(
        description="An https URL, which gets a signed POST for each event. It is never shown "
        "again but for its host."
    )
    events: list[Event] = Field(
        default_factory=lambda: list(EVENTS),
        min_length=1,
        max_length=len(EVENTS),
        description="What to tell; everything where absent.",
    )


_EXAMPLE: JsonDict = {
    "container_url": "https://account.blob.core.windows.net/season-1"
    "?sv=2024-11-04&sr=c&sp=rl&se=2027-05-31&sig=...",
    "name": "north valley spring",
    "metadata": {"site": "north valley"},
}


class JobBody(Strict):
    """The body of `POST /v1/jobs`. Name a container, a list of images, or names in a container."""

    model_config = ConfigDict(strict=True, json_schema_extra={"examples": [_EXAMPLE]})

    container_url: _Url | None = Field(
        None,
        description="SAS URL of an Azure container, with Read and List, "
        "or a local folder that the service may read.",
    )
    images_url: _Url | None = Field(
        None, description="URL of a JSON list of images, shaped like `images`."
    )
    images: list[_Entry] | None = Field(
        None,
        min_length=1,
        max_length=_MAX_ENTRIES,
        description="Names within the container, or whole URLs where there is none; "
        "`[name, text]` carries a text into the results.",
    )
    prefix: _Prefix = Field("", description="Only names that start so; case counts.")
    strip_prefix: _Prefix = Field(
        "", description="Taken off the front of names in the results; `prefix` must start with it."
    )
    first_n: int | None = Field(None, ge=1, description="Only the first so many images.")
    sample_n: int | None = Field(None, ge=1, description="So many images at random.")
    sample_seed: int | None = Field(
        None, ge=0, lt=2**53, description="Makes the same sample again; chosen where absent."
    )
    model: str | None = Field(
        None, min_length=1, max_length=64, description="A name of `GET /v1/models`."
    )
    detection_threshold: float | None = Field(
        None, ge=0, lt=1, description="Detections must score above it; the model's where absent."
    )
    name: str = Field(
        "",
        max_length=MAX_JOB_NAME,
        pattern=r"^[A-Za-z0-9_. -]*$",
        description="A name for people.",
    )
    truncated_images: TruncatedImages = Field(
        "fail", description="Whether an image that was cut off fails, or is padded and marked."
    )
    format_version: FormatVersion = Field(
        "1.6",
        description="The version of the format that the results are handed out in; 1.0 leaves out "
        "the images that failed, which stand in `failed-images`.",
    )
    preprocessing: Preprocessing = Field(
        "native", description="`legacy-2019` resizes as the service of 2019 did."
    )
    include: list[IncludeField] = Field(
        default_factory=list, max_length=8, description="What the results hold on top: `gps`."
    )
    metadata: Annotated[dict[_Key, _Value], BeforeValidator(_few_pairs)] = Field(
        default_factory=dict,
        description="Up to 16 pairs of your own, given back as they are.",
        json_schema_extra={"maxProperties": _MAX_PAIRS},
    )
    webhook: WebhookBody | None = Field(None, description="Be told what happens to the job.")
    previous_job: str | None = Field(
        None,
        max_length=64,
        description="Id of an earlier job on this container that was asked for with the same "
        "settings: images that succeeded there, and have the same name, size and ETag now, are "
        "taken over.",
    )


class RetryBody(Strict):
    """The body of `POST /v1/jobs/{id}/retry-failed`: what is to be other than in that job."""

    model_config = ConfigDict(strict=True, openapi_extra={"required": False})  # type: ignore[typeddict-unknown-key]

    container_url: _Url | None = Field(
        None, description="A fresh URL of the same container, where the SAS has expired."
    )
    truncated_images: Literal["accept"] | None = Field(
        None, description="Pad images that were cut off, and mark them."
    )
    name: str | None = Field(
        None,
        max_length=MAX_JOB_NAME,
        pattern=r"^[A-Za-z0-9_. -]*$",
        description="A name for people.",
    )
    metadata: Annotated[dict[_Key, _Value], BeforeValidator(_few_pairs)] | None = Field(
        None, description="Up to 16 pairs of your own, in place of those of that job."
    )
    webhook: WebhookBody | None = Field(None, description="Be told here, and not where it was.")


class ContainerUrlBody(Strict):
    """The body of `PUT /v1/jobs/{id}/container-url`."""

    model_config = ConfigDict(strict=True)

    container_url: _Url = Field(
        description="SAS URL of the same container as before, with Read and List."
    )


class PriorityBody(Strict):
    """The body of `PUT /v1/jobs/{id}/priority`."""

    model_config = ConfigDict(strict=True)

    priority: int = Field(
        ge=0, le=9, description="0 is what every job begins with; higher comes first."
    )


class LinkBody(Strict):
    """The body of `POST /v1/jobs/{id}/links`; `{}` asks for everything."""

    model_config = ConfigDict(strict=True)

    gives: list[_Gives] = Field(
        default_factory=lambda: list(Gives),
        min_length=1,
        max_length=4,
        description="What the link gives to read.",
    )
    days: int = Field(
        LINK_DAYS,
        ge=1,
        le=36_500,
        description="How long it works, but no longer than the job is kept.",
    )


class JobPath(BaseModel):
    """The part of a path that names a job."""

    job_id: str = Field(
        description="32 hexadecimal digits.",
        json_schema_extra={
            "pattern": "^[0-9a-f]{32}$",
            "example": "237fbfbb36c348db94767fefbebafef3",
        },
    )

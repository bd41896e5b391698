"""What a request may hold. Wrong types and unknown names are refused, in words that help."""

import difflib
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from core.jobs import IncludeField, Preprocessing, TruncatedImages

_MAX_ENTRIES = 10_000
_MAX_PAIRS = 16
_MAX_PAGE = 200
# Enough to see what is wrong; a hostile body may hold a million unknown names.
_SHOWN_NAMES = 3
_SHOWN_LETTERS = 40

_Url = Annotated[str, Field(min_length=1, max_length=4096)]
_Prefix = Annotated[str, Field(max_length=1024)]
_Key = Annotated[str, Field(min_length=1, max_length=64)]
_Value = Annotated[str, Field(max_length=512)]


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


class _Strict(BaseModel):
    """Takes no name that it does not know, and says which one was probably meant."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown(cls, data: Any) -> Any:
        unknown = [name for name in data if name not in cls.model_fields]
        if unknown:
            names = unknown[:_SHOWN_NAMES]
            text = " ".join(_about_unknown(name, list(cls.model_fields)) for name in names)
            raise PydanticCustomError("unknown", "{text}", {"text": text, "name": names[0]})
        return data


def _about_unknown(name: str, known: list[str]) -> str:
    short = name[:_SHOWN_LETTERS]
    near = difflib.get_close_matches(short, known, n=1)
    if near:
        return f"{short!r} is not known; did you mean {near[0]!r}?"
    return f"{short!r} is not known. Known are: {', '.join(known)}."


class JobBody(_Strict):
    """The body of `POST /v1/jobs`. Name a container, a list of images, or names in a container."""

    model_config = ConfigDict(strict=True)

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
    model: str | None = Field(None, max_length=64, description="A name of `GET /v1/models`.")
    detection_threshold: float | None = Field(
        None, ge=0, lt=1, description="Detections must score above it; the model's where absent."
    )
    name: str = Field(
        "", max_length=92, pattern=r"^[A-Za-z0-9_. -]*$", description="A name for people."
    )
    truncated_images: TruncatedImages = Field(
        "fail", description="Whether an image that was cut off fails, or is padded and marked."
    )
    preprocessing: Preprocessing = Field(
        "native", description="`legacy-2019` resizes as the service of 2019 did."
    )
    include: list[IncludeField] = Field(
        default_factory=list, max_length=8, description="What the results hold on top: `gps`."
    )
    metadata: Annotated[dict[_Key, _Value], BeforeValidator(_few_pairs)] = Field(
        default_factory=dict, description="Up to 16 pairs of your own, given back as they are."
    )


class JobPath(BaseModel):
    """The part of a path that names a job."""

    job_id: str = Field(description="32 hexadecimal digits.")


class JobsQuery(_Strict):
    """The parameters of `GET /v1/jobs`."""

    limit: int = Field(50, ge=1, le=_MAX_PAGE, description="Jobs a page.")
    cursor: str | None = Field(
        None, max_length=100, description="`next_cursor` of the page before, as it is."
    )

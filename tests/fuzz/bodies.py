"""Target: bodies of requests, from their bytes to what is asked for."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec
from pydantic import BaseModel, ValidationError

from api.asking import build_request
from api.body import read_object
from api.legacy_request import build_legacy_request, read_caller
from api.problems import BodyTooLarge, InvalidFields, UnreadableBody
from api.schemas import ContainerUrlBody, JobBody, LinkBody, PriorityBody, RetryBody
from api.validation import refuse_fields
from core.config import Settings
from core.errors import InvalidRequest
from core.jobs import JobRequest

_SETTINGS = Settings(storage_url="file:///nowhere")
_SCHEMAS = (JobBody, RetryBody, ContainerUrlBody, PriorityBody, LinkBody)
# What is wrong is told in few words, whatever the body holds.
_MOST_WORDS = 5000
_URL = "https://a.blob.core.windows.net/c?sv=1&sr=c&sp=rl&se=2030-01-01&sig=S"


def seeds() -> Iterator[bytes]:
    whole = {
        "container_url": _URL,
        "images": ["a.jpg", "b.jpg"],
        "prefix": "a/",
        "strip_prefix": "a",
        "first_n": 5,
        "sample_n": 2,
        "sample_seed": 1,
        "model": "megadetector-v3",
        "detection_threshold": 0.2,
        "name": "north",
        "truncated_images": "accept",
        "format_version": "1.0",
        "preprocessing": "legacy-2019",
        "include": ["gps"],
        "metadata": {"a": "b"},
        "webhook": {"url": "https://x.example/", "events": ["job.completed"]},
    }
    yield json.dumps(whole).encode()
    for name, value in whole.items():
        yield json.dumps({name: value}).encode()
        yield json.dumps({name: [value]}).encode()
    bodies: tuple[dict[str, Any], ...] = (
        *({"images": [["a", "b"]]}, {"images": [["a"], [[[]]]]}, {"images": [f"{_URL}/a.jpg"] * 2}),
        *({"priority": 3}, {"gives": ["results"], "days": 3}, {"gives": [[]]}, {"days": 2**70}),
        {"input_container_sas": _URL, "caller": "x", "model_version": "3", "first_n": "5"},
        {"use_url": "yes", "images_requested_json_sas": _URL, "request_name": "x", "sample_n": 1e3},
        *({"input_container_sas": "https://[bad"}, {"model_version": 4.1}, {"first_n": True}),
    )
    for body in bodies:
        yield json.dumps(body).encode()
    yield from (
        b"",
        b"{}",
        b"[]",
        b"null",
        b'{"a":NaN}',
        b'{"a":1e999}',
        b'{"a":"\\ud800"}',
        b"{" * 99,
    )
    yield from (b'{"a":1,"a":2}', b"\xef\xbb\xbf{}", b'{"images":' + b"[" * 900 + b"]" * 900 + b"}")


def check(data: bytes) -> None:
    try:
        body = read_object(data)
    except (UnreadableBody, BodyTooLarge) as error:
        assert 0 < len(error.message) < _MOST_WORDS
        return
    assert json.dumps(body, ensure_ascii=False).encode()
    assert body == msgspec.json.decode(data)
    for schema in _SCHEMAS:
        _check_schema(schema, body)
    _check_request(lambda: build_legacy_request(body, _SETTINGS))
    _check_caller(body)


def _check_schema(schema: type[BaseModel], body: Mapping[str, Any]) -> None:
    try:
        read = schema.model_validate(body)
    except ValidationError as error:
        _check_refusal(error)
        return
    except RecursionError as error:
        raise AssertionError("a body is nested too deeply for its schema") from error
    if isinstance(read, JobBody):
        _check_request(lambda: build_request(read, _SETTINGS))


def _check_refusal(error: ValidationError) -> None:
    try:
        refuse_fields(error)
    except InvalidFields as told:
        assert told.errors
        assert sum(len(one.detail) + len(one.pointer) for one in told.errors) < _MOST_WORDS
        assert all(one.pointer.startswith("/") or not one.pointer for one in told.errors)


def _check_request(build: Callable[[], JobRequest]) -> None:
    try:
        asked = build()
    except (InvalidRequest, UnreadableBody) as error:
        assert len(error.message) < _MOST_WORDS
        return
    assert msgspec.json.decode(msgspec.json.encode(asked), type=JobRequest) == asked


def _check_caller(body: Mapping[str, Any]) -> None:
    try:
        assert isinstance(read_caller(body), str)
    except InvalidRequest as error:
        assert len(error.message) < _MOST_WORDS

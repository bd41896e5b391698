"""Every rule of every field, told by the API itself."""

from typing import Any

import pytest
from flask.testing import FlaskClient

URL = "https://account.blob.core.windows.net/c"

# Fields, the pointer of the problem, words of it.
WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"container_url": 1}, "/container_url", "must be text"),
    ({"container_url": ""}, "/container_url", "must not be empty"),
    ({"container_url": "https://a/" + "x" * 5000}, "/container_url", "4096 letters"),
    ({"images_url": ["x"]}, "/images_url", "must be text"),
    ({"images": "a.jpg"}, "/images", "must be a list"),
    ({"images": []}, "/images", "leave it out"),
    ({"images": ["a.jpg"] * 10_001}, "/images", "images may have 10000 entries at most; put"),
    ({"images": ["a.jpg"] * 10_001}, "/images", "give its URL as images_url."),
    ({"images": [1]}, "/images/0", "neither a name nor a pair"),
    ({"images": ["a", ["b", "c"]]}, "/images/1", "mixes"),
    ({"images": [["a", "b", "c"]]}, "/images/0", "neither"),
    ({"images": [["a", 1]]}, "/images/0", "neither"),
    ({"images": [{"file": "a.jpg"}]}, "/images/0", "object"),
    ({"images": ["a", ""]}, "/images/1", "empty"),
    ({"images": ["x" * 10_001]}, "/images/0", "10000 letters"),
    ({"images": [["a", "x" * 1001]]}, "/images/0", "1000 letters"),
    ({"images": ["a", "b", "a", "b", "c"]}, "/images", "'a', 'b'."),
    ({"images": list("abcdefg") * 2}, "/images", "and 2 more"),
    ({"images": ["a", f"{URL}/b.jpg"]}, "/images/1", "not URLs"),
    ({"images": ["a"], "images_url": URL}, "/images_url", "exclude each other"),
    ({"prefix": 1}, "/prefix", "must be text"),
    ({"prefix": "x" * 1025}, "/prefix", "1024 letters"),
    ({"strip_prefix": "x" * 1025}, "/strip_prefix", "1024 letters"),
    ({"strip_prefix": "b", "prefix": "a/b"}, "/strip_prefix", "prefix must start with it"),
    ({"strip_prefix": "a"}, "/strip_prefix", "prefix must start with it"),
    ({"first_n": 0}, "/first_n", "at least 1"),
    ({"first_n": "3"}, "/first_n", "whole number"),
    ({"first_n": 3.0}, "/first_n", "whole number"),
    ({"first_n": True}, "/first_n", "whole number"),
    ({"sample_n": 0}, "/sample_n", "at least 1"),
    ({"sample_n": "3"}, "/sample_n", "whole number"),
    ({"sample_seed": -1}, "/sample_seed", "at least 0"),
    ({"sample_seed": 2**53}, "/sample_seed", "below"),
    ({"model": "megadetector"}, "/model", "Known models: megadetector-v2"),
    ({"model": "x" * 65}, "/model", "64 letters"),
    ({"model": 3}, "/model", "must be text"),
    ({"model": ""}, "/model", "model must not be empty."),
    ({"model": "Demo"}, "/model", "There is no model 'Demo'; did you mean 'demo'? Known models: "),
    ({"model": "megadetector-v33"}, "/model", "did you mean 'megadetector-v3'?"),
    ({"model": "yolo"}, "/model", "There is no model 'yolo'. Known models: "),
    ({"detection_threshold": -0.1}, "/detection_threshold", "at least 0"),
    ({"detection_threshold": 1}, "/detection_threshold", "below 1"),
    ({"detection_threshold": "0.5"}, "/detection_threshold", "must be a number"),
    ({"detection_threshold": True}, "/detection_threshold", "must be a number"),
    ({"name": "a/b"}, "/name", "letters, digits"),
    ({"name": "a\n"}, "/name", "letters, digits"),
    ({"name": "<b>"}, "/name", "letters, digits"),
    ({"name": "n" * 93}, "/name", "92 letters"),
    ({"name": None}, "/name", "must be text"),
    ({"truncated_images": "pad"}, "/truncated_images", "'fail' or 'accept'"),
    ({"preprocessing": "2019"}, "/preprocessing", "'native' or 'legacy-2019'"),
    ({"include": "gps"}, "/include", "must be a list"),
    ({"include": ["exif"]}, "/include/0", "An entry of include must be 'gps'."),
    ({"webhook": {"url": "https://a", "events": ["x"]}}, "/webhook/events/0", "An entry of events"),
    ({"webhook": {"url": 1}}, "/webhook/url", "url must be text."),
    ({"include": ["gps"] * 9}, "/include", "8 entries"),
    ({"metadata": []}, "/metadata", "must be an object"),
    ({"metadata": {"a": 1}}, "/metadata/a", "'a' of metadata must be text."),
    ({"metadata": {"a/b~c": 1}}, "/metadata/a~1b~0c", "must be text"),
    ({"metadata": {"": "x"}}, "/metadata/", "A key of metadata must not be empty."),
    ({"metadata": {"k" * 65: "x"}}, f"/metadata/{'k' * 64}", "64 letters"),
    ({"metadata": {"a": "x" * 513}}, "/metadata/a", "512 letters"),
    ({"metadata": {str(i): "" for i in range(17)}}, "/metadata", "16 pairs"),
    ({"contaner_url": "x"}, "/contaner_url", "did you mean 'container_url'?"),
    ({"threshold": 0.5}, "/threshold", "not known"),
    ({"zzz": 1}, "/zzz", "Known are: container_url"),
    ({"request_name": "x"}, "/request_name", "here it is called 'name'."),
    ({"image_path_prefix": "x"}, "/image_path_prefix", "here it is called 'prefix'."),
    ({"input_container_sas": "x"}, "/input_container_sas", "here it is called 'container_url'."),
    ({"images_requested_json_sas": "x"}, "/images_requested_json_sas", "called 'images_url'."),
    ({"model_version": "3"}, "/model_version", "here it is called 'model'."),
    ({"z" * 1000: 1}, f"/{'z' * 64}", "not known"),
]


@pytest.mark.parametrize(("fields", "pointer", "words"), WRONG)
def test_a_wrong_field_is_named(
    client: FlaskClient, pictures: str, fields: dict[str, Any], pointer: str, words: str
) -> None:
    answer = client.post("/v1/jobs", json={"container_url": pictures, **fields})
    assert answer.status_code == 422
    assert answer.content_type == "application/problem+json"
    problem = answer.get_json(force=True)
    assert [error["pointer"] for error in problem["errors"]] == [pointer]
    assert words in problem["errors"][0]["detail"]


# Fields, and what the job's request shows of them.
RIGHT: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {"model": "demo", "detection_threshold": 0.1, "images": None, "sample_seed": None}),
    ({"name": ""}, {"name": ""}),
    ({"name": "Site 4_b.2-x"}, {"name": "Site 4_b.2-x"}),
    ({"name": "n" * 92}, {"name": "n" * 92}),
    ({"prefix": "a/b", "strip_prefix": "a/"}, {"prefix": "a/b", "strip_prefix": "a/"}),
    ({"first_n": 1, "sample_n": 1, "sample_seed": 7}, {"first_n": 1, "sample_seed": 7}),
    ({"sample_n": 2, "sample_seed": 0}, {"sample_n": 2, "sample_seed": 0}),
    ({"model": "megadetector-v4.1"}, {"model": "megadetector-v4.1", "detection_threshold": 0.1}),
    ({"detection_threshold": 0}, {"detection_threshold": 0.0}),
    ({"detection_threshold": 0.999}, {"detection_threshold": 0.999}),
    ({"truncated_images": "accept"}, {"truncated_images": "accept"}),
    ({"preprocessing": "legacy-2019"}, {"preprocessing": "legacy-2019"}),
    ({"include": ["gps", "gps"]}, {"include": ["gps"]}),
    ({"images": ["a.jpg", "b?c#d.jpg"]}, {"images": 2}),
    ({"images": [["a.jpg", "x"]]}, {"images": 1}),
    ({"images": [f"{n}.jpg" for n in range(10_000)]}, {"images": 10_000}),
    ({"metadata": {"k" * 64: "v" * 512}}, {"metadata": {"k" * 64: "v" * 512}}),
    ({"metadata": {str(i): "" for i in range(16)}}, {}),
]


@pytest.mark.parametrize(("fields", "shown"), RIGHT)
def test_a_right_field_is_taken_and_shown(
    client: FlaskClient, pictures: str, fields: dict[str, Any], shown: dict[str, Any]
) -> None:
    answer = client.post("/v1/jobs", json={"container_url": pictures, **fields})
    assert answer.status_code == 202, answer.text
    request = answer.get_json()["request"]
    assert {name: request[name] for name in shown} == shown


def test_all_wrong_fields_are_named_at_once(client: FlaskClient) -> None:
    answer = client.post("/v1/jobs", json={"first_n": 0, "sample_n": 0, "prefix": 1})
    pointers = {error["pointer"] for error in answer.get_json(force=True)["errors"]}
    assert pointers == {"/first_n", "/sample_n", "/prefix"}


@pytest.mark.parametrize("fields", [{}, {"name": "x"}, {"container_url": None}])
def test_a_job_says_where_its_images_are(client: FlaskClient, fields: dict[str, Any]) -> None:
    problem = client.post("/v1/jobs", json=fields).get_json(force=True)
    assert problem["errors"][0]["pointer"] == "/container_url"
    assert "images_url" in problem["errors"][0]["detail"]


@pytest.mark.parametrize(
    ("query", "parameter", "words"),
    [
        ("limit=0", "limit", "at least 1"),
        ("limit=201", "limit", "at most 200"),
        ("limit=x", "limit", "whole number"),
        ("limit=1.5", "limit", "whole number"),
        ("cursor=" + "x" * 101, "cursor", "100 letters"),
        ("limits=3", "limits", "did you mean 'limit'?"),
        ("limit=3&limit=3", "limit", "limit is given more than once"),
        ("x=1&x=2", "x", "x is given more than once"),
        ("z" * 100 + "=1&" + "z" * 100 + "=1", "z" * 64, "more than once"),
    ],
)
def test_a_wrong_parameter_is_named(
    client: FlaskClient, query: str, parameter: str, words: str
) -> None:
    answer = client.get(f"/v1/jobs?{query}")
    assert answer.status_code == 422
    error = answer.get_json(force=True)["errors"][0]
    assert error["parameter"] == parameter
    assert words in error["detail"]


@pytest.mark.parametrize("values", [("false", "true"), ("true", "true")])
def test_of_two_values_of_a_parameter_none_counts(
    client: FlaskClient, pictures: str, values: tuple[str, str]
) -> None:
    query = "&".join(f"validate_only={value}" for value in values)
    answer = client.post(f"/v1/jobs?{query}", json={"container_url": pictures})
    (error,) = answer.get_json(force=True)["errors"]
    assert (answer.status_code, error["parameter"]) == (422, "validate_only")
    assert client.get("/v1/jobs").get_json()["data"] == []


def test_what_takes_no_parameters_passes_over_them(client: FlaskClient) -> None:
    for path in ("/", "/v1/models", "/v2/camera-trap/detection-batch/"):
        assert client.get(f"{path}?a=1&a=2").status_code == 200


def test_a_retry_does_not_know_names_of_2019(client: FlaskClient) -> None:
    path = f"/v1/jobs/{'0' * 32}/retry-failed"
    (error,) = client.post(path, json={"model_version": "3"}).get_json(force=True)["errors"]
    assert "Known are: container_url" in error["detail"]

import json

import pytest
from flask.testing import FlaskClient

from api.body import MAX_BODY_BYTES, read_object
from api.problems import BodyTooLarge, UnreadableBody

HOSTILE = {
    "nothing": (b"", "not valid JSON"),
    "cut off": (b'{"name":', "not valid JSON"),
    "two values": (b"{} {}", "not valid JSON"),
    "a comment": (b"{} // x", "not valid JSON"),
    "single quotes": (b"{'name': 'x'}", "not valid JSON"),
    "NaN": (b'{"first_n": NaN}', "not valid JSON"),
    "Infinity": (b'{"first_n": Infinity}', "not valid JSON"),
    "minus Infinity": (b'{"first_n": -Infinity}', "not valid JSON"),
    "a number beyond range": (b'{"first_n": 1e999}', "not valid JSON"),
    "a number of 5000 digits": (b'{"first_n": ' + b"9" * 5000 + b"}", "not valid JSON"),
    "duplicate keys": (b'{"name": "a", "name": "b"}', "a key twice"),
    "duplicate keys inside": (b'{"metadata": {"a": "1", "\\u0061": "2"}}', "a key twice"),
    "a byte order mark": (b"\xef\xbb\xbf{}", "byte order mark"),
    "UTF-16": ('{"name": "x"}'.encode("utf-16"), "not"),
    "Latin-1": (b'{"name": "caf\xe9"}', "not UTF-8 (at offset 13)"),
    "a lone high surrogate": (b'{"name": "\\ud800"}', "not valid JSON"),
    "a lone low surrogate": (b'{"name": "\\udc00"}', "not valid JSON"),
    "an encoded surrogate": (b'{"name": "\xed\xa0\x80"}', "not UTF-8"),
    "a raw line end in text": (b'{"name": "a\nb"}', "not valid JSON"),
    "lists 100,000 deep": (b"[" * 100_000 + b"]" * 100_000, "too deeply"),
    "lists cut off deep": (b"[" * 100_000, "too deeply"),
    "objects 100,000 deep": (b'{"a":' * 100_000, "too deeply"),
    "a list": (b"[]", "must be a JSON object"),
    "text": (b'"{}"', "must be a JSON object"),
    "null": (b"null", "must be a JSON object"),
}


@pytest.mark.parametrize(("body", "words"), HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_body_is_a_problem(client: FlaskClient, body: bytes, words: str) -> None:
    answer = client.post("/v1/jobs", data=body, content_type="application/json")
    assert answer.status_code == 400
    problem = answer.get_json(force=True)
    assert problem["code"] == "body_unreadable"
    assert words in problem["detail"]


@pytest.mark.parametrize("depth", [100, 300, 400, 600, 900, 950, 980, 995, 2000])
def test_no_depth_is_an_error_of_ours(client: FlaskClient, depth: int) -> None:
    body = b'{"images":' + b"[" * depth + b"]" * depth + b"}"
    answer = client.post("/v1/jobs", data=body, content_type="application/json")
    assert answer.status_code in (400, 422)


def test_an_honest_body_is_read() -> None:
    value = {"name": "caf\u00e9 \U0001f98a", "metadata": {"a": "1"}, "images": [["a.jpg", "x"]]}
    assert read_object(json.dumps(value).encode()) == value
    assert read_object(json.dumps(value, ensure_ascii=False).encode()) == value


def test_an_unreadable_body_is_not_repeated() -> None:
    with pytest.raises(UnreadableBody) as refused:
        read_object(b'{"container_url": "https://a/?sig=CANARY", "x": nan}')
    assert "CANARY" not in refused.value.message


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
    ],
)
def test_only_json_is_taken(client: FlaskClient, content_type: str | None) -> None:
    answer = client.post("/v1/jobs", data=b"{}", content_type=content_type)
    assert (answer.status_code, answer.get_json(force=True)["code"]) == (
        415,
        "media_type_not_supported",
    )


def test_the_content_type_may_name_its_letters(client: FlaskClient) -> None:
    answer = client.post("/v1/jobs", data=b"{}", content_type="application/json; charset=utf-8")
    assert answer.status_code == 422


@pytest.mark.parametrize(("extra", "status"), [(0, 422), (1, 413)])
def test_the_size_of_a_body_has_a_limit(client: FlaskClient, extra: int, status: int) -> None:
    body = b"{" + b" " * (MAX_BODY_BYTES - 2 + extra) + b"}"
    answer = client.post("/v1/jobs", data=body, content_type="application/json")
    assert answer.status_code == status


def test_a_body_that_is_too_large_is_a_problem(client: FlaskClient) -> None:
    answer = client.post("/v1/jobs", data=b"x" * 20_000_000, content_type="application/json")
    problem = answer.get_json(force=True)
    assert problem["code"] == "body_too_large"
    assert "images_url" in problem["detail"]


FLOODS = {
    "unknown fields": b"{%s}" % b",".join(b'"%d":1' % i for i in range(100_000)),
    "pairs": b'{"metadata":{%s}}' % b",".join(b'"%d":1' % i for i in range(100_000)),
    "images": b'{"images":[%s]}' % b",".join([b"1"] * 100_000),
    "things to include": b'{"include":[%s]}' % b",".join([b"1"] * 100_000),
}


@pytest.mark.parametrize("body", FLOODS.values(), ids=FLOODS)
def test_a_flood_gets_a_short_answer(client: FlaskClient, body: bytes) -> None:
    answer = client.post("/v1/jobs", data=body, content_type="application/json")
    assert answer.status_code == 422
    assert len(answer.data) < 5000


@pytest.mark.parametrize("value", [b"1,", b"{},", b"[],"])
def test_a_body_of_countless_values_is_not_even_read(value: bytes) -> None:
    with pytest.raises(BodyTooLarge, match="images_url"):
        read_object(b'{"images":[' + value * 250_000 + b"1]}")


def test_the_longest_list_is_read_whole() -> None:
    images = [[f"a, [b] {{c}}, {n}.jpg", "a text, too"] for n in range(10_000)]
    assert read_object(json.dumps({"images": images}).encode()) == {"images": images}

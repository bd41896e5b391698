import pytest

from core.config import Settings
from core.containers.guard import Guard
from core.containers.image_list_source import (
    MAX_LIST_BYTES,
    fetch_image_list,
    find_duplicates,
    parse_image_list,
)
from core.containers.patience import Patience
from core.errors import InvalidRequest, StorageTrouble, UrlNotAllowed
from core.jobs import RequestedImage
from tests.unit.core.containers.scripted_server import Reply, serving


@pytest.mark.parametrize(
    ("data", "images"),
    [
        (b"[]", []),
        (b' ["a.jpg", "b/\xc3\xa9.jpg"] ', [("a.jpg", None), ("b/é.jpg", None)]),
        (b'[["a.jpg", "north"], ["b.jpg", ""]]', [("a.jpg", "north"), ("b.jpg", "")]),
        (b'\xef\xbb\xbf["a.jpg"]', [("a.jpg", None)]),
        (b'["a.jpg", "a.jpg"]', [("a.jpg", None), ("a.jpg", None)]),
    ],
)
def test_lists(data: bytes, images: list[tuple[str, str | None]]) -> None:
    assert list(parse_image_list(data)) == [RequestedImage(*image) for image in images]


@pytest.mark.parametrize(
    ("data", "words", "pointer"),
    [
        (b'{"images": ["a.jpg"]}', 'under "images" alone', ""),
        (b'{"a.jpg": 1}', "JSON object", ""),
        (b'"a.jpg"', "single JSON value", ""),
        (b"null", "single JSON value", ""),
        (b'["a.jpg", ["b.jpg", "x"]]', "mixes", "/1"),
        (b'[["a.jpg", "x"], "b.jpg"]', "mixes", "/1"),
        (b'[{"image_file": "a.jpg", "site": 1}]', "stands under 'image_file' alone", "/0"),
        (b"[{}]", "An entry is an object, not a name. It", "/0"),
        (b'[{"s3cret": "a.jpg"}]', "An entry is an object, not a name. It", "/0"),
        (b'["a.jpg", 1]', "neither", "/1"),
        (b'[["a.jpg"]]', "neither", "/0"),
        (b'[["a.jpg", "x", "y"]]', "neither", "/0"),
        (b'[["a.jpg", 1]]', "neither", "/0"),
        (b'[["a.jpg", null]]', "neither", "/0"),
        (b'["a.jpg", null]', "neither", "/1"),
        (b'["a.jpg", ""]', "empty name", "/1"),
        (b"a.jpg\nb.jpg\n", "plain text or CSV", ""),
        (b"file,site\na.jpg,1\n", "plain text or CSV", ""),
        (b"", "empty text", ""),
        (b" \n", "empty text", ""),
        (b"['a.jpg']", "not valid JSON", ""),
        (b'["a.jpg",]', "not valid JSON", ""),
        (b'["\xe9.jpg"]', "not valid JSON in UTF-8", ""),
        (b'["\\ud800.jpg"]', "not valid JSON", ""),
        (b"[" * 100_000, "not valid JSON", ""),
        ('["a.jpg"]'.encode("utf-16"), "UTF-16", ""),
    ],
)
def test_other_shapes_are_told_what_is_wanted(data: bytes, words: str, pointer: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_image_list(data, pointer="/images_url")
    error = caught.value
    assert (error.code, error.pointer) == ("bad_image_list", f"/images_url{pointer}")
    assert words in error.message
    assert '["a.jpg", "b.jpg"]' in error.message


def test_find_duplicates() -> None:
    names = ["b", "a", "b", "c", "a", "b"]
    assert find_duplicates([RequestedImage(name) for name in names]) == ["b", "a"]
    assert find_duplicates([]) == []


def test_a_list_is_fetched(guard: Guard, hasty: Patience) -> None:
    with serving(Reply(503), Reply(body=b'["a.jpg"]')) as server:
        images = fetch_image_list(f"{server.url}/list.json?sig=x", guard, patience=hasty)
    assert list(images) == [RequestedImage("a.jpg")]


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (Reply(404), "nothing at this URL"),
        (Reply(403), "SAS needs Read"),
        (Reply(302, headers={"Location": "http://127.0.0.1/"}), "redirect"),
        (Reply(400), "cannot be used"),
        (Reply(headers={"Content-Length": str(MAX_LIST_BYTES + 1)}, sent=0), "above 256 MB"),
    ],
)
def test_a_list_that_cannot_be_fetched(
    reply: Reply, words: str, guard: Guard, hasty: Patience
) -> None:
    with serving(reply) as server, pytest.raises(InvalidRequest, match=words) as caught:
        fetch_image_list(f"{server.url}/list.json?sig=CaNaRy", guard, patience=hasty)
    assert (caught.value.code, caught.value.pointer) == ("image_list_unreadable", "/images_url")
    assert "CaNaRy" not in caught.value.message


def test_a_list_of_the_wrong_shape_points_to_its_url(guard: Guard, hasty: Patience) -> None:
    with serving(Reply(body=b"secret text")) as server, pytest.raises(InvalidRequest) as caught:
        fetch_image_list(server.url, guard, patience=hasty)
    assert caught.value.pointer == "/images_url"
    assert "secret text" not in caught.value.message


def test_a_list_elsewhere_is_not_fetched() -> None:
    with serving(Reply(body=b"[]")) as server:
        with pytest.raises(UrlNotAllowed) as caught:
            fetch_image_list(server.url, Guard(Settings()))
        assert caught.value.pointer == "/images_url"
        assert server.asked == []


def test_a_server_that_does_not_answer(guard: Guard, hasty: Patience) -> None:
    with serving(Reply(503)) as server, pytest.raises(StorageTrouble):
        fetch_image_list(server.url, guard, patience=hasty)

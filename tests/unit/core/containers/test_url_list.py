from collections.abc import Iterator

import pytest

from core.config import Settings
from core.containers.guard import Guard
from core.containers.patience import Patience
from core.containers.url_list import UrlList, list_url
from core.errors import ContainerError, StorageTrouble
from core.failures import FailureCode, ImageFailure
from core.image_list import ListedImage
from core.jobs import RequestedImage
from core.sealing import Sealer
from tests.unit.core.containers.scripted_server import Reply, serving

GOOD = Reply(body=b"picture")


@pytest.fixture
def urls(guard: Guard, sealer: Sealer, hasty: Patience) -> Iterator[UrlList]:
    container = UrlList(guard, sealer, patience=hasty)
    yield container
    container.close()


def test_secrets_are_sealed_and_not_in_the_name(urls: UrlList, sealer: Sealer) -> None:
    with serving(GOOD) as server:
        url = f"{server.url}/c/my%20photo.jpg?sv=1&sig=CaNaRy%3D"
        image = list_url(RequestedImage(url, "north"), sealer)
        assert image.name == f"{server.url}/c/my%20photo.jpg"
        assert image.meta == "north"
        assert "CaNaRy" not in repr(image)
        assert urls.read(image) == b"picture"
        assert server.asked[0].target == "/c/my%20photo.jpg?sv=1&sig=CaNaRy%3D"


def test_a_url_without_secrets_is_its_own_name(urls: UrlList, sealer: Sealer) -> None:
    with serving(GOOD) as server:
        image = list_url(RequestedImage(f"{server.url}/a.jpg"), sealer)
        assert image == ListedImage(f"{server.url}/a.jpg")
        assert urls.read(image) == b"picture"


def test_images_told_apart_by_their_query_stay_two(urls: UrlList, sealer: Sealer) -> None:
    first, second = "https://host/get?si=1&v", "https://host/get?si=2&v"
    names = [list_url(RequestedImage(url), sealer).name for url in (first, second)]
    assert names == [first, second]


@pytest.mark.parametrize(
    "name", ["https://evil.com/a.jpg", "a.jpg", "", "https://127.0.0.1.evil.com"]
)
def test_a_url_that_may_not_be_read_is_a_failure(urls: UrlList, name: str) -> None:
    assert urls.read(ListedImage(name)) == ImageFailure(FailureCode.URL_NOT_ALLOWED)


def test_a_refusal_concerns_one_url(urls: UrlList) -> None:
    with serving(Reply(403), Reply(404), GOOD) as server:
        read = [urls.read(ListedImage(f"{server.url}/{number}")) for number in range(3)]
    assert read == [
        ImageFailure(FailureCode.FORBIDDEN),
        ImageFailure(FailureCode.NOT_FOUND),
        b"picture",
    ]


def test_a_host_that_does_not_exist(here: Settings, sealer: Sealer) -> None:
    urls = UrlList(Guard(here, lambda host, port: []), sealer)
    image = ListedImage("https://acct.blob.core.windows.net/a.jpg")
    assert urls.read(image) == ImageFailure(FailureCode.NOT_FOUND)
    urls.close()


@pytest.mark.parametrize("status", [503, 520])
def test_one_image_that_cannot_be_read_is_a_failure_and_many_are_trouble(
    urls: UrlList, status: int
) -> None:
    tries = urls._patience.tries + 2 * urls._patience.once_more().tries
    with serving(*[Reply(status)] * tries, GOOD, Reply(status)) as server:
        image = ListedImage(f"{server.url}/a.jpg")
        assert urls.read(image) == ImageFailure(FailureCode.UNREADABLE)
        assert urls.read(image) == b"picture"
        for _ in range(3):
            assert urls.read(image) == ImageFailure(FailureCode.UNREADABLE)
        with pytest.raises(StorageTrouble):
            urls.read(image)


def test_a_server_that_comes_back_fails_no_image(urls: UrlList) -> None:
    tries = urls._patience.tries + urls._patience.once_more().tries
    with serving(*[Reply(503)] * tries, GOOD) as server:
        assert urls.read(ListedImage(f"{server.url}/a.jpg")) == b"picture"


def test_there_is_nothing_to_list(urls: UrlList) -> None:
    with pytest.raises(ContainerError):
        urls.pages()

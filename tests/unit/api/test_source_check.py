from ipaddress import ip_network

import msgspec
import pytest

from api.source_check import check_source
from core.config import Settings
from core.errors import InvalidRequest
from core.jobs import RequestedImage
from tests.factories import job_request

GOOD = "http://127.0.0.1:1/account/c/a.jpg?sig=CANARY"


@pytest.fixture
def local(settings: Settings) -> Settings:
    """Settings that let this machine's own addresses be read."""
    ranges = (ip_network("127.0.0.0/8"),)
    return msgspec.structs.replace(settings, allowed_private_ranges=ranges)


def test_urls_that_may_be_read_pass(local: Settings) -> None:
    images = (RequestedImage(GOOD), RequestedImage(GOOD + "2"))
    check_source(job_request(images=images), local)
    check_source(job_request(images_url=GOOD), local)


@pytest.mark.parametrize(
    "url",
    [
        *("a.jpg", "", "/etc/passwd", "file:///etc/passwd", "ftp://127.0.0.1/a.jpg"),
        *("https://evil.example/a.jpg", "http://169.254.169.254/latest", "http://10.0.0.1/a.jpg"),
        *("https://user@127.0.0.1/a.jpg", "https://[::1", "http://2130706433/a.jpg"),
    ],
)
@pytest.mark.parametrize("where", ["images", "images_url"])
def test_a_url_that_may_not_be_read_is_refused(local: Settings, url: str, where: str) -> None:
    hostile = f"{url}?sig=CANARY"
    images = (RequestedImage(GOOD), RequestedImage(hostile))
    fields = {"images": images} if where == "images" else {"images_url": hostile}
    with pytest.raises(InvalidRequest) as refused:
        check_source(job_request(**fields), local)
    assert refused.value.code == "url_not_allowed"
    assert refused.value.pointer == ("/images/1" if where == "images" else "/images_url")
    assert "CANARY" not in refused.value.message


@pytest.mark.parametrize(
    ("query", "code"),
    [("sp=r&se=2020-01-01", "sas_expired"), ("sp=wl&se=2999-01-01", "sas_no_read")],
)
@pytest.mark.parametrize("where", ["images", "images_url"])
def test_a_signed_url_that_cannot_be_read_is_refused(
    local: Settings, query: str, code: str, where: str
) -> None:
    # Nothing listens there: nothing is asked.
    url = f"http://127.0.0.1:1/account/c/b.jpg?{query}&sig=CANARY"
    images = (RequestedImage(GOOD), RequestedImage(url))
    fields = {"images": images} if where == "images" else {"images_url": url}
    with pytest.raises(InvalidRequest) as refused:
        check_source(job_request(**fields), local)
    assert refused.value.code == code
    assert refused.value.pointer == ("/images/1" if where == "images" else "/images_url")
    assert "CANARY" not in refused.value.message


def test_every_image_is_looked_at(local: Settings) -> None:
    images = (*(RequestedImage(f"{GOOD}{n}") for n in range(2000)), RequestedImage("x"))
    with pytest.raises(InvalidRequest) as refused:
        check_source(job_request(images=images), local)
    assert refused.value.pointer == "/images/2000"


@pytest.mark.parametrize("container_url", ["/", "/etc", "relative", "http://169.254.169.254/x"])
def test_a_container_that_may_not_be_read_is_refused(local: Settings, container_url: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        check_source(job_request(container_url=container_url), local)
    assert refused.value.pointer == "/container_url"


def test_names_within_a_container_are_no_urls(local: Settings, pictures: str) -> None:
    images = (RequestedImage("a.jpg"), RequestedImage("odd?#.jpg"))
    check_source(job_request(container_url=pictures, images=images), local)


def test_the_list_of_names_in_a_container_is_checked_too(local: Settings, pictures: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        check_source(
            job_request(container_url=pictures, images_url="https://evil.example/x"), local
        )
    assert refused.value.pointer == "/images_url"

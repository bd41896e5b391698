import pytest

from core.containers.same import is_same_container
from core.errors import UrlNotAllowed

URL = "https://x.blob.core.windows.net/pictures"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (URL, URL + "?sv=1&sig=abc"),
        (URL + "?sig=old", URL + "/?sig=new"),
        (URL, "https://X.BLOB.core.windows.net:443/pictures"),
        (URL + "/a b", URL + "/a%20b"),
        ("/srv/pictures", "/srv/pictures/"),
        ("/srv/my pictures", "file:///srv/my%20pictures"),
    ],
)
def test_same(one: str, other: str) -> None:
    assert is_same_container(one, other)


@pytest.mark.parametrize(
    "other",
    [
        "http://x.blob.core.windows.net/pictures",
        "https://y.blob.core.windows.net/pictures",
        "https://x.blob.core.windows.net:8443/pictures",
        "https://x.blob.core.windows.net/Pictures",
        "https://x.blob.core.windows.net/pictures2",
        "https://x.blob.core.windows.net/pictures/deeper",
        "/pictures",
    ],
)
def test_not_the_same(other: str) -> None:
    assert not is_same_container(URL, other)


@pytest.mark.parametrize(
    "other", ["https://[::1", "file://[::1", "https://user@x.blob.core.windows.net/pictures", "x"]
)
def test_what_is_no_url_is_refused(other: str) -> None:
    with pytest.raises(UrlNotAllowed):
        is_same_container(URL, other)

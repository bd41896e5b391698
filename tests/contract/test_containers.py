"""What every container promises, run against each kind: a folder, Azure, and a list of URLs."""

import ipaddress
import json
import uuid
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import pytest

from core.config import Settings
from core.containers.azure import AzureContainer
from core.containers.folder import LocalFolder
from core.containers.guard import Guard
from core.containers.image_list_source import fetch_image_list
from core.containers.listing import Container, Page
from core.containers.names import is_image_name
from core.containers.opening import check_container, open_container
from core.containers.patience import Patience
from core.containers.url_list import UrlList, list_url
from core.errors import AccessRevoked, ContainerError, UrlNotAllowed
from core.failures import FailureCode, ImageFailure
from core.image_list import ListedImage
from core.jobs import RequestedImage
from core.sealing import Sealer, new_secret_key
from tests.azurite_server import Azurite
from tests.hostile_names import HOSTILE, is_blob_name, is_file_name

FILES = {
    "b.jpg": b"bee",
    "a/1.JPG": b"one",
    "a/2.png": b"two",
    "a/deep/3.webp": b"three",
    "a b/with blank.jpg": b"blank",
    "Ελλάδα/Σκύλος.jpg": b"dog",
    "50%25.jpg": b"per cent",
    "empty.gif": b"",
}
OTHERS = {"clip.mp4": b"film", "a/notes.TXT": b"text", "Makefile": b"make", "._b.jpg": b"mac"}

HERE = Settings(allowed_private_ranges=(ipaddress.ip_network("127.0.0.0/8"),))
HASTY = Patience(tries=2, first_wait=0.01, longest_wait=0.05, connect_seconds=2.0, read_seconds=5.0)


def new_name() -> str:
    return f"c{uuid.uuid4().hex[:12]}"


def make_folder(root: Path, files: Mapping[str, bytes]) -> None:
    for name, data in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


@pytest.fixture
def sealer() -> Sealer:
    return Sealer([new_secret_key()])


@pytest.fixture(scope="module")
def filled(azurite: Azurite) -> str:
    """The name of a container with FILES and OTHERS."""
    name = new_name()
    azurite.create_container(name, FILES | OTHERS)
    return name


@pytest.fixture(params=["folder", "azure"])
def listed(
    request: pytest.FixtureRequest, azurite: Azurite, filled: str, tmp_path: Path
) -> Iterator[Container]:
    """A container with FILES and OTHERS, listed three images or blobs a page."""
    container: Container
    if request.param == "folder":
        make_folder(tmp_path, FILES | OTHERS)
        container = LocalFolder(tmp_path, page_size=3)
    else:
        url = azurite.container_url(filled)
        container = AzureContainer(url, Guard(HERE), patience=HASTY, page_size=3)
    yield container
    container.close()


@pytest.fixture(params=["folder", "azure", "urls"])
def readable(
    request: pytest.FixtureRequest, azurite: Azurite, filled: str, tmp_path: Path, sealer: Sealer
) -> Iterator[tuple[Container, dict[str, ListedImage]]]:
    """A container with FILES, and the image to read for each of its names."""
    container: Container
    images = {name: ListedImage(name) for name in (*FILES, "none.jpg")}
    if request.param == "folder":
        make_folder(tmp_path, FILES)
        container = LocalFolder(tmp_path)
    elif request.param == "azure":
        container = AzureContainer(azurite.container_url(filled), Guard(HERE), patience=HASTY)
    else:
        container = UrlList(Guard(HERE), sealer, patience=HASTY)
        urls = {name: azurite.blob_url(filled, name) for name in images}
        images = {name: list_url(RequestedImage(url), sealer) for name, url in urls.items()}
    yield container, images
    container.close()


def names_of(pages: list[Page]) -> list[str]:
    return [image.name for page in pages for image in page.images]


def skipped_of(pages: list[Page]) -> dict[str, int]:
    total: dict[str, int] = {}
    for page in pages:
        for suffix, count in page.skipped.items():
            total[suffix] = total.get(suffix, 0) + count
    return total


def test_a_listing_tells_names_sizes_and_what_it_skipped(listed: Container) -> None:
    pages = list(listed.pages())
    sizes = {image.name: image.size for page in pages for image in page.images}
    assert sizes == {name: len(data) for name, data in FILES.items()}
    assert len(names_of(pages)) == len(FILES)
    assert skipped_of(pages) == {".mp4": 1, ".txt": 1, "": 1}
    assert [page.last for page in pages] == [False] * (len(pages) - 1) + [True]
    assert len(pages) > 2


def test_a_listing_is_the_same_each_time_and_from_each_marker(listed: Container) -> None:
    pages = list(listed.pages())
    for index, page in enumerate(pages):
        assert list(listed.pages(marker=page.marker)) == pages[index:]


@pytest.mark.parametrize("prefix", ["a", "a/", "a/d", "Ελλάδα/Σ", "none", "A"])
def test_a_prefix_narrows_the_listing(listed: Container, prefix: str) -> None:
    pages = list(listed.pages(prefix))
    assert set(names_of(pages)) == {name for name in FILES if name.startswith(prefix)}
    for index, page in enumerate(pages):
        assert list(listed.pages(prefix, page.marker)) == pages[index:]


def test_what_was_listed_can_be_read(listed: Container) -> None:
    images = [image for page in listed.pages() for image in page.images]
    assert {image.name: listed.read(image) for image in images} == FILES


def test_threads_may_read_at_once(listed: Container) -> None:
    images = [image for page in listed.pages() for image in page.images] * 8
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(listed.read, images)) == [FILES[image.name] for image in images]


def test_names_alone_suffice_to_read(
    readable: tuple[Container, dict[str, ListedImage]],
) -> None:
    container, images = readable
    assert {name: container.read(images[name]) for name in FILES} == FILES


def test_what_is_not_there_is_a_failure(
    readable: tuple[Container, dict[str, ListedImage]],
) -> None:
    container, images = readable
    assert container.read(images["none.jpg"]) == ImageFailure(FailureCode.NOT_FOUND)


def test_another_version_is_a_failure(
    readable: tuple[Container, dict[str, ListedImage]],
) -> None:
    container, images = readable
    old = ListedImage(images["b.jpg"].name, etag="0x1", sealed_url=images["b.jpg"].sealed_url)
    assert container.read(old) == ImageFailure(FailureCode.CHANGED)


def azure_container(url: str, page_size: int = 5000) -> AzureContainer:
    return AzureContainer(url, Guard(HERE), patience=HASTY, page_size=page_size)


def all_read(container: Container) -> dict[str, bytes | ImageFailure]:
    return {
        image.name: container.read(image) for page in container.pages() for image in page.images
    }


def test_hostile_blob_names_come_back_right(azurite: Azurite, sealer: Sealer) -> None:
    name = new_name()
    blobs = {blob: blob.encode() for blob in HOSTILE if is_blob_name(blob)}
    assert len(blobs) > 80
    azurite.create_container(name, blobs)
    container = azure_container(azurite.container_url(name), page_size=20)
    listed = {blob: data for blob, data in blobs.items() if is_image_name(blob)}
    assert all_read(container) == listed and len(listed) > 80
    pages = list(container.pages())
    for index, page in enumerate(pages):
        assert list(container.pages(marker=page.marker)) == pages[index:]
    container.close()
    urls = UrlList(Guard(HERE), sealer, patience=HASTY)
    for blob, data in blobs.items():
        url = azurite.container_url(name).replace("?", f"/{quote(blob)}?")
        assert urls.read(list_url(RequestedImage(url), sealer)) == data
    urls.close()


def test_hostile_file_names_come_back_right(tmp_path: Path) -> None:
    files = {name: name.encode() for name in HOSTILE if is_file_name(name)}
    make_folder(tmp_path / "survey", files)
    (tmp_path / "secret.jpg").write_bytes(b"SECRET")
    container = LocalFolder(tmp_path / "survey", page_size=20)
    found = all_read(container)
    assert found == {name: data for name, data in files.items() if is_image_name(name)}
    assert len(found) > 80
    for name in set(HOSTILE) - files.keys():
        assert isinstance(container.read(ListedImage(name)), ImageFailure), name
    container.close()


def test_a_blob_in_the_archive_is_listed_and_cannot_be_read(azurite: Azurite) -> None:
    name = new_name()
    azurite.create_container(name, {"cold.jpg": b"cold", "warm.jpg": b"warm"})
    with azurite.service() as service:
        service.get_blob_client(name, "cold.jpg").set_standard_blob_tier("Archive")
    container = azure_container(azurite.container_url(name))
    (page,) = container.pages()
    assert [container.read(image) for image in page.images] == [
        ImageFailure(FailureCode.ARCHIVED),
        b"warm",
    ]
    container.close()


def test_a_blob_that_was_overwritten_has_changed(azurite: Azurite) -> None:
    name = new_name()
    azurite.create_container(name, {"a.jpg": b"old"})
    container = azure_container(azurite.container_url(name))
    (page,) = container.pages()
    azurite.upload(name, {"a.jpg": b"new"})
    assert container.read(page.images[0]) == ImageFailure(FailureCode.CHANGED)
    container.close()


def check_refused(url: str, code: str) -> None:
    with pytest.raises(ContainerError) as caught:
        check_container(url, HERE)
    assert (caught.value.code, caught.value.pointer) == (code, "/container_url")
    assert "sig=" not in caught.value.message


def test_good_urls_pass_the_check(azurite: Azurite, filled: str) -> None:
    check_container(azurite.container_url(filled), HERE)
    check_container(azurite.account_sas_url(filled), HERE)


@pytest.mark.parametrize(("permissions", "code"), [("r", "sas_no_list"), ("l", "sas_no_read")])
def test_a_sas_that_lacks_a_permission(
    azurite: Azurite, filled: str, permissions: str, code: str
) -> None:
    check_refused(azurite.container_url(filled, permissions), code)


def test_a_sas_without_list_does_not_list_but_reads(azurite: Azurite, filled: str) -> None:
    container = azure_container(azurite.container_url(filled, "r"))
    with pytest.raises(ContainerError, match="List") as caught:
        next(container.pages())
    assert caught.value.code == "sas_no_list"
    assert container.read(ListedImage("b.jpg")) == FILES["b.jpg"]
    container.close()


def test_a_sas_without_read_reads_nothing(azurite: Azurite, filled: str) -> None:
    container = azure_container(azurite.container_url(filled, "l"))
    assert len(names_of(list(container.pages()))) == len(FILES)
    with pytest.raises(AccessRevoked):
        container.read(ListedImage("b.jpg"))
    container.close()


def test_an_expired_sas(azurite: Azurite, filled: str) -> None:
    url = azurite.container_url(filled, expires_in=timedelta(minutes=-1))
    check_refused(url, "sas_expired")
    container = azure_container(url)
    with pytest.raises(AccessRevoked, match="expired"):
        next(container.pages())
    with pytest.raises(AccessRevoked):
        container.read(ListedImage("b.jpg"))
    container.close()


def test_a_sas_for_another_container(azurite: Azurite, filled: str) -> None:
    other = new_name()
    azurite.create_container(other)
    url = azurite.container_url(other).replace(f"/{other}?", f"/{filled}?")
    check_refused(url, "sas_refused")
    container = azure_container(url)
    with pytest.raises(AccessRevoked, match="another container"):
        container.read(ListedImage("b.jpg"))
    container.close()


def test_a_url_without_a_sas(azurite: Azurite, filled: str) -> None:
    check_refused(f"{azurite.account_url}/{filled}", "sas_missing")


def test_a_container_that_is_not_there(azurite: Azurite) -> None:
    url = azurite.container_url(new_name())
    check_refused(url, "container_not_found")
    container = azure_container(url)
    with pytest.raises(AccessRevoked, match="no longer there"):
        container.read(ListedImage("b.jpg"))
    container.close()


def test_a_name_that_breaks_the_listing(azurite: Azurite) -> None:
    name = new_name()
    azurite.create_container(name, {"a.jpg": b"1", "b\x01.jpg": b"2"})
    container = azure_container(azurite.container_url(name))
    with pytest.raises(ContainerError, match="control characters") as caught:
        list(container.pages())
    assert caught.value.code == "listing_failed"
    assert names_of(list(container.pages("a"))) == ["a.jpg"]
    container.close()


def test_an_emulator_is_read_only_when_its_range_is_allowed(
    azurite: Azurite, filled: str, sealer: Sealer
) -> None:
    url = azurite.container_url(filled)
    with pytest.raises(UrlNotAllowed, match="MEGABATCH_ALLOWED_PRIVATE_RANGES"):
        check_container(url, Settings())
    container = open_container(url, Settings(), sealer)
    with pytest.raises(UrlNotAllowed):
        next(container.pages())
    container.close()
    container = open_container(url, HERE, sealer)
    assert container.read(ListedImage("b.jpg")) == FILES["b.jpg"]
    container.close()


def test_a_list_of_images_is_fetched_from_a_blob(azurite: Azurite) -> None:
    name = new_name()
    azurite.create_container(name, {"list.json": json.dumps(list(FILES)).encode()})
    images = fetch_image_list(azurite.blob_url(name, "list.json"), Guard(HERE), patience=HASTY)
    assert [image.name for image in images] == list(FILES)

import logging
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import BytesIO
from pathlib import Path

import pytest

from core.containers.patience import Patience
from core.errors import AccessRevoked, ContainerError, StorageTrouble, UrlNotAllowed
from postprocessing.preview.sources import (
    ContainerImages,
    FolderImages,
    NotThere,
    open_images,
)
from tests.azurite_server import Azurite
from tests.pictures import jpeg

WILD = ("a b/1+2.jpg", "50%25.jpg", "ä#?&.jpg", "deep//double.jpg", "<b>.jpg")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "photos/a").mkdir(parents=True)
    (tmp_path / "photos/a/1.jpg").write_bytes(b"one")
    (tmp_path / "secret.jpg").write_bytes(b"secret")
    return tmp_path / "photos"


def test_images_of_a_folder_are_found_in_any_spelling(root: Path) -> None:
    images = FolderImages(root)
    assert images.open("a/1.jpg").read_bytes() == b"one"
    assert images.open("A\\1.JPG").read_bytes() == b"one"
    (root / "a/caf\u00e9.jpg").write_bytes(b"two")
    assert FolderImages(root).open("a/cafe\u0301.jpg").read_bytes() == b"two"


@pytest.mark.parametrize(
    "name",
    [
        "../secret.jpg",
        "a/../../secret.jpg",
        "a/..",
        "a",
        "",
        "2.jpg",
        "nul\0.jpg",
        "W" * 400,
        "..\\secret.jpg",
    ],
)
def test_no_name_leads_out_of_the_folder(root: Path, name: str) -> None:
    with pytest.raises(NotThere, match="no image of this name"):
        FolderImages(root).open(name)
    with pytest.raises(NotThere):
        FolderImages(root).open(str(root.parent / "secret.jpg"))


def test_a_file_that_is_too_large_is_not_read(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("postprocessing.preview.sources.MAX_IMAGE_BYTES", 2)
    with pytest.raises(NotThere, match="too large"):
        FolderImages(root).open("a/1.jpg")


@pytest.fixture(scope="module")
def container(azurite: Azurite) -> str:
    name = "preview-sources"
    azurite.create_container(name, {one: one.encode() for one in WILD})
    azurite.create_container("preview-other", {"secret.jpg": b"secret"})
    return name


@pytest.fixture
def images(azurite: Azurite, container: str) -> Iterator[ContainerImages]:
    opened = open_images(azurite.container_url(container, "r"))
    assert isinstance(opened, ContainerImages)
    yield opened
    opened.close()


@pytest.mark.parametrize("name", WILD)
def test_images_of_a_container_are_read_by_name(images: ContainerImages, name: str) -> None:
    found = images.open(name)
    assert isinstance(found, BytesIO)
    assert found.read() == name.encode()


def test_a_blob_that_is_not_there(images: ContainerImages) -> None:
    with pytest.raises(NotThere, match="no image of this name"):
        images.open("none.jpg")


class _GivesAll(BaseHTTPRequestHandler):
    """A storage that has something to give under every path."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "6")
        self.end_headers()
        self.wfile.write(b"secret")

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def generous() -> Iterator[str]:
    """The URL of a container in such a storage."""
    with HTTPServer(("127.0.0.1", 0), _GivesAll) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/container"
        server.shutdown()
        thread.join()


def test_no_name_leads_out_of_the_container(generous: str) -> None:
    images = ContainerImages(generous)
    assert images.open("..a/b..jpg").read() == b"secret"
    images.close()
    for name in ("../other/secret.jpg", "a/../../other/secret.jpg", "./secret.jpg"):
        with pytest.raises(NotThere):
            images.open(name)


def test_a_sas_that_is_over_is_told_at_once(azurite: Azurite, container: str) -> None:
    with pytest.raises(ContainerError, match="expired"):
        ContainerImages(azurite.container_url(container, expires_in=-timedelta(hours=1)))
    with pytest.raises(ContainerError, match="lacks the permission Read"):
        ContainerImages(azurite.container_url(container, "l"))


def test_a_sas_of_another_container_ends_it_after_some_images(
    azurite: Azurite, container: str
) -> None:
    sas = azurite.container_url("preview-other").partition("?")[2]
    images = ContainerImages(f"{azurite.account_url}/{container}?{sas}")
    for _ in range(3):
        with pytest.raises(NotThere, match="refuses this image"):
            images.open(WILD[0])
    with pytest.raises(AccessRevoked) as caught:
        images.open(WILD[0])
    assert "sig=" not in str(caught.value)
    images.close()


def test_a_storage_that_does_not_answer(azurite: Azurite, silent_port: int) -> None:
    url = azurite.container_url("any").replace(str(azurite.port), str(silent_port))
    images = ContainerImages(url, Patience(tries=2, first_wait=0.0, read_seconds=0.1))
    with pytest.raises(StorageTrouble) as caught:
        images.open("a.jpg")
    assert "sig=" not in str(caught.value)
    images.close()


@pytest.mark.parametrize(
    "url",
    ["http://account.blob.core.windows.net/c?sig=x", "ftp://a.example/c", "http://10.0.0.1/c"],
)
def test_urls_are_https_but_for_this_machine(url: str) -> None:
    with pytest.raises(UrlNotAllowed) as caught:
        ContainerImages(url)
    assert "sig" not in str(caught.value)


def test_the_log_has_no_signature(
    images: ContainerImages, azurite: Azurite, caplog: pytest.LogCaptureFixture
) -> None:
    azurite.upload("preview-sources", {"logged.jpg": jpeg()})
    with caplog.at_level(logging.DEBUG):
        images.open("logged.jpg")
    assert "logged.jpg" in caplog.text
    assert "sig=<hidden>" in caplog.text
    assert caplog.text.count("sig=") == caplog.text.count("sig=<hidden>")

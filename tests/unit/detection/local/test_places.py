import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from core.errors import StorageTrouble
from core.failures import FailureCode, ImageFailure
from detection.local import places
from detection.local.crew import STALL_AFTER
from detection.local.places import PlaceReader
from tests.unit.core.containers.scripted_server import Reply, serving

ANSWERS = {"/gone": 404, "/no": 403, "/broken": 400}


class Handler(BaseHTTPRequestHandler):
    asked = 0

    def do_GET(self) -> None:
        type(self).asked += 1
        status = ANSWERS.get(self.path.partition("?")[0], 200)
        if self.path == "/slow" and type(self).asked < 3:
            status = 503
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/there")
            self.end_headers()
            return
        self.send_response(status)
        self.send_header("Retry-After", "3600")
        self.send_header("Content-Length", "4")
        self.end_headers()
        self.wfile.write(b"data")

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def server() -> Iterator[str]:
    Handler.asked = 0
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/a.jpg?sig=x", b"data"),
        ("/moved", b"data"),
        ("/slow", b"data"),
        ("/gone", ImageFailure(FailureCode.NOT_FOUND)),
        ("/no", ImageFailure(FailureCode.FORBIDDEN)),
        ("/broken", ImageFailure(FailureCode.UNREADABLE)),
    ],
)
def test_a_url_is_read(server: str, path: str, answer: object) -> None:
    assert PlaceReader(()).read(server + path) == answer


def test_a_large_answer_is_not_taken_whole(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "MAX_IMAGE_BYTES", 3)
    failure = ImageFailure(FailureCode.FILE_TOO_LARGE)
    assert PlaceReader(()).read(f"{server}/a.jpg") == failure


@pytest.mark.parametrize("url", ["http://[bad/x.jpg", "http:///x.jpg", "http://h:99999/x.jpg"])
def test_what_is_no_url_is_not_found_however_many_there_are(url: str) -> None:
    reader = PlaceReader(())
    for _ in range(10):
        assert reader.read(url) == ImageFailure(FailureCode.NOT_FOUND)


@pytest.mark.parametrize("status", [503, 522])
def test_a_server_that_is_out_of_order_is_no_failure_of_images(status: int) -> None:
    reader = PlaceReader(())
    reader._pool.connection_pool_kw["retries"] = False
    trouble = rf"\({status}, last from 127.0.0.1\)"
    with serving(Reply(status)) as server, pytest.raises(StorageTrouble, match=trouble):
        for _ in range(10):
            assert reader.read(f"{server.url}/a.jpg") == ImageFailure(FailureCode.UNREADABLE)


def test_all_tries_of_an_image_take_less_than_what_counts_as_stuck() -> None:
    tries, each = places._RETRIES.total, places._TIMEOUT.read_timeout
    assert isinstance(tries, int)
    assert isinstance(each, int)
    waits = sum(places._RETRIES.backoff_factor * 2**number for number in range(tries))
    assert (tries + 1) * each + waits < STALL_AFTER


def test_a_network_that_is_away_is_no_failure_of_images(server: str) -> None:
    reader = PlaceReader(())
    reader._pool.connection_pool_kw["retries"] = False
    dead = "http://127.0.0.1:1/a.jpg?sig=secret"
    with pytest.raises(StorageTrouble) as trouble:
        for _ in range(10):
            assert reader.read(dead) == ImageFailure(FailureCode.UNREADABLE)
    assert "127.0.0.1" in trouble.value.message
    assert "secret" not in trouble.value.message


def test_files_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"data")
    (tmp_path / "folder.jpg").mkdir()
    reader = PlaceReader([str(tmp_path)])
    missing = ImageFailure(FailureCode.NOT_FOUND)
    assert reader.read(str(tmp_path / "a.jpg")) == b"data"
    for name in ("none.jpg", "folder.jpg", "a.jpg/x.jpg", "x" * 300, "nul\0.jpg"):
        assert reader.read(str(tmp_path / name)) == missing, name


def test_a_disk_that_was_unplugged_is_no_failure_of_images(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    reader = PlaceReader([str(tmp_path / "disk")])
    (tmp_path / "disk").rmdir()
    with pytest.raises(StorageTrouble, match="still connected"):
        reader.read(str(tmp_path / "disk/a.jpg"))


def test_a_folder_that_may_not_be_listed_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(_path: str) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "scandir", refused)  # root may list any folder
    missing = ImageFailure(FailureCode.NOT_FOUND)
    assert PlaceReader([str(tmp_path)]).read(str(tmp_path / "a.jpg")) == missing


def test_a_place_where_a_disk_was_mounted_is_no_failure_of_images(tmp_path: Path) -> None:
    reader = PlaceReader([str(tmp_path)])
    (tmp_path / "b.jpg").write_bytes(b"data")
    assert reader.read(str(tmp_path / "a.jpg")) == ImageFailure(FailureCode.NOT_FOUND)
    (tmp_path / "b.jpg").unlink()
    with pytest.raises(StorageTrouble, match="still connected"):
        reader.read(str(tmp_path / "a.jpg"))


def test_a_large_file_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.containers.folder.MAX_IMAGE_BYTES", 3)
    (tmp_path / "a.jpg").write_bytes(b"data")
    failure = ImageFailure(FailureCode.FILE_TOO_LARGE)
    assert PlaceReader(()).read(str(tmp_path / "a.jpg")) == failure

"""Files of models from mirrors, from a URL and by hand; connections and processes that break."""

import hashlib
import logging
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import msgspec
import pytest
import urllib3

from core.catalog import DEMO, Part, find_model
from core.errors import InvalidRequest, ModelUnavailable
from detection.checksums import note_of
from detection.download import Connections
from detection.fetching import bring_file, fetch_file, is_url
from detection.model_files import ModelFile, frozen_file, model_file, model_files
from detection.partial import Partial
from tests.graphs import graph
from tests.mirror import Mirror, Served, running_mirror

V3 = find_model("megadetector-v3")
CONTENT = graph(padding=bytes(range(256)) * 9000)
OTHER = graph(padding=bytes(reversed(range(256))) * 9000)
HALF, MORE = 1 << 20, 3 << 19


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mirror]:
    with running_mirror(tmp_path_factory.mktemp("mirror")) as started:
        yield started


@pytest.fixture
def mirror(server: Mirror) -> Mirror:
    server.asked.clear()
    server.answered.clear()
    server.files.clear()
    server.files["/file"] = Served(CONTENT)
    return server


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "models"


def connections(mirror: Mirror, tries: int = 0) -> Connections:
    return Connections(pool=mirror.pool, waits=(0.0,) * tries)


def at(mirror: Mirror, folder: Path, *paths: str) -> ModelFile:
    """The frozen graph of v3, which these paths are said to have."""
    mirrors = tuple(mirror.url + path for path in paths)
    return frozen_file(msgspec.structs.replace(V3, mirrors=mirrors), folder)


def fetched(mirror: Mirror, folder: Path, *paths: str, tries: int = 0) -> Path:
    return fetch_file(at(mirror, folder, *paths), connections(mirror, tries))


def brought(mirror: Mirror, folder: Path, source: str) -> Path:
    return bring_file(at(mirror, folder), source, connections(mirror))


def left(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


WHOLE = {V3.file, f"{V3.file}.sha256"}
BEGUN = {f".{V3.file}.part", f".{V3.file}.part.json"}


def test_the_file_is_fetched_and_its_checksum_written_down(mirror: Mirror, folder: Path) -> None:
    told: list[tuple[int, int | None]] = []
    progress = Connections(
        pool=mirror.pool, progress=lambda done, total: told.append((done, total))
    )
    path = fetch_file(at(mirror, folder, "/file"), progress)
    assert path.read_bytes() == CONTENT
    assert sha256(CONTENT) in note_of(path).read_text()
    assert left(folder) == WHOLE
    assert len(told) > 2
    assert told[0] == (0, len(CONTENT)) and told[-1] == (len(CONTENT), len(CONTENT))


def test_mirrors_are_asked_in_order_until_one_gives_the_file(mirror: Mirror, folder: Path) -> None:
    mirror.files["/moved"] = Served(b"", status=302, location="/file")
    assert fetched(mirror, folder, "/gone", "/moved", "/never").read_bytes() == CONTENT
    assert mirror.asked == ["/gone", "/moved", "/file"]


# Connections that break.


def test_a_broken_connection_is_continued(mirror: Mirror, folder: Path) -> None:
    mirror.files["/file"].cuts = [HALF, MORE]
    assert fetched(mirror, folder, "/file", tries=1).read_bytes() == CONTENT
    assert mirror.asked == [
        "/file", f"/file bytes={HALF}-", f"/file bytes={MORE}-",
    ]  # fmt: skip


def test_what_came_is_continued_by_the_next_fetch(mirror: Mirror, folder: Path) -> None:
    mirror.files["/file"].cuts = [HALF]
    with pytest.raises(ModelUnavailable, match=r"(?s)localhost: broke off.*by hand.*/file\n"):
        fetched(mirror, folder, "/file")
    assert left(folder) == BEGUN
    assert fetched(mirror, folder, "/file").read_bytes() == CONTENT
    assert mirror.asked == ["/file", f"/file bytes={HALF}-"]
    assert mirror.answered == [200, 206]
    assert left(folder) == WHOLE


def test_a_file_that_changed_meanwhile_is_taken_anew(mirror: Mirror, folder: Path) -> None:
    mirror.files["/file"].cuts = [HALF]
    with pytest.raises(ModelUnavailable):
        fetched(mirror, folder, "/file")
    mirror.files["/file"] = Served(OTHER, etag='"2"')
    assert fetched(mirror, folder, "/file").read_bytes() == OTHER
    assert mirror.asked[1:] == [f"/file bytes={HALF}-"]
    assert mirror.answered == [200, 200]


def test_bytes_of_no_known_version_are_not_continued_as_those_before(
    mirror: Mirror, folder: Path
) -> None:
    for served in (Served(CONTENT, cuts=(HALF,)), Served(OTHER, etag="", cuts=(HALF,))):
        mirror.files["/file"] = served
        with pytest.raises(ModelUnavailable):
            fetched(mirror, folder, "/file")
    mirror.files["/file"] = Served(CONTENT)
    assert fetched(mirror, folder, "/file").read_bytes() == CONTENT
    assert mirror.answered == [200, 200, 200]


def test_a_partial_file_longer_than_the_whole_begins_anew(mirror: Mirror, folder: Path) -> None:
    mirror.files["/file"].cuts = [HALF]
    with pytest.raises(ModelUnavailable):
        fetched(mirror, folder, "/file")
    (folder / f".{V3.file}.part").write_bytes(CONTENT + b"more")
    assert fetched(mirror, folder, "/file").read_bytes() == CONTENT


@pytest.mark.parametrize("ranges", ["careless", "shifted"])
def test_a_part_of_another_version_is_not_added(mirror: Mirror, folder: Path, ranges: str) -> None:
    mirror.files["/file"].cuts = [HALF]
    with pytest.raises(ModelUnavailable):
        fetched(mirror, folder, "/file")
    etag = '"1"' if ranges == "shifted" else '"2"'
    mirror.files["/file"] = Served(OTHER, etag=etag, ranges=ranges)
    assert fetched(mirror, folder, "/file").read_bytes() == OTHER
    assert mirror.asked[1:] == [f"/file bytes={HALF}-", "/file"]


@pytest.mark.parametrize("etag", ["", 'W/"1"'])
def test_without_a_strong_etag_a_file_is_taken_anew(
    mirror: Mirror, folder: Path, etag: str
) -> None:
    mirror.files["/file"] = Served(CONTENT, etag=etag, cuts=(HALF,))
    with pytest.raises(ModelUnavailable, match="broke off"):
        fetched(mirror, folder, "/file", tries=1)
    assert fetched(mirror, folder, "/file").read_bytes() == CONTENT
    assert mirror.asked == ["/file", "/file"]


def test_a_server_that_always_breaks_off_is_given_up(mirror: Mirror, folder: Path) -> None:
    mirror.files["/file"] = Served(CONTENT, cuts=(HALF,) * 20)
    with pytest.raises(ModelUnavailable, match="broke off"):
        fetched(mirror, folder, "/file", tries=2)
    assert len(mirror.asked) == 3


def test_the_mirror_whose_file_was_begun_goes_on(mirror: Mirror, folder: Path) -> None:
    mirror.files["/second"] = Served(CONTENT, cuts=(HALF,))
    with pytest.raises(ModelUnavailable):
        fetched(mirror, folder, "/gone", "/second")
    mirror.asked.clear()
    assert fetched(mirror, folder, "/file", "/second").read_bytes() == CONTENT
    assert mirror.asked == [f"/second bytes={HALF}-"]


def test_what_one_mirror_gave_is_not_continued_by_another(mirror: Mirror, folder: Path) -> None:
    mirror.files["/first"] = Served(OTHER, cuts=(HALF,))
    assert fetched(mirror, folder, "/first", "/file").read_bytes() == CONTENT
    assert mirror.asked == ["/first", "/file"]


def test_a_file_that_only_lacks_its_name_is_not_fetched_again(mirror: Mirror, folder: Path) -> None:
    mirror.files["/file"].cuts = [HALF]
    with pytest.raises(ModelUnavailable):
        fetched(mirror, folder, "/file")
    (folder / f".{V3.file}.part").write_bytes(CONTENT)  # killed before it was renamed
    mirror.asked.clear()
    assert fetched(mirror, folder, "/file").read_bytes() == CONTENT
    assert mirror.asked == []


@pytest.mark.parametrize("note", [b"", b"{", b"\xff", b"[]"])
def test_a_damaged_note_makes_a_file_begin_anew(mirror: Mirror, folder: Path, note: bytes) -> None:
    mirror.files["/file"].cuts = [HALF]
    with pytest.raises(ModelUnavailable):
        fetched(mirror, folder, "/file")
    (folder / f".{V3.file}.part.json").write_bytes(note)
    assert fetched(mirror, folder, "/file").read_bytes() == CONTENT
    assert mirror.asked == ["/file", "/file"]


# Processes that end, and two at once.

FETCH = """
import sys
from pathlib import Path
import msgspec, urllib3
from core.catalog import find_model
from core.errors import ModelUnavailable
from detection.download import Connections
from detection.fetching import fetch_file
from detection.model_files import frozen_file
if len(sys.argv) > 4:
    import resource, signal
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[4]),) * 2)
model = msgspec.structs.replace(find_model("megadetector-v3"), mirrors=(sys.argv[1],))
pool = urllib3.PoolManager(ca_certs=sys.argv[2])
try:
    fetch_file(frozen_file(model, Path(sys.argv[3])), Connections(pool=pool, waits=()))
except ModelUnavailable as error:
    sys.exit(error.message)
"""


def fetching(mirror: Mirror, folder: Path, *more: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", FETCH, f"{mirror.url}/file", str(mirror.certificate)]
    return subprocess.Popen([*command, str(folder), *more], stderr=subprocess.PIPE, text=True)


def wait_for_half(folder: Path) -> None:
    partial = Partial(folder / V3.file)
    while partial.size < HALF:
        time.sleep(0.01)


def test_a_fetch_that_was_killed_is_continued(mirror: Mirror, folder: Path) -> None:
    served = mirror.files["/file"]
    served.cuts = [HALF]
    served.may_break.clear()
    with fetching(mirror, folder) as process:
        wait_for_half(folder)
        process.send_signal(signal.SIGKILL)
    served.may_break.set()
    assert fetched(mirror, folder, "/file").read_bytes() == CONTENT
    assert mirror.asked == ["/file", f"/file bytes={HALF}-"]
    assert left(folder) == WHOLE


def test_two_fetches_at_once_do_not_write_one_file(mirror: Mirror, folder: Path) -> None:
    served = mirror.files["/file"]
    served.cuts = [HALF]
    served.may_break.clear()
    first = Thread(target=lambda: fetched(mirror, folder, "/file", tries=1))
    first.start()
    try:
        wait_for_half(folder)
        with fetching(mirror, folder) as second:
            assert "is being fetched already" in second.communicate()[1]
        assert mirror.asked == ["/file"]
    finally:
        served.may_break.set()
        first.join()
    assert (folder / V3.file).read_bytes() == CONTENT
    assert left(folder) == WHOLE


# Room.


def test_a_file_that_does_not_fit_is_not_begun(mirror: Mirror, folder: Path) -> None:
    mirror.files["/file"].size = 10**18
    with pytest.raises(ModelUnavailable, match=r"no room in .*: 1.0 EB are needed, and .* free"):
        fetched(mirror, folder, "/file", "/never")
    assert mirror.asked == ["/file"]


def test_a_disk_that_is_full_keeps_what_came(mirror: Mirror, folder: Path) -> None:
    with fetching(mirror, folder, str(HALF + 10)) as process:
        said = process.communicate()[1]
    assert "File too large. What was fetched is kept" in said
    assert fetched(mirror, folder, "/file").read_bytes() == CONTENT
    begun = re.fullmatch(r"/file bytes=(\d+)-", mirror.asked[1])
    assert begun and 0 < int(begun[1]) <= HALF + 10


# Answers that are not the file.


def test_what_each_mirror_answered_is_told(mirror: Mirror, folder: Path) -> None:
    page = b"<!DOCTYPE html><title>Moved</title>"
    mirror.files["/page"] = Served(page, kind="text/html; charset=utf-8")
    mirror.files["/disguised"] = Served(page)
    mirror.files["/zip"] = Served(b"PK\x03\x04" + bytes(100))
    mirror.files["/empty"] = Served(b"")
    with pytest.raises(ModelUnavailable) as raised:
        fetched(mirror, folder, "/gone", "/page", "/disguised", "/zip", "/empty")
    assert raised.value.message.splitlines()[:6] == [
        "No mirror gave the weights of megadetector-v3:",
        "  localhost: answered 404",
        "  localhost: gave a web page instead of the file",
        "  localhost: gave a web page",
        "  localhost: gave a zip archive",
        "  localhost: gave an empty file",
    ]
    assert left(folder) == set()


def test_a_mirror_that_cannot_be_reached_takes_one_short_line(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    mirrors = (f"https://localhost:{port}/a", "https://name.invalid/b")
    file = frozen_file(msgspec.structs.replace(V3, mirrors=mirrors), folder)
    once = urllib3.PoolManager(retries=False)
    with once, pytest.raises(ModelUnavailable) as raised:
        fetch_file(file, Connections(pool=once))
    assert raised.value.message.splitlines() == [
        "No mirror gave the weights of megadetector-v3:",
        "  localhost: cannot be reached",
        "  name.invalid: the name cannot be looked up; is this machine online?",
        "Try again later, or get the file by hand, from",
        *(f"  {mirror}" for mirror in mirrors),
        "or from somebody who has it, and bring it in with "
        "`megabatch models fetch megadetector-v3 --from FILE_OR_URL`.",
    ]


def test_a_certificate_that_nobody_signed_is_refused(mirror: Mirror, folder: Path) -> None:
    once = urllib3.PoolManager(retries=False)
    with once, pytest.raises(ModelUnavailable, match=r"(?i)certificate"):
        fetch_file(at(mirror, folder, "/file"), Connections(pool=once))


def test_plain_http_is_refused(mirror: Mirror, folder: Path) -> None:
    mirror.files["/moved"] = Served(b"", status=302, location="http://example.invalid/file")
    for url in ("http://example.invalid/file", "ftp://localhost/file"):
        with pytest.raises(ModelUnavailable, match="not over https"):
            brought(mirror, folder, url)


def test_a_redirect_to_plain_http_is_refused_wherever_it_leads_in_the_end(
    mirror: Mirror, folder: Path
) -> None:
    with running_mirror(folder.parent, plain=True) as plain:
        plain.files["/back"] = Served(b"", status=302, location=f"{mirror.url}/file")
        # A name of this machine that does not say so: 0.0.0.0 is no loopback address.
        step = plain.url.replace("localhost", "0.0.0.0") + "/back"
        mirror.files["/there"] = Served(b"", status=302, location=step)
        with pytest.raises(ModelUnavailable, match="not over https"):
            fetched(mirror, folder, "/there")
    assert left(folder) == set()


# Checksums.


def test_a_file_that_stands_is_verified_and_not_fetched(mirror: Mirror, folder: Path) -> None:
    path = fetched(mirror, folder, "/file")
    mirror.asked.clear()
    assert fetched(mirror, folder, "/file") == path
    assert brought(mirror, folder, "nowhere.pb") == path
    assert mirror.asked == []
    path.write_bytes(OTHER)
    with pytest.raises(ModelUnavailable, match="has changed"):
        fetched(mirror, folder, "/file")


def test_a_mirror_with_another_file_than_the_known_one_is_passed_over(
    mirror: Mirror, folder: Path
) -> None:
    fetched(mirror, folder, "/file").unlink()
    mirror.files["/other"] = Served(OTHER)
    with pytest.raises(ModelUnavailable, match=rf"{sha256(OTHER)}.*{sha256(CONTENT)}.*\.sha256"):
        fetched(mirror, folder, "/other")
    assert left(folder) == {f"{V3.file}.sha256"}
    assert fetched(mirror, folder, "/other", "/file").read_bytes() == CONTENT


# By hand.


def test_a_file_is_brought_by_hand(mirror: Mirror, folder: Path, tmp_path: Path) -> None:
    source = tmp_path / "mine.pb"
    source.write_bytes(CONTENT)
    path = brought(mirror, folder, str(source))
    assert path.read_bytes() == source.read_bytes() == CONTENT
    assert sha256(CONTENT) in note_of(path).read_text()
    assert left(folder) == WHOLE


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"<html>", "is not the weights of megadetector-v3, but a web page"),
        (CONTENT[:-1], "but no TensorFlow graph, or one that was cut off"),
        (graph(["image_tensor"]), "but a graph without detection_boxes, "),
        (OTHER, "has another SHA-256"),
    ],
)
def test_another_file_is_not_brought(
    mirror: Mirror, folder: Path, tmp_path: Path, content: bytes, told: str
) -> None:
    fetched(mirror, folder, "/file").unlink()
    source = tmp_path / "mine.pb"
    source.write_bytes(content)
    with pytest.raises(ModelUnavailable, match=told):
        brought(mirror, folder, str(source))
    assert left(folder) == {f"{V3.file}.sha256"}
    assert source.read_bytes() == content


def test_a_file_is_brought_from_another_url(mirror: Mirror, folder: Path) -> None:
    assert brought(mirror, folder, f"{mirror.url}/file").read_bytes() == CONTENT


def test_plain_http_is_good_enough_on_this_machine(mirror: Mirror, folder: Path) -> None:
    with running_mirror(folder.parent, plain=True) as plain:
        plain.files["/file"] = Served(CONTENT)
        assert brought(mirror, folder, f"{plain.url}/file").read_bytes() == CONTENT


def test_the_secret_of_a_url_stands_nowhere(
    mirror: Mirror, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "detection")
    url = "/file?sv=1&sig=c2VjcmV0"
    mirror.files[url] = Served(CONTENT, cuts=(HALF,))
    with pytest.raises(ModelUnavailable) as raised:
        brought(mirror, folder, mirror.url + url)
    assert raised.value.message.startswith("localhost did not give the weights")
    assert left(folder) == BEGUN
    written = (folder / f".{V3.file}.part.json").read_text()
    assert "c2VjcmV0" not in written + raised.value.message + caplog.text
    assert brought(mirror, folder, mirror.url + url).read_bytes() == CONTENT
    assert mirror.asked[1] == f"{url} bytes={HALF}-"


@pytest.mark.parametrize(
    "url", ["https://", "https://[::1/file", "https:///file", "file:///etc/hosts"]
)
def test_what_is_no_url_is_told(mirror: Mirror, folder: Path, url: str) -> None:
    with pytest.raises(InvalidRequest, match="names no host"):
        brought(mirror, folder, url)


def test_nobody_waits_for_a_mirror_that_gave_nothing(mirror: Mirror, folder: Path) -> None:
    mirror.files["/file"].cuts = [HALF]
    with pytest.raises(ModelUnavailable):
        fetched(mirror, folder, "/file")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    model = msgspec.structs.replace(V3, mirrors=(f"https://localhost:{port}/a",))
    forever = Connections(pool=mirror.pool, waits=(1000.0,))
    with pytest.raises(ModelUnavailable, match="cannot be reached"):
        fetch_file(frozen_file(model, folder), forever)


@pytest.mark.parametrize(
    ("source", "url"),
    [
        ("https://example.org/x.pb", True),
        ("HTTPS://example.org/x.pb", True),
        ("C:\\models\\x.pb", False),
        ("C:/models/x.pb", False),
        ("C://models/x.pb", False),
        ("\\\\server\\share\\x.pb", False),
        ("x.pb", False),
    ],
)
def test_paths_of_windows_are_no_urls(source: str, url: bool) -> None:
    assert is_url(source) is url


def test_a_file_that_is_not_there_is_told(mirror: Mirror, folder: Path) -> None:
    with pytest.raises(ModelUnavailable, match=re.escape("There is no file C:\\x.pb.")):
        brought(mirror, folder, "C:\\x.pb")
    with pytest.raises(ModelUnavailable, match="There is no file"):
        brought(mirror, folder, str(folder.parent))


def test_a_demo_model_built_elsewhere_can_be_brought(folder: Path, demo_model: Path) -> None:
    file = frozen_file(DEMO, folder)
    assert bring_file(file, str(demo_model), Connections()) == folder / DEMO.file
    (folder / DEMO.file).unlink()
    other = folder / "other.pb"
    other.write_bytes(CONTENT)
    with pytest.raises(ModelUnavailable, match="another SHA-256"):
        bring_file(file, str(other), Connections())


def test_a_model_without_mirrors_is_copied_by_hand(folder: Path) -> None:
    model = msgspec.structs.replace(V3, mirrors=())
    with pytest.raises(ModelUnavailable, match="copy the file to"):
        fetch_file(frozen_file(model, folder), Connections())


# What lies beside the frozen graph.


@pytest.mark.parametrize(
    ("part", "name", "content"),
    [
        (Part.CONFIG, "megadetector_v3.config", b"model { faster_rcnn {"),
        (Part.CHECKPOINT, "megadetector_v3_checkpoint.zip", b"PK\x05\x06" + bytes(18)),
    ],
)
def test_config_and_checkpoint_have_mirrors_too(
    mirror: Mirror, folder: Path, part: Part, name: str, content: bytes
) -> None:
    mirror.files[f"/second/{name}"] = Served(content)
    mirrors = tuple(f"{mirror.url}/{place}/{name}" for place in ("first", "second"))
    model = msgspec.structs.replace(V3, downloads={part: mirrors})
    path = fetch_file(model_file(model, part, folder), connections(mirror))
    assert path == folder / name
    assert path.read_bytes() == content
    assert sha256(content) in note_of(path).read_text()
    assert mirror.asked == [f"/first/{name}", f"/second/{name}"]


def test_all_files_of_a_model(folder: Path) -> None:
    names = [file.path.name for file in model_files(V3, folder)]
    assert names == [V3.file, "megadetector_v3.config", "megadetector_v3_checkpoint.zip"]
    assert [file.path.name for file in model_files(DEMO, folder)] == [DEMO.file]
    with pytest.raises(InvalidRequest, match="demo has no checkpoint"):
        model_file(DEMO, Part.CHECKPOINT, folder)

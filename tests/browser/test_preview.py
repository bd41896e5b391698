"""The pages of `megabatch post preview`, opened from the disk as a person opens them."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from core.results.reader import Results, open_results
from postprocessing.preview.options import Options, thresholds
from postprocessing.preview.sources import FolderImages
from postprocessing.preview.truth import read_truth
from postprocessing.preview.writing import write_preview
from postprocessing.saving import save_like
from tests.browser.conftest import DESK, PHONE, Visit
from tests.browser.test_pages import HOSTILE, LONG
from tests.hostile_names import HOSTILE as HOSTILE_NAMES
from tests.hostile_names import is_file_name
from tests.pictures import jpeg
from tests.results_files import detection, failure, image, write_results
from tests.unit.postprocessing.preview.test_truth import truth_file

Visits = Callable[..., Visit]

NAME = f"{HOSTILE}.jpg"
CATEGORIES = {"1": "animal", "2": HOSTILE, "3": LONG}


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    """A preview in which every text is written to do harm, or is long."""
    for number, name in enumerate((NAME, "a.jpg", "b.jpg", "c.jpg")):
        (tmp_path / "photos" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "photos" / name).write_bytes(jpeg(number, 640, 480))
    results = hostile_results(tmp_path)
    write_preview(
        results,
        FolderImages(tmp_path / "photos"),
        tmp_path / "out",
        Options(**thresholds(results), hide=frozenset({LONG})),
        truth=read_truth(hostile_truth(tmp_path), results, {}),
    )
    return tmp_path / "out"


def hostile_results(folder: Path) -> Results:
    plain = write_results(
        folder / "plain.json",
        image(NAME, detection("1", 0.9), detection("2", 0.8), datetime=HOSTILE),
        image("a.jpg", detection("2", 0.9)),
        image("b.jpg", detection("2", 0.3)),
        image("c.jpg", detection("3", 0.9)),
        image(LONG),
        failure(NAME, HOSTILE),
        failure(LONG, LONG),
    )
    path = folder / "<img src=x onerror=alert(3)>.json"
    info = {**plain.info, "detector": HOSTILE}
    save_like(plain, path, plain.images(), info=info, categories=CATEGORIES)
    return open_results(path)


def hostile_truth(folder: Path) -> Path:
    labels = {NAME: ["deer"], "a.jpg": ["empty"], "b.jpg": ["deer"], "c.jpg": ["Person"]}
    path = truth_file(folder / "truth.json", labels)
    path.write_text(path.read_text().replace('"deer"', json.dumps(HOSTILE + LONG)))
    return path


def names_of(pages: Path) -> list[str]:
    return sorted(path.name for path in pages.glob("*.html"))


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_page_fits_and_keeps_to_itself(
    visit: Visits, pages: Path, size: tuple[int, int], dark: bool
) -> None:
    one = visit(pages.as_uri(), size, dark=dark)
    assert {"index.html", "failed.html", "accuracy.html"} < set(names_of(pages))
    for name in names_of(pages):
        one.open(f"/{name}")
        assert one.page.locator("h1").count() == 1
        assert one.overflow() == 0, name
        assert one.low_contrast() == [], name
    assert one.foreign_requests() == []
    assert one.faults == []


def test_what_others_wrote_runs_nothing(visit: Visits, pages: Path) -> None:
    one = visit(pages.as_uri())
    for name in names_of(pages):
        one.open(f"/{name}")
        assert one.page.locator("script, iframe, object, [onerror], [style]").count() == 0
    one.open("/failed.html")
    assert one.page.locator("li").first.inner_text() == NAME
    assert one.foreign_requests() == []
    assert one.faults == []


def test_no_name_of_an_image_runs_anything(visit: Visits, tmp_path: Path) -> None:
    names = [name for name in HOSTILE_NAMES if is_file_name(name)]
    for name in names:
        (tmp_path / "photos" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "photos" / name).write_bytes(jpeg())
    found = (image(name, detection()) for name in names)
    results = write_results(tmp_path / "r.json", *found, *map(failure, HOSTILE_NAMES))
    options = Options(**thresholds(results))
    write_preview(results, FolderImages(tmp_path / "photos"), tmp_path / "out", options)
    one = visit((tmp_path / "out").as_uri())
    pictures = 0
    for name in names_of(tmp_path / "out"):
        one.open(f"/{name}")
        assert one.page.locator("script, iframe, object, [onerror], [onload], [style]").count() == 0
        pictures += one.page.locator("img").count()
    assert pictures > 80
    assert one.foreign_requests() == []
    assert one.faults == []


def test_the_policy_stops_what_would_run(visit: Visits, pages: Path) -> None:
    """Though a text stood on the page as it is, nothing would come of it."""
    page = (pages / "failed.html").read_text()
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        harm = f"{HOSTILE}<img src=http://127.0.0.1:{server.getsockname()[1]}/a.png><main"
        (pages / "open.html").write_text(page.replace("<main", harm, 1))
        one = visit(pages.as_uri())
        one.open("/open.html")
        assert one.page.locator("script").count() == 1
        assert not any("dialog" in fault for fault in one.faults)
        assert sum("Content Security Policy" in fault for fault in one.faults) >= 3
        with pytest.raises(BlockingIOError):
            server.accept()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(params=["disk", "server"])
def place(request: pytest.FixtureRequest, pages: Path) -> Iterator[str]:
    """Where the pages are opened from."""
    if request.param == "disk":
        yield pages.as_uri()
        return
    handler = partial(_Quiet, directory=str(pages))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_pictures_are_shown_small_and_large_and_one_leads_to_the_next(
    visit: Visits, place: str
) -> None:
    one = visit(place, PHONE)
    one.open("/index.html")
    one.page.locator("h2 a", has_text="false negatives").click()
    one.page.go_back()
    one.page.locator("h2 a", has_text="animal").first.click()
    widths = one.page.evaluate(
        "[...document.querySelectorAll('.thumb img')].map(i => i.naturalWidth)"
    )
    assert widths == [512]
    large = one.page.locator(".large")
    assert not large.is_visible()
    one.page.locator(".thumb").first.click()
    large.locator("img").wait_for()
    one.page.wait_for_function("document.querySelector('.large img').naturalWidth === 640")
    assert large.locator("img").bounding_box()["width"] <= PHONE[0]
    large.get_by_role("link", name="Close").click()
    assert not large.is_visible()
    assert one.faults == []

"""The contact sheet of repeats, opened from the disk."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from core.results.reader import open_results
from postprocessing.repeats.reviewing import write_review
from tests.browser.conftest import DESK, PHONE, Visit
from tests.pictures import jpeg
from tests.results_files import image
from tests.unit.postprocessing.repeats.files import BRANCH, STONE, THREE, box

HOSTILE = "<img src=x onerror=alert(1)>\"'><script>alert(2)</script>&lt;"


@pytest.fixture
def sheet(tmp_path: Path) -> str:
    """The URL of a review folder: an image that is there, and one that is not, of hostile names."""
    (tmp_path / "photos/north").mkdir(parents=True)
    (tmp_path / "photos/north/1.jpg").write_bytes(jpeg(width=800, height=600))
    results = tmp_path / "<b>results&.json"
    fields = {
        "info": {"format_version": "1.6", "detector": "demo"},
        "detection_categories": {"1": "animal", "2": HOSTILE},
        "images": [
            *(image(f"north/{n}.jpg", box(conf=0.9 - n / 10)) for n in (1, 2, 3)),
            *(image(f"{HOSTILE}/{n}.jpg", box(BRANCH, category="2")) for n in range(3)),
            *(image(f"{'x' * 300}/{n}.jpg", box(STONE)) for n in range(3)),
        ],
    }
    results.write_bytes(msgspec.json.encode(fields))
    write_review(open_results(results), THREE, tmp_path / "photos", tmp_path / "review")
    return (tmp_path / "review").as_uri()


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("size", [PHONE, DESK])
def test_it_shows_its_pictures_and_nothing_else_happens(
    visit: Callable[..., Visit], sheet: str, size: tuple[int, int], dark: bool
) -> None:
    browser = visit(sheet, size, dark=dark)
    browser.page.goto(f"{sheet}/index.html")
    for picture in browser.page.locator("img").all():
        picture.scroll_into_view_if_needed()
        picture.evaluate("one => one.decode()")
        assert picture.evaluate("one => one.naturalWidth") > 0
    assert browser.page.locator("img").count() == 3
    assert browser.page.locator("h1").inner_text() == "Boxes that recur in <b>results&.json"
    assert browser.text().count(f"{HOSTILE} in 3 images") == 1
    assert (browser.faults, browser.foreign_requests()) == ([], [])
    assert (browser.overflow(), browser.low_contrast()) == (0, [])

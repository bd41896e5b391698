"""What a person sees: on a phone and at a desk, in light and dark, without a script of ours."""

from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from typing import Any

import msgspec
import pytest

from core.config import Settings
from core.job_folder import JobFolder
from core.job_store import JobStore
from core.jobs import Progress, utc_now
from core.key_ring import open_key_ring
from core.keys import Scope
from core.links import Gives, Link, open_links
from tests.browser.conftest import DESK, PHONE, Visit
from tests.factories import accepted_job, final_record

Visits = Callable[..., Visit]

HOSTILE = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>"
LONG = "W" * 400

#: Plays the video for a moment; how ready it then is, and how wide.
PLAYED = """() => new Promise((done, failed) => {
    const video = document.querySelector('video');
    video.addEventListener('timeupdate', () => {
        if (video.currentTime > 0.2) done([video.readyState, video.videoWidth]);
    });
    video.play().catch(failed);
})"""


@pytest.fixture
def live_job(store: JobStore, folder: JobFolder) -> str:
    """A job of which some images are done."""
    job = accepted_job("a" * 32, name="South", container_url="https://account.example/south")
    folder.accept(job)
    store.create(job)
    store.planned(job.id, 0, 60)
    return job.id


@pytest.fixture
def ended_job(store: JobStore, folder: JobFolder) -> str:
    """A job that has ended, whose every text is written to do harm, or is long."""
    fields: dict[str, Any] = {"metadata": {HOSTILE: HOSTILE, "long": LONG}, "prefix": HOSTILE}
    job = accepted_job("b" * 32, name=HOSTILE + LONG, container_url=HOSTILE, **fields)
    folder.accept(job)
    store.create(job)
    store.cancel(job.id)
    progress = Progress(
        listing_over=True,
        images=1_234_567,
        images_done=1_234_567,
        images_failed=2,
        failures={HOSTILE: 1, "truncated": 1},
        skipped={HOSTILE: 1, LONG: 1},
    )
    with folder.results_writer(folder.results_path(job.id, "token")) as writer:
        writer.write(b"{}")
    final = final_record(
        job.id,
        status="cancelled",
        name=job.request.name,
        reason=f"code: {HOSTILE} {LONG}",
        progress=progress,
        results=folder.results_path(job.id, "token"),
        results_bytes=2,
        results_digest="0" * 64,
    )
    folder.write_final(final)
    assert store.finish(final)
    return job.id


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_page_fits_and_keeps_to_itself(
    visit: Visits, service: str, live_job: str, ended_job: str, size: tuple[int, int], dark: bool
) -> None:
    one = visit(service, size, dark=dark)
    for path in ("/", "/jobs", f"/jobs/{live_job}", f"/jobs/{ended_job}", "/sign-in"):
        assert one.open(path) == 200
        assert one.page.locator("h1").count() == 1
        assert one.overflow() == 0, path
        assert one.low_contrast() == [], path
    assert one.open("/jobs/none") == 404
    assert one.overflow() == 0
    assert len(one.requests) > 8
    assert one.foreign_requests() == []
    # Chromium tells of the 404 itself.
    assert [fault for fault in one.faults if "404" not in fault] == []


def test_what_others_wrote_runs_nothing(visit: Visits, service: str, ended_job: str) -> None:
    one = visit(service)
    for path in ("/jobs", f"/jobs/{ended_job}"):
        one.open(path)
        assert HOSTILE in one.text()
        assert one.page.locator("script, img").count() == 0
    assert one.faults == []


def test_a_person_signs_in_looks_and_signs_out(
    visit: Visits, service: str, settings: Settings, store: JobStore, folder: JobFolder
) -> None:
    key = open_key_ring(settings).create("anna", (Scope.READ,))
    job = accepted_job_of("anna", store, folder)
    one = visit(service, PHONE)
    assert one.open(f"/jobs/{job}") == 401
    one.page.get_by_label("API key").fill("mgb_no_key")
    one.page.keyboard.press("Enter")
    assert "not known here" in one.page.get_by_role("alert").inner_text()
    one.page.get_by_label("API key").fill(key)
    with one.page.expect_request("**/sign-in") as sent:
        one.page.get_by_role("button", name="Sign in").click()
    assert sent.value.all_headers()["origin"] == service
    assert one.page.url == f"{service}/jobs/{job}"
    assert one.page.evaluate("document.cookie") == ""
    one.page.get_by_role("link", name="Jobs").click()
    one.page.get_by_role("link", name="Anna's").click()
    assert one.page.get_by_role("heading", level=1).inner_text() == "Anna's"
    one.page.go_back()
    with one.page.expect_request("**/sign-out") as sent:
        one.page.get_by_role("button", name="Sign out").click()
    assert sent.value.all_headers()["origin"] == service
    assert one.open(f"/jobs/{job}") == 401


def accepted_job_of(caller: str, store: JobStore, folder: JobFolder) -> str:
    job = msgspec.structs.replace(accepted_job("c" * 32, name="Anna's"), caller=caller)
    folder.accept(job)
    store.create(job)
    return job.id


def test_a_link_shows_the_job_and_is_told_to_nobody(
    visit: Visits, service: str, settings: Settings, store: JobStore, folder: JobFolder
) -> None:
    job = accepted_job_of("anna", store, folder)
    open_key_ring(settings).create("anna", (Scope.READ,))
    token = made_link(settings, job)
    one = visit(service)
    assert one.open(f"/jobs/{job}?link={token}") == 200
    assert one.page.get_by_role("link", name="Jobs").count() == 0
    one.page.get_by_role("link", name="MegaBatch").click()
    assert one.page.evaluate("document.referrer") == ""
    assert [url for url in one.requests if token in url] == [f"{service}/jobs/{job}?link={token}"]


def test_a_job_that_runs_is_shown_anew_until_it_has_ended(
    visit: Visits,
    service: str,
    store: JobStore,
    live_job: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("api.job_page.REFRESH_SECONDS", 1)
    one = visit(service)
    one.open(f"/jobs/{live_job}")
    assert "0 of 60 images" in one.text()
    store.planned(live_job, 1, 40)
    one.page.get_by_text("0 of 100 images").wait_for()
    store.cancel(live_job)
    one.page.get_by_text("merging", exact=True).wait_for()
    assert store.finish(final_record(live_job, status="cancelled"))
    one.page.get_by_text("cancelled", exact=True).wait_for()
    assert one.page.locator("meta[http-equiv=refresh]").count() == 0


def test_the_video_plays(visit: Visits, service: str) -> None:
    one = visit(service)
    one.open("/")
    state, width = one.page.evaluate(PLAYED)
    assert state >= 3  # HAVE_FUTURE_DATA
    assert width == 640
    sizes = one.page.evaluate("[...document.images].map(image => image.naturalWidth)")
    assert sizes
    assert all(sizes)
    assert one.faults == []


def test_the_keyboard_reaches_everything_and_jumps_to_the_content(
    visit: Visits, service: str
) -> None:
    one = visit(service)
    one.open("/")
    one.page.keyboard.press("Tab")
    assert one.page.evaluate("document.activeElement.textContent") == "To the content"
    one.page.keyboard.press("Enter")
    assert one.page.url.endswith("#main")
    named = one.page.evaluate(
        "[...document.querySelectorAll('a, button, input:not([type=hidden]), video')]"
        ".every(one => one.textContent.trim() || one.labels?.length "
        "|| one.getAttribute('aria-describedby'))"
    )
    assert named
    levels = one.page.evaluate(
        "[...document.querySelectorAll('h1, h2, h3')].map(one => Number(one.tagName[1]))"
    )
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def made_link(settings: Settings, job: str) -> str:
    """The token of a link to the page of a job."""
    links = open_links(settings)
    now = utc_now().replace(microsecond=0)
    link = Link(
        id="0" * 16, gives=(Gives.PAGE,), created_at=now, expires_at=now + timedelta(days=1)
    )
    return links.token(job, links.add(job, link))

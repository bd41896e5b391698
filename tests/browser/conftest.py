"""The pages in a real browser: Debian's Chromium, headless, on a service of its own."""

import os
import shutil
import threading
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from werkzeug.serving import make_server

from api.factory import create_app
from core.config import Settings
from core.job_folder import JobFolder, open_job_folder
from core.job_store import JobStore
from core.queue import open_job_store

#: Width and height of a phone and of a desk, pixels.
PHONE, DESK = (360, 740), (1280, 900)

_NAMES = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    found = next(filter(None, map(shutil.which, _NAMES)), None)
    assert found, "there is no Chromium here; run scripts/get-chromium"
    # Chromium's sandbox does not start as root, as which containers run their tests.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=arguments)
        yield browser
        browser.close()


# Every background here is of one colour, so that the nearest one that is no glass counts.
_LOW_CONTRAST = """() => {
    const parts = colour => colour.match(/[\\d.]+/g).map(Number);
    const light = colour => {
        const [r, g, b] = parts(colour).map(part => part / 255).map(
            part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const behind = one => {
        for (; one; one = one.parentElement) {
            const colour = getComputedStyle(one).backgroundColor;
            if (parts(colour)[3] !== 0) return colour;
        }
    };
    const ratio = one => {
        const both = [getComputedStyle(one).color, behind(one)].map(light).sort((a, b) => b - a);
        return (both[0] + 0.05) / (both[1] + 0.05);
    };
    const own = one => [...one.childNodes].some(
        node => node.nodeType === Node.TEXT_NODE && node.textContent.trim());
    return [...document.querySelectorAll('body, body *')].filter(own)
        .filter(one => ratio(one) < 4.5).map(one => one.textContent);
}"""


class Visit:
    """One person's browser, and what it noticed."""

    def __init__(self, context: BrowserContext, service: str) -> None:
        self._service = service
        self.requests: list[str] = []
        self.faults: list[str] = []
        self.page: Page = context.new_page()
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("console", lambda message: self.faults.append(message.text))
        self.page.on("dialog", self._refuse)

    def open(self, path: str) -> int:
        """Go to a page; its status."""
        answer = self.page.goto(self._service + path)
        assert answer
        return answer.status

    def _refuse(self, dialog: object) -> None:
        self.faults.append(f"dialog: {dialog}")
        dialog.dismiss()  # type: ignore[attr-defined]

    def foreign_requests(self) -> list[str]:
        return [url for url in self.requests if not url.startswith((self._service, "data:"))]

    def overflow(self) -> int:
        """Pixels by which the page is wider than the window."""
        found: int = self.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        return found

    def low_contrast(self) -> list[str]:
        """Texts whose colour is too near to what lies behind them: below 4.5 to 1, as WCAG 2.2 asks
        of text of usual size (1.4.3).
        """
        found: list[str] = self.page.evaluate(_LOW_CONTRAST)
        return found

    def text(self) -> str:
        return self.page.inner_text("body")


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[..., Visit]]:
    """Opens a browser of one size, dark or light, on a service."""
    contexts: list[BrowserContext] = []

    def visit(service: str, size: tuple[int, int] = DESK, *, dark: bool = False) -> Visit:
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme="dark" if dark else "light",
        )
        contexts.append(context)
        return Visit(context, service)

    yield visit
    for context in contexts:
        context.close()


@pytest.fixture
def service(settings: Settings) -> Iterator[str]:
    """The URL of the API and its pages; no worker runs."""
    server = make_server("127.0.0.1", 0, create_app(settings), threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def store(settings: Settings) -> JobStore:
    return open_job_store(settings, socket_timeout=5)


@pytest.fixture
def folder(settings: Settings) -> JobFolder:
    return open_job_folder(settings)

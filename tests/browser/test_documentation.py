"""The description of the API, as a person reads it."""

from collections.abc import Callable

from tests.browser.conftest import Visit

SUBMIT = "#operations-jobs-jobs_submit"


def test_the_description_can_be_read_and_asks_nobody_else(
    visit: Callable[..., Visit], service: str
) -> None:
    seen = visit(service)
    assert seen.open("/docs") == 200
    seen.page.click(f"{SUBMIT} .opblock-summary-control")
    seen.page.wait_for_selector(f"{SUBMIT} .responses-table")
    assert "Submit a job." in seen.text() and "container_url" in seen.text()
    assert seen.foreign_requests() == [] and seen.faults == []


def test_a_call_can_be_tried_from_there(visit: Callable[..., Visit], service: str) -> None:
    seen = visit(service)
    seen.open("/docs")
    seen.page.click("#operations-models-models_show_all .opblock-summary-control")
    seen.page.click("#operations-models-models_show_all .try-out__btn")
    seen.page.click("#operations-models-models_show_all .execute")
    seen.page.wait_for_selector("#operations-models-models_show_all .live-responses-table")
    assert '"demo"' in seen.text()
    assert seen.foreign_requests() == [] and seen.faults == []

from typing import Any

import pytest

from api.asking import build_request
from api.problems import InvalidFields, UnreadableBody
from api.schemas import JobBody
from core.config import Settings
from core.jobs import RequestedImage

DEMO_SETTINGS = Settings(default_model="demo")
URL = "https://account.blob.core.windows.net/c/a.jpg"


def test_one_image_under_two_signatures_is_a_duplicate() -> None:
    body = JobBody.model_validate({"images": [f"{URL}?sig=CANARY1", f"{URL}?sig=CANARY2"]})
    with pytest.raises(InvalidFields) as refused:
        build_request(body, DEMO_SETTINGS)
    [error] = refused.value.errors
    assert (error.pointer, repr(URL) in error.detail) == ("/images", True)
    assert "CANARY" not in error.detail


def test_urls_keep_their_secrets_for_the_planner() -> None:
    request = build_request(
        JobBody.model_validate({"images": [[f"{URL}?sig=x", "north"]]}), DEMO_SETTINGS
    )
    assert request.images == (RequestedImage(f"{URL}?sig=x", "north"),)


def test_malformed_urls_are_compared_as_they_are() -> None:
    with pytest.raises(InvalidFields) as refused:
        build_request(
            JobBody.model_validate({"images": ["https://[x", "https://[x"]}), DEMO_SETTINGS
        )
    assert refused.value.errors[0].pointer == "/images"


def test_an_entry_of_any_depth_is_refused() -> None:
    deep: list[Any] = []
    for _ in range(50_000):
        deep = [deep]
    with pytest.raises(UnreadableBody):
        build_request(JobBody.model_validate({"images": deep}), DEMO_SETTINGS)


def test_a_threshold_of_the_models_own_is_filled_in() -> None:
    settings = Settings(default_model="megadetector-v3")
    request = build_request(JobBody.model_validate({"container_url": "/x"}), settings)
    assert (request.model, request.detection_threshold) == ("megadetector-v3", 0.1)

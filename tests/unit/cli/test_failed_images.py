from collections.abc import Iterator

import pytest

from cli.client import Client
from cli.failed_images import MOST_IMAGES, fields_of_failed
from core.errors import InvalidRequest, JobConflict
from tests.unit.cli.service import JOB, Service, job

ID = JOB["id"]
SHOW = f"GET /v1/jobs/{ID}"
FAILED = '{"file": "%d.jpg", "detections": null, "failure": "image access failure: corrupt"}'


@pytest.fixture
def client(service: Service) -> Iterator[Client]:
    service.answer(SHOW, {**job("completed"), "request": {"container_url": "/photos"}})
    client = Client(service.url)
    yield client
    client.close()


def give_failed(service: Service, count: int) -> None:
    images = ",\n".join(FAILED % number for number in range(count))
    around = '{\n"info": {"format_version": "1.6"},\n"detection_categories": {},\n"images": [\n'
    service.answer(f"{SHOW}/results", f"{around}{images}\n]\n}}\n".encode())


def test_as_many_images_as_fit_are_submitted(client: Client, service: Service) -> None:
    give_failed(service, MOST_IMAGES)
    fields = fields_of_failed(client, ID)
    assert fields.keys() == {"images", "container_url"}
    assert len(fields["images"]) == MOST_IMAGES
    assert fields["images"][-1] == f"{MOST_IMAGES - 1}.jpg"


def test_more_images_are_refused_with_their_number(client: Client, service: Service) -> None:
    give_failed(service, MOST_IMAGES + 1)
    with pytest.raises(InvalidRequest, match="10,001 images failed"):
        fields_of_failed(client, ID)


def test_a_job_in_which_nothing_failed(client: Client, service: Service) -> None:
    give_failed(service, 0)
    with pytest.raises(InvalidRequest, match="nothing to try again"):
        fields_of_failed(client, ID)


def test_a_job_that_goes_on_is_refused_by_the_service(client: Client, service: Service) -> None:
    refusal = {"code": "results_not_ready", "detail": "Ask again later."}
    service.answer(f"{SHOW}/results", refusal, 409)
    with pytest.raises(JobConflict, match="Ask again later"):
        fields_of_failed(client, ID)

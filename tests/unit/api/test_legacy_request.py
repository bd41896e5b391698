"""The body of the API of 2019, by its own rules."""

from typing import Any

import pytest

from api.legacy_request import build_legacy_request, legacy_models, read_caller
from core.config import Settings
from core.errors import InvalidRequest

SAS = "https://account.blob.core.windows.net/images?sv=2024&sr=c&sp=rl&se=2099-01-01&sig=CANARY"
LIST = "https://account.blob.core.windows.net/lists/a.json?sp=r&sig=CANARY"
#: Of no type that a text, a number or a truth may have, but for the first.
WRONG = [True, [], ["3"], {}, {"v": 3}]


@pytest.fixture
def settings() -> Settings:
    return Settings(default_model="megadetector-v3")


def build(settings: Settings, **body: Any) -> Any:
    return build_legacy_request({"input_container_sas": SAS, **body}, settings)


def refusal(settings: Settings, **body: Any) -> str:
    with pytest.raises(InvalidRequest) as caught:
        build(settings, **body)
    return str(caught.value)


def test_what_a_caller_of_then_gets(settings: Settings) -> None:
    request = build(settings)
    assert request.container_url == SAS
    assert request.model == "megadetector-v3"
    assert (request.detection_threshold, request.format_version) == (0.1, "1.0")
    assert request.preprocessing == "legacy-2019"
    assert (request.first_n, request.sample_n, request.prefix, request.name) == (None, None, "", "")


def test_a_list_of_urls_needs_no_container(settings: Settings) -> None:
    body = {"use_url": True, "images_requested_json_sas": LIST}
    request = build_legacy_request(body, settings)
    assert (request.container_url, request.images_url) == (None, LIST)


def test_a_list_of_urls_passes_over_the_container(settings: Settings) -> None:
    assert build(settings, use_url=True, images_requested_json_sas=LIST).container_url is None


@pytest.mark.parametrize("false", [False, None, "", "false", "F", "no", "N", 0])
def test_words_that_mean_no(settings: Settings, false: Any) -> None:
    assert build(settings, use_url=false).container_url == SAS


def test_urls_without_a_list_are_refused(settings: Settings) -> None:
    assert "images_requested_json_sas is required" in refusal(settings, use_url=True)


@pytest.mark.parametrize("sas", [None, ""])
def test_a_container_is_needed(settings: Settings, sas: Any) -> None:
    assert "input_container_sas" in refusal(settings, input_container_sas=sas)


@pytest.mark.parametrize("rights", ["r", "l", "w", "wd"])
def test_a_sas_must_read_and_list(settings: Settings, rights: str) -> None:
    text = refusal(settings, input_container_sas=SAS.replace("sp=rl", f"sp={rights}"))
    assert "read and list" in text
    assert "CANARY" not in text


def test_a_stored_policy_keeps_its_rights_to_itself(settings: Settings) -> None:
    url = SAS.replace("sp=rl", "si=policy")
    assert build(settings, input_container_sas=url).container_url == url


@pytest.mark.parametrize("folder", ["/etc", "file:///etc", "images"])
def test_a_folder_is_no_container_here(settings: Settings, folder: str) -> None:
    assert "not a URL" in refusal(settings, input_container_sas=folder)


@pytest.mark.parametrize(
    ("asked", "model"),
    [
        (None, "megadetector-v3"),
        ("", "megadetector-v3"),
        ("2", "megadetector-v2"),
        (2, "megadetector-v2"),
        ("4.1", "megadetector-v4.1"),
        (4.1, "megadetector-v4.1"),
        ("demo", "demo"),
    ],
)
def test_versions_of_the_model(settings: Settings, asked: Any, model: str) -> None:
    assert build(settings, model_version=asked).model == model


@pytest.mark.parametrize("asked", ["9", 9, "megadetector-v3"])
def test_unknown_versions(settings: Settings, asked: Any) -> None:
    assert refusal(settings, model_version=asked) == f"model_version {asked} is not supported."


@pytest.mark.parametrize("asked", [False, *WRONG])
def test_a_version_is_a_text_or_a_number(settings: Settings, asked: Any) -> None:
    told = refusal(settings, model_version=asked)
    assert told == "model_version must be one of 2, 3, 4.1, demo."


@pytest.mark.parametrize("given", WRONG[1:])
def test_use_url_is_a_truth(settings: Settings, given: Any) -> None:
    assert refusal(settings, use_url=given) == "use_url must be true or false."


@pytest.mark.parametrize("given", [5, *WRONG])
@pytest.mark.parametrize(
    ("field", "longest"),
    [
        ("caller", 4096),
        ("input_container_sas", 4096),
        ("images_requested_json_sas", 4096),
        ("image_path_prefix", 1024),
    ],
)
def test_texts_are_texts(settings: Settings, field: str, longest: int, given: Any) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read_caller({field: given})
        build(settings, **{field: given})
    assert str(caught.value) == f"{field} must be a string of at most {longest} letters."


def test_the_versions_are_sorted(settings: Settings) -> None:
    assert list(legacy_models(settings)) == ["2", "3", "4.1", "demo"]


@pytest.mark.parametrize(
    ("given", "count"), [(5, 5), ("5", 5), (5.9, 5), (0, None), ("", None), ("0", None)]
)
def test_counts_are_read_as_int_reads_them(
    settings: Settings, given: Any, count: int | None
) -> None:
    request = build(settings, first_n=given, sample_n=given)
    assert (request.first_n, request.sample_n) == (count, count)


@pytest.mark.parametrize("given", [-1, "ten", [], [1], {}, {"n": 1}, 1e300, float("inf")])
def test_counts_that_cannot_be_meant(settings: Settings, given: Any) -> None:
    assert "first_n must be a whole number" in refusal(settings, first_n=given)


@pytest.mark.parametrize("name", ["", "Survey_2-b", "x" * 32])
def test_names_that_are_taken(settings: Settings, name: str) -> None:
    assert build(settings, request_name=name).name == name


@pytest.mark.parametrize("name", ["a b", "a.b", "x" * 33, "é", "a\n", "x" * 5000, 7, ["a"], [], {}])
def test_names_that_are_not(settings: Settings, name: Any) -> None:
    told = refusal(settings, request_name=name)
    assert told == "request_name must be a string of at most 32 letters of A-Z a-z 0-9 '_' '-'."


def test_fields_it_does_not_know_are_passed_over(settings: Settings) -> None:
    assert build(settings, country="KEN", organization_name="x", other=[1]) == build(settings)


@pytest.mark.parametrize("caller", [None, 5, ["a"]])
def test_a_caller_is_a_text(caller: Any) -> None:
    if caller is None:
        assert read_caller({"caller": caller}) == ""
    else:
        with pytest.raises(InvalidRequest):
            read_caller({"caller": caller})

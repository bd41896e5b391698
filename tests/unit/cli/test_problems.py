import msgspec
import pytest

from cli.problems import Problem


def said(code: str, detail: str, *errors: tuple[str, str]) -> str:
    fields = [{"pointer": pointer, "detail": text} for pointer, text in errors]
    problem = {"code": code, "title": "No", "detail": detail, "errors": fields}
    return str(msgspec.convert(problem, Problem))


def test_a_field_that_repeats_the_detail_is_not_said_again() -> None:
    assert said("container_unusable", "No SAS.", ("/container_url", "No SAS.")) == "No SAS."


def test_what_a_field_adds_is_said_in_the_words_of_the_command_line() -> None:
    assert said(
        "bad", "Look again.", ("/container_url", "No SAS."), ("/images/3", "Is a URL.")
    ) == ("Look again.\nCONTAINER: No SAS.\n--images (3): Is a URL.")


@pytest.mark.parametrize(
    ("pointer", "detail", "line"),
    [
        ("/first_n", "first_n must be a whole number.", "--first-n: must be a whole number."),
        ("/metadata/a", "may have 16 pairs.", "--metadata (a): may have 16 pairs."),
        ("", "Not this way.", "Not this way."),
    ],
)
def test_fields_speak_for_themselves(pointer: str, detail: str, line: str) -> None:
    general = "Some fields cannot be used as they were given; `errors` names each."
    assert said("invalid_fields", general, (pointer, detail), (pointer, detail)) == line


def test_a_problem_without_words_has_its_title() -> None:
    assert said("bad", "") == "No"


def test_what_only_the_log_explains_can_be_found_there() -> None:
    problem = Problem("internal_error", detail="MegaBatch failed.", request_id="4711")
    assert str(problem).splitlines()[1].endswith("request 4711.")
    assert "4711" not in str(Problem("job_not_found", detail="No job.", request_id="4711"))

"""What stands in `deploy/` about settings is what the code reads, with the code's defaults."""

import re

import pytest

from core.config import VARIABLES, Settings, read_settings
from tests.unit.deploy.reading import DEPLOY, ROOT, texts
from tests.unit.test_docs import shown

EXAMPLE = (DEPLOY / ".env.example").read_text()
NAMES = {name for name, _, _ in VARIABLES}
#: Read by compose.yaml alone.
OF_COMPOSE = {"REDIS_PASSWORD", "PICTURES", "LISTEN"}
#: Read by obstore.
OF_AZURE = {
    *("AZURE_STORAGE_ACCOUNT_NAME", "AZURE_STORAGE_ACCOUNT_KEY", "AZURE_STORAGE_ENDPOINT"),
    "AZURE_CLIENT_ID",
}
#: What a pod is given by Azure's Kubernetes, and what stands for the machine's own service.
NOT_SET_BY_HAND = {
    *("AZURE_TENANT_ID", "AZURE_FEDERATED_TOKEN_FILE", "AZURE_AUTHORITY_HOST"),
    "AZURE_MSI_ENDPOINT",
}
LINE = re.compile(r"^# [^\n]+\n(#?)([A-Z_]+)=(.*)$", re.MULTILINE)


def told() -> dict[str, tuple[str, str]]:
    """Each variable: whether it is commented out, and its value."""
    found = LINE.findall(EXAMPLE)
    assert len(found) == len({name for _, name, _ in found})
    return {name: (mark, value) for mark, name, value in found}


def test_the_example_has_every_setting_once_with_a_word_about_it() -> None:
    assert set(told()) == NAMES | OF_COMPOSE | OF_AZURE
    assert set(re.findall(r"^#?([A-Z_]+)=", EXAMPLE, re.MULTILINE)) == set(told())


def test_what_is_commented_out_is_the_default_of_the_code() -> None:
    defaults = {name: shown(getattr(Settings(), field)) for name, field, _ in VARIABLES}
    assert {name: told()[name][1] or "none" for name in NAMES} == defaults


def test_only_what_must_be_set_is_not_commented_out() -> None:
    must = {name for name, (mark, _) in told().items() if not mark}
    assert must == {"REDIS_PASSWORD", "MEGABATCH_SECRET_KEYS"}


def test_the_example_can_be_read_as_it_stands() -> None:
    values = {name: value for name, (_, value) in told().items()}
    settings = read_settings({**values, "MEGABATCH_STORAGE_URL": "file:///data"})
    assert settings == Settings(storage_url="file:///data")


def test_compose_reads_its_own_variables_and_no_others() -> None:
    text = texts()["compose.yaml"]
    named = set(re.findall(r"\$\{([A-Z_]+)", text))
    assert named - NAMES == OF_COMPOSE


def test_azures_variables_are_those_by_which_the_storage_is_tested() -> None:
    names = ("conftest.py", "test_azure_identity.py")
    tested = "".join((ROOT / "tests/contract" / name).read_text() for name in names)
    assert set(re.findall(r'setenv\("(AZURE_\w+)"', tested)) == OF_AZURE | NOT_SET_BY_HAND


@pytest.mark.parametrize("name", texts())
def test_no_file_names_a_setting_that_does_not_exist(name: str) -> None:
    named = set(re.findall(r"\bMEGABATCH_[A-Z_]+", texts()[name]))
    assert named <= NAMES


def test_no_secret_stands_in_a_file() -> None:
    for name, text in texts().items():
        filled = re.findall(r"^\W*\w*(?:PASSWORD|SECRET|KEYS?)\w*[=:] *[\"']?(\w.*)$", text, re.M)
        assert [value for value in filled if not value.startswith("$")] == [], name

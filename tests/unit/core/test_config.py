"""Settings from a mapping."""

from pathlib import Path

import pytest

from core.config import VARIABLES, Settings, read_settings, read_what_can_be
from core.errors import ConfigError

LEAST = {"MEGABATCH_STORAGE_URL": "file:///srv"}


def test_every_field_has_one_variable() -> None:
    assert sorted(field for _, field, _ in VARIABLES) == sorted(Settings.__struct_fields__)


def test_defaults_stand_where_nothing_is_set() -> None:
    settings = read_settings({**LEAST, "MEGABATCH_DEFAULT_MODEL": "", "PATH": "x"})
    assert settings == Settings(storage_url="file:///srv")
    assert settings.default_model == "megadetector-v3" and settings.retention_days == 180
    assert settings.allowed_hosts == ("*.blob.core.windows.net",)


def test_lists_are_separated_by_commas(tmp_path: Path) -> None:
    settings = read_settings(
        {
            **LEAST,
            "MEGABATCH_SECRET_KEYS": " a, b ,",
            "MEGABATCH_ALLOWED_ROOTS": f"{tmp_path},/",
            "MEGABATCH_ALLOWED_PRIVATE_RANGES": "10.0.0.0/8,::1",
        }
    )
    assert settings.secret_keys == ("a", "b")
    assert settings.allowed_roots == (tmp_path.resolve(), Path("/"))
    assert [str(network) for network in settings.allowed_private_ranges] == [
        "10.0.0.0/8", "::1/128",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("MEGABATCH_ALLOWED_PRIVATE_RANGES", "10.0.0.1/8"),
        ("MEGABATCH_ALLOWED_PRIVATE_RANGES", "everywhere"),
        ("MEGABATCH_RETENTION_DAYS", "0"),
        ("MEGABATCH_RETENTION_DAYS", "long"),
        ("MEGABATCH_STALL_AFTER", "-1"),
    ],
)
def test_wrong_value_names_its_variable(variable: str, text: str) -> None:
    with pytest.raises(ConfigError, match=variable):
        read_settings({**LEAST, variable: text})


def test_storage_must_be_named() -> None:
    with pytest.raises(ConfigError, match="MEGABATCH_STORAGE_URL"):
        read_settings({})


def test_settings_show_no_secret() -> None:
    settings = Settings(redis_url="redis://:CANARY@h/0", secret_keys=("CANARY",))
    assert "CANARY" not in repr(settings) and "CANARY" not in f"{settings}"


def test_what_cannot_be_read_leaves_the_rest() -> None:
    given = {"MEGABATCH_STALL_AFTER": "x", "MEGABATCH_LEAST_ROOM": "-1", "REDIS_URL": "redis://r"}
    settings, faults = read_what_can_be(given)
    assert settings == Settings(redis_url="redis://r")
    assert [fault.message.split()[0] for fault in faults] == [
        "MEGABATCH_STALL_AFTER", "MEGABATCH_LEAST_ROOM", "MEGABATCH_STORAGE_URL",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("url", "folder"),
    [("file:///srv/a%20b", Path("/srv/a b")), ("az://own", None), ("", None)],
)
def test_a_storage_may_be_a_folder(url: str, folder: Path | None) -> None:
    assert Settings(storage_url=url).storage_folder == folder

from pathlib import Path

import msgspec

from detection.local.settings import TAKEN_OVER, RunSettings, absolute, differences

SETTINGS = RunSettings(
    sources=("/photos",), relative_to="", model="demo", weights="abc", threshold=0.1
)


def changed(**fields: object) -> RunSettings:
    return msgspec.structs.replace(SETTINGS, **fields)


def test_what_differs_is_told_a_line_each() -> None:
    assert differences(SETTINGS, SETTINGS) == []
    other = changed(relative_to="/base", exif=("Model", "Flash"), gps=True)
    assert differences(SETTINGS, other) == [
        "relative to: none then, /base now",
        "gps: False then, True now",
        "exif: none then, Model, Flash now",
    ]


def test_what_may_differ_is_left_out() -> None:
    other = changed(previous="/r.json", retry_failed=True, threshold=0.2)
    assert differences(SETTINGS, other, but=TAKEN_OVER) == ["threshold: 0.1 then, 0.2 now"]


def test_settings_of_an_older_version_can_be_read() -> None:
    told = (
        b'{"sources":["/photos"],"relative_to":"","model":"demo","weights":"abc","threshold":0.1}'
    )
    assert msgspec.json.decode(told, type=RunSettings) == SETTINGS


def test_paths_are_written_whole(tmp_path: Path) -> None:
    assert absolute(None) == ""
    assert absolute(tmp_path / "a") == str(tmp_path / "a")
    assert Path(absolute(Path("a"))).is_absolute()

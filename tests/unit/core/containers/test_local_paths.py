import ntpath
import os
import posixpath
from pathlib import Path
from types import ModuleType

import pytest

from core.containers.local_paths import as_typed, is_below, of_any_length, path_inside, real_path

LONG_FORMS = [
    ("C:\\surveys\\north", "\\\\?\\C:\\surveys\\north"),
    ("\\\\server\\share\\north", "\\\\?\\UNC\\server\\share\\north"),
]


@pytest.mark.parametrize(("typed", "long"), LONG_FORMS)
def test_windows_takes_a_path_of_any_length_in_another_form(typed: str, long: str) -> None:
    assert of_any_length(typed, ntpath) == of_any_length(long, ntpath) == long
    assert as_typed(long, ntpath) == as_typed(typed, ntpath) == typed


@pytest.mark.parametrize("path", ["/surveys", "\\\\?\\C:\\surveys", "\\\\server"])
def test_elsewhere_a_path_has_one_form(path: str) -> None:
    assert of_any_length(path, posixpath) == as_typed(path, posixpath) == path


@pytest.mark.parametrize(
    ("path", "root", "below"),
    [
        ("C:\\surveys\\a", "C:\\surveys", True),
        ("C:\\surveys", "C:\\surveys", True),
        ("C:\\Surveys\\A", "c:\\sUrveys", True),
        ("C:\\surveys-2\\a", "C:\\surveys", False),
        ("C:\\", "C:\\surveys", False),
        ("C:\\surveys", "C:\\", True),
        ("D:\\surveys", "C:\\", False),
        ("\\\\server\\share\\a", "\\\\server\\share\\", True),
        ("\\\\server\\share-2\\a", "\\\\server\\share", False),
        ("\\\\?\\C:\\surveys\\a", "C:\\surveys", True),
        ("\\\\?\\UNC\\server\\share\\a", "\\\\SERVER\\share", True),
    ],
)
def test_is_below_on_windows(path: str, root: str, below: bool) -> None:
    assert is_below(path, ["Z:\\other", root], ntpath) is below


@pytest.mark.parametrize(
    ("path", "root", "below"),
    [
        ("/surveys/a", "/surveys", True),
        ("/surveys", "/surveys", True),
        ("/surveys/a", "/", True),
        ("/surveys-2", "/surveys", False),
        ("/Surveys/a", "/surveys", False),
        ("/surveys\\a", "/surveys", False),
    ],
)
def test_is_below_elsewhere(path: str, root: str, below: bool) -> None:
    assert is_below(path, [root], posixpath) is below


def test_names_are_joined_as_the_system_joins_them() -> None:
    assert path_inside("\\\\?\\C:\\s", "a/b.jpg", ntpath) == "\\\\?\\C:\\s\\a\\b.jpg"
    assert path_inside("\\\\?\\C:\\", "nul.jpg", ntpath) == "\\\\?\\C:\\nul.jpg"
    assert path_inside("/s", "a/b\\c:d.jpg", posixpath) == "/s/a/b\\c:d.jpg"


@pytest.mark.parametrize("name", ["/a.jpg", "../a.jpg", "a/../../b.jpg", ".."])
@pytest.mark.parametrize("rules", [ntpath, posixpath])
def test_names_that_lead_out_have_no_path(name: str, rules: ModuleType) -> None:
    assert path_inside("C:\\s", name, rules) is None


@pytest.mark.parametrize(
    "name",
    [
        *("..\\a.jpg", "\\a.jpg", "C:\\a.jpg", "C:a.jpg", "a/D:/b.jpg"),
        *("a.jpg:hidden", "a//b.jpg", "./a.jpg", "a?.jpg", "a\n.jpg", "caf\\xe9.jpg"),
    ],
)
def test_names_that_windows_cannot_have_are_no_files_there(name: str) -> None:
    assert path_inside("C:\\s", name, ntpath) is None
    assert path_inside("/s", name, posixpath) is not None


def test_a_real_path_leads_through_links(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    assert real_path(tmp_path / "link") == os.path.realpath(tmp_path)

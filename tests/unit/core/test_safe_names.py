import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.safe_names import safe_name

WILD = [
    *("..", ".", "", "a", "A", "~", "a.jpg", "A.jpg", "a.mp4", "CON", "nul .avi", "C:", "https:"),
    *("x.", "x ", "a?.mov", "\\", "\\xe9.jpg", "\0", "é.jpg", "e\u0301.jpg", "ß.jpg", "SS.jpg"),
    *("\ud800.jpg", "\u202egpj.exe", "x" * 300 + ".mp4", "日" * 300, "a_~xw66nl6wpf.jpg"),
    *("IMG_0001.JPG", "img_0001.jpg", "dcim", "DCIM", "\u0131.jpg", "i.jpg"),
]
names = st.lists(st.sampled_from(WILD) | st.text(max_size=5), min_size=1, max_size=4).map("/".join)


def folded(path: str) -> str:
    letters = unicodedata.normalize("NFD", path).upper().casefold()
    return unicodedata.normalize("NFD", letters)


@pytest.mark.parametrize(
    "name", ["site 1/IMG_0001.JPG", "a/b/clip.mp4", "DCIM/100EK113/x.tif", "höhle/a"]
)
def test_ordinary_names_stay_as_they_are(name: str) -> None:
    assert safe_name(name) == name


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("../../a.mp4", "a~"),
        ("/data/a.jpg", "data/a~"),
        ("C:/data/a.jpg", "data/a~"),
        ("a\\b.jpg", "a_b~"),
        ("con.jpg", "_con~"),
        ("a?.tif", "a_~"),
    ],
)
def test_what_cannot_stay_is_marked_and_keeps_its_suffix(name: str, kept: str) -> None:
    path = safe_name(name)
    assert path.startswith(kept)
    assert path.endswith(name[-4:])


@given(names)
def test_a_path_leads_nowhere_but_down_and_is_legal(name: str) -> None:
    path = safe_name(name)
    parts = path.split("/")
    assert all(part and part not in {".", ".."} and len(part.encode()) < 255 for part in parts)
    assert not set(path) & set('<>:"\\|?*\0\n')
    assert all(part == part.rstrip(" .") for part in parts)
    path.encode()


@given(names, names)
def test_no_two_names_meet(one: str, other: str) -> None:
    if one != other:
        assert safe_name(one, folds=False) != safe_name(other, folds=False)
        assert folded(safe_name(one)) != folded(safe_name(other))

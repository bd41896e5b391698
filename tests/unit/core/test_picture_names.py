import re
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.picture_names import crop_name, picture_name

ORDINARY = [
    *("site 1/IMG_0001.JPG", "a.jpg", "a.jpeg", "a.png", "2019/100RECNX/RCNX0001.JPG"),
    *("dcim/img_0001_night.jpg", "african_elephants.jpg", "höhle/füchse.jpg", "動物/一.jpg"),
    *("DCIM/100EK113/02030001.JPG", "a..jpg", ".jpg", "a b/ c.png"),
]

#: Parts that are trouble somewhere, and the pieces of others.
WILD = [
    *("..", ".", "", "a", "A", "b", "~", "a.jpg", "a.JPG", "A.jpg", "a.png", "a.jpg.jpg", "a.tif"),
    *("a.tif.jpg", "a.TIF.jpg", "CON", "con.jpg", "nul .png", "COM1", "lpt¹.jpg", "aux.", "C:"),
    *("https:", "x.", "x ", " x", "a?.jpg", "a*.jpg", "\\", "\\xe9.jpg", "\0", "\n.jpg", "\x7f"),
    *(
        "é.jpg",
        "e\u0301.jpg",
        "É.jpg",
        "ß.jpg",
        "ss.jpg",
        "\u017f\u017f.jpg",
        "\u212a.jpg",
        "k.jpg",
    ),
    *(
        "\ud800.jpg",
        "\ud801.jpg",
        "\u202egpj.exe",
        "a\u200d.jpg",
        "\ufeffa.jpg",
        "x" * 300 + ".jpg",
        "日" * 300,
    ),
    *("IMG_0001.JPG", "img_0001.jpg", "IMG_0001.jpg", "a~00-animal.jpg", "a_~xw66nl6wpf.jpg"),
    *("a_.jpg", "\u0131.jpg", "i.jpg", "I.jpg", "İ.jpg", "ﬁ.jpg", "fi.jpg", "a.jpg_", "dcim"),
]
parts = st.sampled_from(WILD) | st.text(max_size=6) | st.text("aAb.~ é", max_size=4)
names = st.lists(parts, max_size=5).map("/".join)
few = st.lists(st.sampled_from(WILD), min_size=1, max_size=2).map("/".join)


def folded(path: str) -> str:
    """What a file system that ignores all that file systems ignore goes by."""
    letters = unicodedata.normalize("NFD", path).upper().casefold().upper().casefold()
    return "/".join(part.rstrip(" .") for part in unicodedata.normalize("NFD", letters).split("/"))


@pytest.mark.parametrize("name", ORDINARY)
def test_ordinary_names_stay_as_they_are(name: str) -> None:
    assert picture_name(name, folds=False) == name
    if name != "dcim/img_0001_night.jpg":
        assert picture_name(name) == name


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("/data/x.jpg", r"data/x~\w{10}\.jpg"),
        ("C:/data/x.jpg", r"data/x~\w{10}\.jpg"),
        ("https://h.org/a//b/x.PNG", r"h\.org/a/b/x~\w{10}\.PNG"),
        ("../../etc/passwd", r"etc/passwd~\w{10}\.jpg"),
        ("a?.jpg", r"a_~\w{10}\.jpg"),
        ("x\\y.jpg", r"x_y~\w{10}\.jpg"),
        ("con.jpg", r"_con~\w{10}\.jpg"),
        ("a.jpg/b.jpg", r"a\.jpg_/b~\w{10}\.jpg"),
        ("", r"_~\w{10}\.jpg"),
        ("a", r"a~\w{10}\.jpg"),
        ("a.tif.jpg", r"a\.tif~\w{10}\.jpg"),
        ("a.tif", r"a\.tif\.jpg"),
        ("a.webp", r"a\.webp\.jpg"),
        ("x~1.jpg", r"x_1~\w{10}\.jpg"),
    ],
)
def test_what_cannot_stay_is_made_harmless_and_marked(name: str, pattern: str) -> None:
    assert re.fullmatch(pattern, picture_name(name))


def test_case_marks_a_name_only_where_case_is_ignored() -> None:
    assert picture_name("Site 1/Fox.jpg", folds=False) == "Site 1/Fox.jpg"
    assert re.fullmatch(r"Site 1/Fox~\w{10}\.jpg", picture_name("Site 1/Fox.jpg"))


def test_a_crop_tells_what_it_shows() -> None:
    assert crop_name("s/IMG_0001.JPG", 0, "animal") == "s/IMG_0001~00-animal.JPG"
    assert crop_name("s/a.tif", 12, "red deer/♂") == "s/a.tif~12-red-deer.jpg"
    assert re.fullmatch(r"s/a~\w{10}~100-\.jpg", crop_name("s/a", 100, "../"))
    assert len(crop_name("a.jpg", 0, "日" * 300).encode()) < 50


def test_the_same_name_leads_to_the_same_picture_for_ever() -> None:
    assert picture_name("/data/x.jpg") == "data/x~rnwqgq6tvw.jpg"


@given(names)
@example("\ud800/\udcff\x85.jpg")
@example("/".join(["日" * 70] * 90))
def test_every_name_leads_to_a_legal_path_below_the_folder(name: str) -> None:
    for path in (picture_name(name), crop_name(name, 3, name), picture_name(name, folds=False)):
        assert len(path.encode()) < 800
        assert path.lower().endswith((".jpg", ".jpeg", ".png"))
        for part in path.split("/"):
            assert part.strip(".") and part == part.rstrip(" .")
            assert not re.search(r'[<>:"\\|?*\x00-\x1f\x7f]', part)
            assert len(part.encode()) <= 240
            base = part.split(".")[0].rstrip().lower()
            assert not re.fullmatch(r"con|prn|aux|nul|conin\$|(com|lpt)[0-9¹²³]", base)


@given(names | few, names | few)
@example("a.tif", "a.tif.jpg")
@example("a.jpg", "a.JPG")
@example("é.jpg", "e\u0301.jpg")
@example("a", "a.jpg")
@example("img_0001.jpg", "IMG_0001.JPG")
def test_no_two_names_meet(one: str, other: str) -> None:
    if one == other:
        return
    for folds, seen in ((False, str), (True, folded)):
        pictures = {seen(picture_name(name, folds=folds)) for name in (one, other)}
        crops = {
            seen(crop_name(name, index, "animal", folds=folds))
            for name in (one, other)
            for index in (0, 1)
        }
        assert (len(pictures), len(crops)) == (2, 4)
        assert not pictures & crops


def test_none_of_all_wild_names_meet() -> None:
    everything = {f"{a}/{b}" for a in WILD for b in WILD} | set(WILD)
    for folds, seen in ((False, str), (True, folded)):
        pictures = [seen(picture_name(name, folds=folds)) for name in everything]
        assert len(set(pictures)) == len(everything)


@given(names | few, names | few)
@example("a.jpg", "a.jpg/b.jpg")
def test_no_picture_is_where_another_one_needs_a_folder(one: str, other: str) -> None:
    for path in (picture_name(other), crop_name(other, 0, "animal")):
        assert not folded(path).startswith(folded(picture_name(one)) + "/")

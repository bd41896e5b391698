import errno
import os
import shutil
import tempfile
import unicodedata
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import pytest

from core.containers.folder import LocalFolder, folder_of, reading_flags
from core.containers.folder_walk import is_junction, sorted_entries
from core.containers.listing import MAX_IMAGE_BYTES, Page
from core.errors import ContainerError, StorageTrouble, UrlNotAllowed
from core.failures import FailureCode, ImageFailure
from core.image_list import ListedImage

NOBODY = 65534


def make_files(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())


def names_of(pages: list[Page]) -> list[str]:
    return [image.name for page in pages for image in page.images]


def skipped_of(pages: list[Page]) -> dict[str, int]:
    total: dict[str, int] = {}
    for page in pages:
        for suffix, count in page.skipped.items():
            total[suffix] = total.get(suffix, 0) + count
    return total


@pytest.fixture
def survey(tmp_path: Path) -> Path:
    """A folder with images at several depths, and what systems and people leave beside them."""
    root = tmp_path / "survey"
    make_files(
        root,
        "b.jpg",
        "a/2.PNG",
        "a/1.jpg",
        "a/deep/er/x.tif",
        "a.jpg",
        "a-b/1.jpg",
        "c/clip.mp4",
        "c/clip.MP4",
        "c/notes",
        "c/1.webp",
        "._a.jpg",
        "@eaDir/thumb.jpg",
        "z/$RECYCLE.BIN/old.jpg",
        "zz.txt",
    )
    return root


IN_ORDER = ["a/1.jpg", "a/2.PNG", "a/deep/er/x.tif", "a-b/1.jpg", "a.jpg", "b.jpg", "c/1.webp"]


def test_images_come_sorted_within_each_directory(survey: Path) -> None:
    pages = list(LocalFolder(survey).pages())
    assert names_of(pages) == IN_ORDER
    assert skipped_of(pages) == {".mp4": 2, "": 1, ".txt": 1}
    assert [(page.marker, page.last) for page in pages] == [(None, True)]


@pytest.mark.parametrize("size", [1, 2, 3, 6, 7, 8])
def test_a_marker_lists_its_page_again_and_goes_on(survey: Path, size: int) -> None:
    folder = LocalFolder(survey, page_size=size)
    pages = list(folder.pages())
    assert names_of(pages) == IN_ORDER
    assert skipped_of(pages) == {".mp4": 2, "": 1, ".txt": 1}
    assert [page.last for page in pages] == [False] * (len(pages) - 1) + [True]
    for index, page in enumerate(pages):
        assert list(folder.pages(marker=page.marker)) == pages[index:]


def test_a_marker_serves_though_its_image_is_gone(survey: Path) -> None:
    (survey / "a/2.PNG").unlink()
    assert names_of(list(LocalFolder(survey).pages(marker="a/2.PNG"))) == IN_ORDER[2:]
    shutil.rmtree(survey / "a")
    assert names_of(list(LocalFolder(survey).pages(marker="a/2.PNG"))) == IN_ORDER[3:]


@pytest.mark.parametrize("prefix", ["a", "a/", "a/d", "a/deep/er/x", "b", "none", "c/cl", "A"])
def test_prefix(survey: Path, prefix: str) -> None:
    pages = list(LocalFolder(survey, page_size=2).pages(prefix))
    assert names_of(pages) == [name for name in IN_ORDER if name.startswith(prefix)]
    assert sum(skipped_of(pages).values()) == (2 if prefix == "c/cl" else 0)


def test_a_prefix_keeps_the_walk_out_of_other_directories(survey: Path) -> None:
    (survey / "a" / "loop").symlink_to(survey)  # counted wherever the walk meets it
    assert skipped_of(list(LocalFolder(survey).pages("b"))) == {}


def test_an_empty_folder_has_one_empty_page(tmp_path: Path) -> None:
    assert list(LocalFolder(tmp_path).pages()) == [Page(images=[], marker=None, last=True)]


@pytest.mark.parametrize("window", [1, 2, 3, 100])
def test_a_large_directory_is_sorted_in_windows(tmp_path: Path, window: int) -> None:
    make_files(tmp_path, *(f"{number}.jpg" for number in range(10)))
    found = [entry.name for entry in sorted_entries(str(tmp_path), "3.jpg", window)]
    assert found == [f"{number}.jpg" for number in range(3, 10)]


def test_size_and_etag_are_listed_and_bytes_are_read(survey: Path) -> None:
    folder = LocalFolder(survey)
    for page in folder.pages():
        for image in page.images:
            assert image.size == len(image.name)
            assert folder.read(image) == image.name.encode()
    assert folder.read(ListedImage("a/1.jpg")) == b"a/1.jpg"


def test_names_that_are_not_utf8_are_listed_and_read(tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/caf\xe9"
    os.mkdir(path)
    with open(path + b"/\xff.jpg", "wb") as file:
        file.write(b"latin")
    make_files(tmp_path, "caf\\xe9/\\xff.jpg", "line\nend.jpg", "é/1.jpg")
    folder = LocalFolder(tmp_path, page_size=1)
    pages = list(folder.pages())
    read = {image.name: folder.read(image) for page in pages for image in page.images}
    assert read == {
        "caf\\xe9/\\xff.jpg": b"latin",
        "caf\\x5cxe9/\\x5cxff.jpg": b"caf\\xe9/\\xff.jpg",
        "line\nend.jpg": b"line\nend.jpg",
        "é/1.jpg": "é/1.jpg".encode(),
    }
    for index, page in enumerate(pages):
        assert list(folder.pages(marker=page.marker)) == pages[index:]


def test_a_changed_file_is_a_failure(survey: Path) -> None:
    folder = LocalFolder(survey)
    image = next(folder.pages()).images[0]
    (survey / image.name).write_bytes(b"other")
    assert folder.read(image) == ImageFailure(FailureCode.CHANGED)


def test_a_file_that_was_rewritten_at_the_same_size_has_changed(survey: Path) -> None:
    folder = LocalFolder(survey)
    image = next(folder.pages()).images[0]
    os.utime(survey / image.name, ns=(1, 1))
    assert folder.read(image) == ImageFailure(FailureCode.CHANGED)


@pytest.mark.parametrize(
    "name",
    [
        "none.jpg",
        "a/none.jpg",
        "b.jpg/under.jpg",
        "a",
        "",
        "../outside.jpg",
        "a/../../outside.jpg",
        "a/../b.jpg",
        "/etc/passwd",
        "{root}/b.jpg",
        "nul\0.jpg",
        "\ud800.jpg",
        "x" * 300 + ".jpg",
        "\\x2e\\x2e/outside.jpg",
    ],
)
def test_names_that_are_no_image_of_the_folder(survey: Path, name: str) -> None:
    make_files(survey.parent, "outside.jpg")
    failure = LocalFolder(survey, [survey.parent]).read(
        ListedImage(name.replace("{root}", str(survey)))
    )
    assert failure == ImageFailure(FailureCode.NOT_FOUND)


def test_links_are_followed_only_below_allowed_roots(survey: Path, tmp_path: Path) -> None:
    make_files(tmp_path / "other", "in/1.jpg", "2.jpg")
    make_files(tmp_path / "secret", "3.jpg", "in/4.jpg")
    (survey / "d").mkdir()
    (survey / "d/file.jpg").symlink_to(tmp_path / "other/2.jpg")
    (survey / "d/folder").symlink_to(tmp_path / "other/in")
    (survey / "d/out.jpg").symlink_to(tmp_path / "secret/3.jpg")
    (survey / "d/out").symlink_to(tmp_path / "secret/in")
    (survey / "d/near").symlink_to(tmp_path / "other-not")
    (survey / "d/dangling.jpg").symlink_to(tmp_path / "other/none.jpg")
    folder = LocalFolder(survey, [tmp_path / "other"])
    pages = list(folder.pages("d/"))
    assert names_of(pages) == ["d/file.jpg", "d/folder/1.jpg"]
    assert skipped_of(pages) == {".jpg": 2, "": 2}
    assert folder.read(ListedImage("d/file.jpg")) == b"2.jpg"
    for name in ("d/out.jpg", "d/out/4.jpg", "d/dangling.jpg"):
        assert folder.read(ListedImage(name)) == ImageFailure(FailureCode.NOT_FOUND)
    assert names_of(list(LocalFolder(survey).pages("d/"))) == []


def test_links_in_a_circle_end(survey: Path) -> None:
    (survey / "a/up").symlink_to(survey)
    (survey / "a/self").symlink_to("self")
    (survey / "a/deep/a").symlink_to(survey / "a")
    pages = list(LocalFolder(survey).pages())
    assert names_of(pages) == IN_ORDER
    assert skipped_of(pages)[""] == 4


def test_a_pipe_is_neither_listed_nor_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    folder = LocalFolder(tmp_path)
    assert [page.skipped for page in folder.pages()] == [{".jpg": 1}]
    assert folder.read(ListedImage("pipe.jpg")) == ImageFailure(FailureCode.NOT_FOUND)


def test_a_file_above_the_cap_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "huge.jpg").open("wb") as file:
        file.truncate(MAX_IMAGE_BYTES + 1)
    folder = LocalFolder(tmp_path)
    assert folder.read(ListedImage("huge.jpg")) == ImageFailure(FailureCode.FILE_TOO_LARGE)


def test_a_folder_that_is_gone_is_no_fault_of_its_images(survey: Path) -> None:
    folder = LocalFolder(survey)
    image = next(folder.pages()).images[0]
    shutil.rmtree(survey)
    with pytest.raises(StorageTrouble, match="mounted"):
        folder.read(image)
    with pytest.raises(StorageTrouble, match="mounted"):
        next(folder.pages())


def goes_away(folder: Path, leaves: str) -> None:
    """A disk that is unplugged leaves nothing, its mount point, or what lies on another disk."""
    folder.rename(folder.with_name("unplugged"))
    if leaves == "an empty folder":
        folder.mkdir()
    elif leaves == "another disk":
        folder.symlink_to("/dev")


LEFT = ["nothing", "an empty folder", "another disk"]


@pytest.mark.parametrize("leaves", LEFT)
@pytest.mark.parametrize("listed", range(4))
def test_a_folder_that_goes_away_does_not_end_its_list(
    survey: Path, leaves: str, listed: int
) -> None:
    pages = LocalFolder(survey, page_size=2).pages()
    for _ in range(listed):
        assert not next(pages).last
    goes_away(survey, leaves)
    if not listed and leaves == "an empty folder":  # who has seen nothing cannot tell
        assert list(pages) == [Page(images=[], marker=None, last=True)]
        return
    with pytest.raises(StorageTrouble, match="mounted"):
        list(pages)


@pytest.mark.parametrize("leaves", LEFT)
def test_a_folder_that_went_away_is_no_fault_of_its_images(survey: Path, leaves: str) -> None:
    folder = LocalFolder(survey)
    goes_away(survey, leaves)
    with pytest.raises(StorageTrouble, match="mounted"):
        folder.read(ListedImage("a.jpg"))


def test_a_file_that_cannot_be_looked_at_is_listed(
    survey: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = os.stat

    def failing(path: Any, **options: Any) -> os.stat_result:
        if str(path).endswith("b.jpg"):
            raise OSError(errno.EIO, "Input/output error")
        return look(path, **options)

    monkeypatch.setattr("core.containers.folder.os.stat", failing)
    (page,) = LocalFolder(survey).pages()
    assert [image.name for image in page.images] == IN_ORDER
    assert [image.name for image in page.images if image.etag is None] == ["b.jpg"]


@pytest.mark.parametrize(
    ("number", "link", "told"),
    [
        (errno.EIO, False, False),
        (errno.ENOTCONN, True, True),
        (errno.EACCES, False, True),
    ],
)
def test_a_folder_that_cannot_be_told_from_a_file_is_not_passed_over(
    monkeypatch: pytest.MonkeyPatch, number: int, link: bool, told: bool
) -> None:
    def is_dir() -> bool:
        raise OSError(number, os.strerror(number))

    entry = SimpleNamespace(name="north", is_dir=is_dir, is_symlink=lambda: link)
    monkeypatch.setattr(os, "scandir", lambda _: nullcontext([entry]))
    if told:
        assert [found.name for found in sorted_entries("/survey")] == ["north"]
        return
    with pytest.raises(StorageTrouble, match="/survey"):
        list(sorted_entries("/survey"))


def test_a_missing_folder_cannot_be_opened(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for name in ("none", "file"):
        with pytest.raises(StorageTrouble, match=name):
            LocalFolder(tmp_path / name)


@pytest.fixture
def as_plain_user() -> Iterator[Path]:
    """A folder, and for the time of the test a user who is not root."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    if os.getuid() == 0:
        os.seteuid(0)
    shutil.rmtree(folder)


def become_plain_user() -> None:
    if os.getuid() == 0:
        os.seteuid(NOBODY)


def test_what_may_not_be_opened_is_told(as_plain_user: Path) -> None:
    make_files(as_plain_user, "a.jpg", "b.jpg", "locked/1.jpg")
    (as_plain_user / "b.jpg").chmod(0)
    folder = LocalFolder(as_plain_user)
    (as_plain_user / "locked").chmod(0)
    become_plain_user()
    try:
        assert folder.read(ListedImage("b.jpg")) == ImageFailure(FailureCode.FORBIDDEN)
        with pytest.raises(ContainerError, match="locked") as caught:
            list(folder.pages())
        assert caught.value.code == "folder_not_readable"
        assert names_of(list(folder.pages("b"))) == ["b.jpg"]
    finally:
        if os.getuid() == 0:
            os.seteuid(0)
        (as_plain_user / "locked").chmod(0o755)


@pytest.mark.parametrize(
    "form", ["{}", "file://{}", "FILE://{}", "file://localhost{}", "{}/", "{}/../survey"]
)
def test_a_folder_below_an_allowed_root(survey: Path, form: str) -> None:
    assert folder_of(form.format(survey), [survey.parent]) == survey
    assert folder_of(form.format(survey), [Path("/none"), survey]) == survey


def test_a_file_url_is_unquoted(tmp_path: Path) -> None:
    (tmp_path / "cam 1%").mkdir()
    assert folder_of(f"file://{tmp_path}/cam%201%25", [tmp_path]) == tmp_path / "cam 1%"
    assert folder_of(f"{tmp_path}/cam 1%", [tmp_path]) == tmp_path / "cam 1%"


@pytest.mark.parametrize(
    "url",
    [
        "/etc",
        "/",
        "{root}/..",
        "{root}/../other",
        "{root}-other",
        "{root}/out",
        "file:///etc",
        "file://host{root}",
        "file://{root}/%2e%2e",
        "file://{root}/../other",
        "file:relative",
        "{root}/nul\0",
        "file://{root}/%00",
    ],
)
def test_a_folder_outside_the_allowed_roots(tmp_path: Path, url: str) -> None:
    root = tmp_path / "root"
    for name in ("root", "other", "root-other"):
        (tmp_path / name).mkdir()
    (root / "out").symlink_to(tmp_path / "other")
    with pytest.raises(UrlNotAllowed) as caught:
        folder_of(url.format(root=root), [root])
    assert caught.value.pointer == "/container_url"


def test_no_folder_is_allowed_by_default(tmp_path: Path) -> None:
    with pytest.raises(UrlNotAllowed, match="MEGABATCH_ALLOWED_ROOTS"):
        folder_of(str(tmp_path), [])


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_accents_stay_as_the_disk_spells_them(tmp_path: Path, form: Literal["NFC", "NFD"]) -> None:
    name = unicodedata.normalize(form, "Zürich/é.jpg")
    make_files(tmp_path, name)
    folder = LocalFolder(tmp_path)
    (page,) = folder.pages()
    assert [image.name for image in page.images] == [name]
    assert folder.read(page.images[0]) == name.encode()


def test_an_image_is_opened_by_the_flags_that_there_are() -> None:
    windows = SimpleNamespace(O_RDONLY=0, O_BINARY=0x8000, O_NOINHERIT=0x80)
    assert reading_flags(windows) == 0x8080
    assert reading_flags(os) == os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC


@pytest.mark.parametrize(
    ("status", "junction"),
    [
        (SimpleNamespace(st_reparse_tag=0xA0000003), True),
        (SimpleNamespace(st_reparse_tag=0x9000001A), False),  # a file that OneDrive fetches
        (SimpleNamespace(st_reparse_tag=0), False),
        (os.stat_result(range(10)), False),
    ],
)
def test_junctions_are_links(status: object, junction: bool) -> None:
    assert is_junction(status) is junction

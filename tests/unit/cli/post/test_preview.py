from pathlib import Path

import pytest

from cli.main import run
from tests.azurite_server import Azurite
from tests.pictures import jpeg
from tests.results_files import detection, failure, image, write_results
from tests.unit.cli.blocked import megabatch_without
from tests.unit.postprocessing.preview.test_truth import truth_file

BLOBS = {"a b/1.jpg": jpeg(1), "2#.jpg": jpeg(2)}


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("MEGABATCH_CONTAINER_URL", raising=False)
    path = tmp_path / "results.json"
    images = image("a b/1.jpg", detection("1", 0.9)), image("2#.jpg", detection("2", 0.6))
    write_results(path, *images, failure("3.jpg"))
    for name, data in BLOBS.items():
        (tmp_path / "photos" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "photos" / name).write_bytes(data)
    return path


def preview(results: Path, *words: str) -> int:
    out = results.parent / "out"
    return run(["post", "preview", str(results), "-o", str(out), *words])


def test_what_was_made_is_told(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert preview(results, "--images", str(results.parent / "photos")) == 0
    out, err = capsys.readouterr()
    rows = [line.split() for line in out.splitlines()]
    assert ["animal", "1", "1"] in rows
    assert ["failed", "1"] in rows
    assert "counted above 0.4 (typical of demo" in err
    assert "index.html: 3 images" in err


def test_a_container_is_read_by_its_sas_which_stands_nowhere(
    results: Path,
    azurite: Azurite,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    azurite.create_container("preview-command", BLOBS)
    url = azurite.container_url("preview-command", "r")
    signature = url.partition("sig=")[2].partition("&")[0]
    (results.parent / "url.txt").write_text(url)
    assert preview(results, "--container-url-file", str(results.parent / "url.txt")) == 0
    assert preview(results, "--images", url) == 0
    monkeypatch.setenv("MEGABATCH_CONTAINER_URL", url)
    assert preview(results) == 0
    told = "".join(capsys.readouterr())
    files = [path for path in (results.parent / "out").rglob("*") if path.is_file()]
    assert len(files) == 11
    assert signature not in told
    assert not any(signature.encode() in path.read_bytes() for path in files)
    assert not any(b"127.0.0.1" in path.read_bytes() for path in files)


def test_a_folder_that_is_named_comes_before_the_variable(
    results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEGABATCH_CONTAINER_URL", "https://account.invalid/container")
    assert preview(results, "--images", str(results.parent / "photos")) == 0


def test_pictures_that_are_missing_are_told_and_end_with_4(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (results.parent / "photos/2#.jpg").unlink()
    assert preview(results, "--images", str(results.parent / "photos")) == 4
    assert "pictures that cannot be shown: 1 (2#.jpg)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "Name the folder or container"),
        (("--images", "/no/such/folder"), "There is no folder /no/such/folder"),
        (("--images", "http://account.example/c?sig=abc"), "must start with https://"),
        (("--images", ".", "--treat", "deer"), "is not NAME=AS"),
        (("--images", ".", "--blur", "moose"), "has no category moose"),
    ],
)
def test_what_cannot_be_done_is_told(
    results: Path,
    words: tuple[str, ...],
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    truth = truth_file(results.parent / "truth.json", {"2#.jpg": ["deer"]})
    assert preview(results, "--ground-truth", str(truth), *words) == 2
    told = "".join(capsys.readouterr())
    assert message in told
    assert "abc" not in told


def test_numbers_against_a_truth_are_told(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    truth = truth_file(
        results.parent / "truth.json", {"x/a b/1.jpg": ["deer"], "x/2#.jpg": ["empty"]}
    )
    words = ("--images", str(results.parent / "photos"), "--ground-truth", str(truth))
    assert preview(results, *words, "--treat", "deer=animal") == 0
    out, err = capsys.readouterr()
    rows = [line.split() for line in out.splitlines()]
    assert ["anything", "1", "0.500", "1.000", "0.667", "1.000", "0.899"] in rows
    assert ["animal", "1", "1.000", "1.000", "1.000", "1.000", "0.899"] in rows
    assert "'' gave way to 'x/'" in err


def test_the_extra_is_enough(results: Path) -> None:
    service = {"tensorflow", "celery", "flask", "azure", "redis", "obstore", "cryptography"}
    words = ("post", "preview", "results.json", "--images", "photos", "-o", "out")
    ended = megabatch_without({*service, "simplejpeg", "skimage"}, results.parent, *words)
    assert ended.returncode == 0, ended.stderr
    assert (results.parent / "out/index.html").is_file()

import os
import pty
import subprocess
import sys
from pathlib import Path

import click
import pytest

from cli.container_source import VARIABLE, container_url, is_folder

SAS = "https://account.blob.core.windows.net/photos?sv=2024&sp=rl&sig=s3cret"
ASK = "import os; from cli.container_source import container_url as ask; print(ask('-', None, {}))"


def test_a_local_folder_is_told_by_its_whole_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "photos").mkdir()
    monkeypatch.chdir(tmp_path)
    assert container_url("photos", None, {}) == str(tmp_path / "photos")
    assert container_url(None, None, {VARIABLE: "photos"}) == str(tmp_path / "photos")


def test_a_folder_of_the_service_s_machine_need_not_be_here() -> None:
    assert container_url("/nowhere/photos", None, {}) == "/nowhere/photos"


def test_nothing_may_name_a_container() -> None:
    assert container_url(None, None, {}) is None
    assert container_url(None, None, {VARIABLE: " "}) is None


def test_the_container_is_named_once(tmp_path: Path) -> None:
    file = tmp_path / "url"
    file.write_text(SAS)
    for given in [("/a", file, {}), ("-", None, {VARIABLE: SAS}), (None, file, {VARIABLE: SAS})]:
        with pytest.raises(click.UsageError, match=r"once: .* and .* both do"):
            container_url(*given)


@pytest.mark.parametrize("content", [f"{SAS}", f"\ufeff{SAS}\r\n", f"\n{SAS}\n"])
def test_a_file_holds_the_url(tmp_path: Path, content: str) -> None:
    file = tmp_path / "url"
    file.write_text(content, encoding="utf-8")
    assert container_url(None, file, {}) == SAS


@pytest.mark.parametrize("content", [b"", b"\n", b"https://a\nhttps://b", b"\xff\xfe"])
def test_a_file_that_holds_no_url_is_named(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "url"
    file.write_bytes(content)
    with pytest.raises(click.UsageError, match=f"{file} .*container's URL"):
        container_url(None, file, {})


def test_standard_input_is_read_without_a_prompt() -> None:
    asked = subprocess.run(
        [sys.executable, "-c", ASK], input=f"{SAS}\n", capture_output=True, text=True, check=True
    )
    assert (asked.stdout, asked.stderr) == (f"{SAS}\n", "")


def test_standard_input_without_a_url_is_a_usage_error() -> None:
    asked = subprocess.run(
        [sys.executable, "-m", "cli.main", "submit", "-"],
        input="",
        capture_output=True,
        text=True,
        check=False,
    )
    assert asked.returncode == 2
    assert "Standard input holds no container URL" in asked.stderr


def test_a_terminal_is_asked_and_shows_nothing_of_the_answer() -> None:
    keyboard, terminal = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", ASK],
        stdin=terminal,
        stdout=subprocess.PIPE,
        stderr=terminal,
        start_new_session=True,  # so that the prompt is not written to the tests' own terminal
    ) as asked:
        os.close(terminal)
        shown = os.read(keyboard, 1000)
        while b": " not in shown:
            shown += os.read(keyboard, 1000)
        os.write(keyboard, f"{SAS}\n".encode())
        assert asked.stdout is not None
        assert asked.stdout.read() == f"{SAS}\n".encode()
        shown += os.read(keyboard, 1000)
    os.close(keyboard)
    assert b"Container URL: " in shown
    assert b"s3cret" not in shown


def test_folders_as_the_service_names_them() -> None:
    assert is_folder("/photos") and is_folder("file:///photos")
    assert not is_folder("https://a/photos")

"""A terminal that knows few characters is told of all the same, and never ends a command."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
C_LOCALE = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
#: What is printed: a name with characters of several scripts and half of a pair, in three ways.
PRINT = r"""
import sys
from cli import main, terminal
name = "\u010d\u732b\U0001f43e\udce9.jpg"

def print_all(arguments):
    table = terminal.new_table("FILE", "\u010d")
    table.add_row(name, name)
    terminal.print_table(table)
    terminal.output().print(name)
    main.click.echo(name)
    print(name)
    for tell in (terminal.say, terminal.say_error, terminal.say_warning):
        tell(name)
    return 0

main.run = print_all
main.main()
"""


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    command = [sys.executable, *arguments]
    return subprocess.run(command, env=environment, capture_output=True, check=False, timeout=60)


# click takes ASCII for a mistake, and writes UTF-8 there.
@pytest.mark.parametrize(
    ("environment", "written"),
    [({"PYTHONIOENCODING": "cp1252"}, 5), ({"PYTHONIOENCODING": "ascii"}, 4), (C_LOCALE, 4)],
    ids=["cp1252", "ascii", "C"],
)
def test_what_an_encoding_lacks_is_written_as_its_number(
    environment: dict[str, str], written: int
) -> None:
    ended = run("-c", PRINT, **environment)
    assert (ended.returncode, b"Traceback" in ended.stderr) == (0, False)
    assert ended.stdout.count(b"\\u010d\\u732b\\U0001f43e\\udce9.jpg") == written
    assert ended.stderr.count(b"\\u010d\\u732b\\U0001f43e") == 3


def test_what_an_encoding_has_is_written_as_it_is() -> None:
    ended = run("-c", PRINT, PYTHONIOENCODING="utf-8")
    assert ended.stdout.count("č猫🐾\\udce9.jpg".encode()) == 5


def test_a_command_tells_of_any_folder(tmp_path: Path) -> None:
    folder = tmp_path / "č猫"
    arguments = ("-m", "cli.main", "models", "verify", "demo", "--model-folder", str(folder))
    ended = run(*arguments, PYTHONIOENCODING="cp1252")
    assert (ended.returncode, b"Traceback" in ended.stderr) == (3, False)
    assert b"\\u010d\\u732b" in ended.stderr

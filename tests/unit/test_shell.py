"""ShellCheck reads what is given to a shell: our scripts, and the commands of pages."""

import subprocess
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHELLCHECK = Path(sysconfig.get_path("scripts")) / "shellcheck"
PLACES = (ROOT / "scripts", ROOT / ".ci")
SCRIPTS = [
    path
    for folder in PLACES
    for path in sorted(folder.iterdir())
    if path.read_text().partition("\n")[0].endswith(("/sh", "bash"))
]


def faults(text: str, shell: str, *options: str) -> str:
    """What ShellCheck has to say."""
    return subprocess.run(
        [SHELLCHECK, f"--shell={shell}", *options, "-"],
        input=text,
        capture_output=True,
        text=True,
        check=False,
    ).stdout


def commands(page: str) -> Iterator[str]:
    """The lines of those code blocks of a page that name no language, less their indentation."""
    indent: int | None = None
    taken = False
    for line in page.splitlines():
        start = line.lstrip()
        if start.startswith("```"):
            opens = indent is None
            indent, taken = (len(line) - len(start), start == "```") if opens else (None, False)
        elif taken and indent is not None:
            yield line[indent:]


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_scripts(path: Path) -> None:
    text = path.read_text()
    assert faults(text, text.partition("\n")[0].rpartition("/")[2].removeprefix("env ")) == ""


@pytest.mark.parametrize("page", ["docs/azure.md", "docs/operations.md"])
def test_commands_of_pages(page: str) -> None:
    lines = list(commands((ROOT / page).read_text()))
    assert len(lines) > 20
    # Who goes by a page sees for himself that `cd` failed.
    assert faults("\n".join(lines), "bash", "--exclude=SC2164") == ""


def test_a_fault_is_seen() -> None:
    assert "SC2086" in faults('echo "$1" $2', "sh")
    page = (
        "1. So:\n\n   ```\n   rm $(cat list)\n   ```\n\n```yaml\na: $(b)\n```\n\n```\ntrue\n```\n"
    )
    assert list(commands(page)) == ["rm $(cat list)", "true"]

"""What the pages say is so: links lead somewhere, commands exist, defaults are the code's."""

import io
import re
import shlex
import subprocess
import tomllib
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import click
import msgspec
import pytest

from api import problems
from cli.demo_findings import EXPECTED
from cli.lazy import LazyCommand
from cli.main import COMMANDS, megabatch
from core.catalog import MODELS, Model
from core.config import VARIABLES, Settings
from core.containers.listing import IMAGE_SUFFIXES, MAX_IMAGE_BYTES
from core.errors import JobConflict, ResultsNotReady
from core.jobs import JobStatus
from core.lua_scripts import LEASE_MS, MAX_ERRORS, MAX_LOSSES
from core.results.format import (
    CONF_DECIMALS,
    COORDINATE_DECIMALS,
    FORMAT_VERSION,
    ImageResult,
    encode_image,
)
from core.results.validator import validate
from core.results.writer import ResultsWriter, build_info
from core.retention import KEPT_AFTER_END, REMEMBERED, TOLD_BEFORE
from detection.images import DecodeOptions
from postprocessing.repeats.finding import Limits

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
DEFAULTS = (ROOT / "docs/defaults.md").read_text()
GLOSSARY = (ROOT / "docs/glossary.md").read_text()
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def rows(page: str, heading: str) -> list[list[str]]:
    """The cells of the first table below a heading, without its head; code marks taken off."""
    section = page.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    table = [line for line in section.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table]


def code(cell: str) -> str:
    return cell.strip("`")


def fences(page: str, language: str = "") -> list[str]:
    """The code blocks of a page that are marked with this language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page, flags=re.MULTILINE | re.DOTALL)


def anchors(page: str) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page, flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(path: Path) -> list[str]:
    text = re.sub(r"^```.*?^```$", "", path.read_text(), flags=re.MULTILINE | re.DOTALL)
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in link:
            continue
        name, _, anchor = link.partition("#")
        target = path.parent / name if name else path
        if not target.exists() or (anchor and anchor not in anchors(target.read_text())):
            broken.append(link)
    return broken


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    assert broken_links(path) == []


def test_a_broken_link_is_seen(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# One way\n[a](#one-way) [b](#two) [c](page.md) [d](gone.md) [e](https://x)")
    assert broken_links(page) == ["#two", "gone.md"]


def test_readme_is_short() -> None:
    assert len(README.splitlines()) < 150


def test_readme_names_every_folder_of_code() -> None:
    named = {code(row[0]).rstrip("/") for row in rows(README, "Where things are")}
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert named == packages | {"deploy", "docs"}


def test_results_file_of_the_readme_is_what_is_written() -> None:
    (example,) = fences(README, "json")
    results = msgspec.json.decode(example)
    model = MODELS["megadetector-v3"]
    written = io.BytesIO()
    writer = ResultsWriter(written)
    time = datetime.fromisoformat(results["info"]["detection_completion_time"] + "+00:00")
    info = build_info(model, completed_at=time, detection_threshold=model.detection_threshold)
    writer.begin(info, model.categories)
    writer.write_lines([encode_image(msgspec.convert(i, ImageResult)) for i in results["images"]])
    writer.end()
    assert example == written.getvalue().decode()


def test_results_file_of_the_readme_is_valid(tmp_path: Path) -> None:
    (example,) = fences(README, "json")
    (tmp_path / "results.json").write_text(example)
    assert validate(tmp_path / "results.json").faults == []


def test_demo_of_the_readme_finds_what_the_photographs_show() -> None:
    found = re.findall(r"^  (\S+) +(\w+)(?: 0\.\d\d)?$", README, flags=re.MULTILINE)
    assert dict(found) == {name: what or "nothing" for name, what in EXPECTED.items()}


def make(*words: str) -> str:
    command = ["make", "--no-print-directory", *words]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


def verbs() -> set[str]:
    return {line.split()[1] for line in make("help").splitlines()}


def test_make_help_lists_every_verb() -> None:
    (phony,) = re.findall(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    assert verbs() == set(phony.split()) - {"machine"}


def test_pages_name_only_verbs_that_exist() -> None:
    named = {
        verb
        for page in PAGES
        for words in re.findall(r"(?:^|`)make ((?:[a-z-]+ ?)+)", page.read_text(), re.MULTILINE)
        for verb in words.split()
    }
    assert {"demo", "test"} <= named <= verbs()


def test_test_command_of_the_readme_is_the_last_of_ci() -> None:
    section = README.split("\n## Tests\n", 1)[1]
    (command,) = fences(section)
    assert (ROOT / ".ci/run").read_text().splitlines()[-1] == command.strip()


def command_lines(page: str) -> list[list[str]]:
    """The command lines of `megabatch` on a page, in code and between backticks, as words."""
    spans = re.findall(r"`(?:\.venv/bin/)?megabatch ([^`\n]+)`", page)
    lines = re.findall(r"^(?:\.venv/bin/)?megabatch (.+)$", page, flags=re.MULTILINE)
    return [shlex.split(line) for line in spans + lines]


def problem(words: list[str]) -> str | None:
    """What a command line asks for that the command does not have."""
    command: click.Command = megabatch
    for word in words:
        if isinstance(command, LazyCommand):
            command = command.load()
        if isinstance(command, click.Group):
            if word not in command.commands:
                return f"no command {word}"
            command = command.commands[word]
        elif (
            word.startswith("-")
            and len(word) > 1
            and not any(word in one.opts for one in command.params)
        ):
            return f"{command.name} has no {word}"
    return None


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_pages_show_only_commands_that_exist(path: Path) -> None:
    lines = command_lines(path.read_text())
    assert [found for words in lines if (found := problem(words))] == []


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("serve --model demo", None),
        ("models fetch demo", None),
        ("serves", "no command serves"),
        ("models bring demo", "no command bring"),
        ("serve --modell demo", "serve has no --modell"),
    ],
)
def test_a_wrong_command_line_is_seen(line: str, found: str | None) -> None:
    (words,) = command_lines(f"Text.\n\n```\n.venv/bin/megabatch {line}\n```\n")
    assert command_lines(f"Say `megabatch {line}` here.") == [words]
    assert problem(words) == found


def test_page_of_commands_has_every_command() -> None:
    page = (ROOT / "docs/commands.md").read_text()
    named = [code(row[0]).removeprefix("megabatch ") for row in rows(page, "All of them")]
    assert sorted(named) == sorted(megabatch.commands)


def test_page_of_installing_has_every_extra_and_its_commands() -> None:
    needing: dict[str, set[str]] = {extra: set() for extra in EXTRAS}
    for name, _, _, *extra in COMMANDS:
        if extra:
            needing[extra[0]].add(name)
    table = rows((ROOT / "docs/installing.md").read_text(), "Extras")[1:]
    assert {code(row[0]): set(re.findall(r"`([a-z-]+)`", row[1])) for row in table} == needing


def shown(value: Any) -> str:
    """A setting's default, as a person would write it into its variable."""
    if isinstance(value, tuple):
        value = ",".join(map(str, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Path):
        value = f"~/{value.relative_to(Path.home())}"
    return str(value) or "none"


def test_settings_and_their_defaults() -> None:
    told = {code(name): code(value) for name, value, *_ in rows(DEFAULTS, "Settings of a service")}
    assert told == {name: shown(getattr(Settings(), field)) for name, field, _ in VARIABLES}


def thresholds(model: Model) -> list[str]:
    levels = (model.detection_threshold, model.typical_threshold, model.conservative_threshold)
    return [str(level) for level in levels]


def test_models_and_their_thresholds() -> None:
    told = {code(name): levels for name, *levels in rows(DEFAULTS, "Models")}
    assert told == {name: thresholds(model) for name, model in MODELS.items()}


def told(heading: str) -> Mapping[str, str]:
    return {what: default for what, default, _ in rows(DEFAULTS, heading)}


def test_suffixes_that_a_listing_takes() -> None:
    suffixes = re.findall(r"`(\.\w+)`", told("Images")["what a listing takes"])
    assert suffixes == sorted(IMAGE_SUFFIXES)


def test_caps_on_images() -> None:
    options = DecodeOptions()
    assert options.max_file_bytes == MAX_IMAGE_BYTES
    assert told("Images")["largest file"] == f"{MAX_IMAGE_BYTES // 10**6} MB"
    assert told("Images")["largest picture"] == f"{options.max_pixels // 10**6} megapixels"
    assert told("Images")["preprocessing"] == f"`{options.preprocessing}`"
    assert told("Images")["truncated images"].startswith(f"{options.truncated_images} ")


def test_leases_and_attempts() -> None:
    assert told("Work")["lease"] == f"{LEASE_MS // 1000} s"
    assert told("Work")["errors before a shard is given up"] == str(MAX_ERRORS)
    assert told("Work")["losses before a shard is given up"] == str(MAX_LOSSES)
    assert told("Work")["errors before a merge leaves out what cannot be read"] == str(MAX_ERRORS)


def test_when_boxes_recur() -> None:
    limits = Limits(least_conf=0.1)
    repeats = told("Repeats")
    assert repeats["IoU of a box with its place's"] == str(limits.iou)
    assert repeats["images in which a box recurs"] == str(limits.least_images)
    assert repeats["share of the picture"] == f"at most {limits.most_area}"
    assert (limits.least_area, limits.most_conf) == (0, 1)
    assert (limits.excluded, limits.levels) == ((), 0)


def test_how_long_things_are_kept() -> None:
    kept = told("Keeping")
    assert f"{KEPT_AFTER_END.days} days after its end" in kept["a job and its results"]
    assert kept["shard outputs"] == f"{KEPT_AFTER_END.days} days after the job's end"
    assert kept["the event `job.expiring`"].startswith(f"{TOLD_BEFORE.days} days before")
    assert kept["the word that a job was deleted"] == f"{REMEMBERED.days} days"


def test_format_of_results() -> None:
    assert told("Results")["format version"] == FORMAT_VERSION
    assert told("Results")["decimals"] == (
        f"{CONF_DECIMALS} of `conf`, {COORDINATE_DECIMALS} of `bbox`"
    )


def test_page_of_the_api_has_the_code_of_every_conflict() -> None:
    table = rows((ROOT / "docs/api.md").read_text(), "Errors")
    told = [name for row in table for name in re.findall(r"`(\w+)`", row[0])]
    kinds = [one for one in vars(problems).values() if isinstance(one, type)]
    conflicts = [one for one in kinds if issubclass(one, JobConflict) and one is not JobConflict]
    assert sorted(told) == sorted({one.code for one in (*conflicts, ResultsNotReady)})


def test_glossary_has_every_status() -> None:
    statuses = [code(row[0]) for row in rows(GLOSSARY, "Where a job stands")]
    assert statuses == [str(status) for status in JobStatus]

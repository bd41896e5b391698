"""Writes a preview: a folder that opens in a browser, from a disk and without a network.

index.html             what there is: a card for each group
01-animal.html ...     its pictures, 60 a page
failed.html            what failed, by code; failed.csv has all of them
accuracy.html          against a ground truth
preview.json            the numbers, for programs; what makes the folder known as a preview
pictures/ thumbnails/  by the image's place in the results
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from core.errors import InvalidRequest
from core.results.reader import Results
from postprocessing.preview.accuracy import Counts, Measure
from postprocessing.preview.confusion import table_of
from postprocessing.preview.failures import TABLE, FailureList
from postprocessing.preview.judging import Accuracy, Judge
from postprocessing.preview.options import Options, check
from postprocessing.preview.pages import ICON, Pages
from postprocessing.preview.pictures import LARGE, SMALL, Artist
from postprocessing.preview.plot import DARK, LIGHT, plot_of
from postprocessing.preview.sources import Images
from postprocessing.preview.survey import Survey, chosen_images
from postprocessing.preview.truth import Truth
from postprocessing.preview.view import Section, Viewer

INDEX, NUMBERS = "index.html", "preview.json"
CURVE = "precision-recall"
_OURS = ("*.html", f"{CURVE}-*.svg", ICON, TABLE, f"{LARGE}/*.jpg", f"{SMALL}/*.jpg")

#: Is called with how many pictures are drawn, and how many there will be.
Watcher = Callable[[int, int], object]


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """What a preview was made of."""

    page: Path
    images: int
    sections: list[Section]
    #: By code.
    failures: dict[str, int]
    accuracy: Accuracy | None

    @property
    def missing(self) -> list[str]:
        """Names of images that should be shown, and could not be read; each once."""
        items = (item for section in self.sections for item in section.items)
        return list(dict.fromkeys(item.file for item in items if item.picture is None))


def write_preview(
    results: Results,
    images: Images,
    folder: Path,
    options: Options,
    *,
    truth: Truth | None = None,
    watcher: Watcher = lambda _drawn, _all: None,
) -> Preview:
    """Write the preview into `folder`, which is new, empty, or holds an earlier preview.

    Raises InvalidRequest for another folder and for categories that there are not; InvalidResults;
    AccessRevoked and StorageTrouble where a container cannot be read.
    """
    check(results, options)
    _clear(folder)
    categories = results.detection_categories
    judge = None if truth is None else Judge(truth, categories, options.threshold.value)
    with FailureList(folder) as failures:
        survey = Survey(results, options, failures, judge)
        survey.run()
    artist = Artist(folder, images, categories, options)
    preview = Preview(
        page=folder / INDEX,
        images=survey.images,
        sections=_sections(survey, results, artist, options, watcher),
        failures=dict(failures.counts.most_common()),
        accuracy=None if judge is None else judge.accuracy(options.target_recall),
    )
    pages = Pages(folder, results=results, options=options, preview=preview)
    _write_pages(pages, preview, failures)
    return preview


def _sections(
    survey: Survey, results: Results, artist: Artist, options: Options, watcher: Watcher
) -> list[Section]:
    groups = survey.groups()
    indices = frozenset(index for group in groups for index in group.sample.indices())
    chosen = dict(chosen_images(results, indices))
    drawn = artist.draw_all(chosen, watcher)
    viewer = Viewer(results.detection_categories, options, drawn, survey.judge)
    return viewer.sections(groups, chosen)


def _clear(folder: Path) -> None:
    """Make the folder, or take an earlier preview out of it; nothing else is touched."""
    folder.mkdir(parents=True, exist_ok=True)
    mark = folder / NUMBERS
    if any(folder.iterdir()) and not mark.exists():
        raise InvalidRequest(f"{folder} holds other things; name another folder for the preview.")
    mark.write_bytes(b"{}")
    for pattern in _OURS:
        for path in folder.glob(pattern):
            path.unlink()


def _write_pages(pages: Pages, preview: Preview, failures: FailureList) -> None:
    """The first page last: once it is there, so is all that it leads to."""
    for section in preview.sections:
        for number, items in enumerate(section.pages):
            name = section.page_name(number)
            pages.write(name, "group.html", section=section, number=number, items=items)
    if failures.counts:
        pages.write("failed.html", "failed.html", failures=failures)
    if preview.accuracy is not None:
        _write_accuracy(pages, preview.accuracy, preview.sections)
    pages.write_icon()
    pages.write_bytes(NUMBERS, _numbers(preview))
    pages.write(INDEX, INDEX)


def _write_accuracy(pages: Pages, accuracy: Accuracy, sections: list[Section]) -> None:
    for number, one in enumerate(accuracy.measures):
        pages.write_bytes(f"{CURVE}-{number}.svg", plot_of(one, LIGHT))
        pages.write_bytes(f"{CURVE}-{number}-dark.svg", plot_of(one, DARK))
    pages.write(
        "accuracy.html",
        "accuracy.html",
        curve=CURVE,
        measures=accuracy.measures,
        table=table_of(accuracy.said),
        wrong=[one for one in sections if one.is_wrong],
    )


def _numbers(preview: Preview) -> bytes:
    """The numbers for programs, as JSON."""
    accuracy = preview.accuracy
    numbers = {
        "images": preview.images,
        "groups": [
            {"title": one.title, "images": one.images, "shown": len(one.items)}
            for one in preview.sections
        ],
        "failures": preview.failures,
        "accuracy": None if accuracy is None else [_measure(one) for one in accuracy.measures],
    }
    return msgspec.json.format(msgspec.json.encode(numbers), indent=1)


def _measure(measure: Measure) -> dict[str, Any]:
    return {
        "name": measure.name,
        "images": measure.images,
        "present": measure.present,
        "average_precision": measure.average_precision,
        "at_threshold": _counts(measure.at_threshold),
        "target_recall": measure.target_recall,
        "at_target": None if measure.at_target is None else _counts(measure.at_target),
    }


def _counts(counts: Counts) -> dict[str, Any]:
    shares = {"precision": counts.precision, "recall": counts.recall, "f1": counts.f1}
    return {**msgspec.structs.asdict(counts), **shares}

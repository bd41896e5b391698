"""What stands on the pages of a preview, ready to be written down."""

import re
from collections.abc import Mapping, Sequence

import msgspec

from core.results.format import Detection, ImageResult
from detection.render import colour_of
from postprocessing.preview.grouping import Kind
from postprocessing.preview.judging import Judge
from postprocessing.preview.options import Options
from postprocessing.preview.pictures import Missing, Picture
from postprocessing.preview.survey import Group

#: Images on one page.
PER_PAGE = 60
_NOT_IN_NAMES = re.compile(r"[^a-z0-9]+")
_LONGEST_NAME = 40

_EXPLAINED = {
    Kind.OTHERS: "Rarer combinations of categories, together.",
    Kind.ALMOST: "Nothing counts here, but something comes close to the threshold.",
    Kind.EMPTY: "Nothing was found, not even nearly.",
    Kind.FALSE_POSITIVE: "The ground truth says that nothing is there, and something was found.",
    Kind.FALSE_NEGATIVE: "The ground truth says that something is there, and nothing was found.",
}


class Found(msgspec.Struct, frozen=True):
    """One detection, as it is told below a picture."""

    name: str
    conf: float
    colour: str


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One image on a page."""

    #: What it is called on its page.
    id: str
    file: str
    picture: Picture | None
    #: Why there is no picture.
    missing: str
    #: What is drawn, the surest first; else the surest of what is too weak to be drawn.
    found: list[Found]
    weaker: Found | None
    datetime: str | None
    #: What people say of it.
    truth: str | None


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """A group, and the pages that show it."""

    title: str
    explained: str
    kind: Kind
    colours: list[str]
    images: int
    hidden: int
    items: list[Item]
    #: What its pages are called, without `.html` and number.
    name: str

    @property
    def pages(self) -> list[list[Item]]:
        """The items of each page; one page at least."""
        starts = range(0, max(1, len(self.items)), PER_PAGE)
        return [self.items[start : start + PER_PAGE] for start in starts]

    @property
    def is_wrong(self) -> bool:
        """Whether the ground truth says otherwise."""
        return self.kind in (Kind.FALSE_POSITIVE, Kind.FALSE_NEGATIVE)

    def page_name(self, number: int) -> str:
        """`number`: from 0."""
        return f"{self.name}.html" if number == 0 else f"{self.name}-{number + 1}.html"

    @property
    def preview(self) -> list[Item]:
        """Some items that have a picture, from all over the group."""
        shown = [item for item in self.items if item.picture is not None]
        return shown[:: max(1, -(-len(shown) // 4))][:4]


class Viewer:
    """Makes items of images."""

    def __init__(
        self,
        categories: Mapping[str, str],
        options: Options,
        drawn: Mapping[int, Picture | Missing],
        judge: Judge | None,
    ) -> None:
        self._categories, self._options = categories, options
        self._drawn, self._judge = drawn, judge

    def sections(self, groups: Sequence[Group], chosen: Mapping[int, ImageResult]) -> list[Section]:
        return [self._section(number, one, chosen) for number, one in enumerate(groups, 1)]

    def _section(self, number: int, group: Group, chosen: Mapping[int, ImageResult]) -> Section:
        title = group.key.title
        letters = _NOT_IN_NAMES.sub("-", title.lower())[:_LONGEST_NAME].strip("-")
        items = [self._item(index, chosen[index]) for index in group.sample.indices()]
        return Section(
            title=title,
            explained=_EXPLAINED.get(group.key.kind, ""),
            kind=group.key.kind,
            colours=self._colours(group.key.names),
            images=group.images,
            hidden=group.hidden,
            items=self._ordered(items),
            name=f"{number:02d}-{letters}".rstrip("-"),
        )

    def _colours(self, names: Sequence[str]) -> list[str]:
        ids = {name: number for number, name in reversed(list(self._categories.items()))}
        return [colour_of(ids.get(name, name)) for name in names]

    def _ordered(self, items: list[Item]) -> list[Item]:
        if self._options.order == "name":
            return sorted(items, key=lambda item: item.file)
        return sorted(items, key=lambda item: (-_best(item), item.file))

    def _item(self, index: int, image: ImageResult) -> Item:
        ranked = sorted(image.detections or (), key=lambda one: -one.conf)
        above = self._options.drawn_above
        found = [self._found(one) for one in ranked if one.conf > above]
        weaker = [self._found(one) for one in ranked[:1] if 0 < one.conf <= above]
        drawn = self._drawn[index]
        label = None if self._judge is None else self._judge.label_of(image.file)
        return Item(
            id=f"image-{index}",
            file=image.file,
            picture=drawn if isinstance(drawn, Picture) else None,
            missing=drawn.reason if isinstance(drawn, Missing) else "",
            found=found,
            weaker=weaker[0] if weaker else None,
            datetime=image.datetime,
            truth=None if label is None else label.text,
        )

    def _found(self, one: Detection) -> Found:
        name = self._categories.get(one.category, one.category)
        return Found(name, one.conf, colour_of(one.category))


def _best(item: Item) -> float:
    if item.found:
        return item.found[0].conf
    return item.weaker.conf if item.weaker else 0.0

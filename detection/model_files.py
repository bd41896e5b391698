"""The files of a model: what each is called on this machine, and where it can be had."""

from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from core.catalog import Model, Part
from core.errors import InvalidRequest


class ModelFile(msgspec.Struct, frozen=True, kw_only=True):
    """One file of a model, whether it is here or not."""

    model: Model
    part: Part
    #: Where it lies, or would.
    path: Path
    #: Where it comes from, best first.
    mirrors: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """What to call it in a sentence."""
        if self.part is Part.FROZEN:
            return f"the weights of {self.model.name}"
        return f"the {self.part} of {self.model.name}"

    @property
    def is_own(self) -> bool:
        """Whether it was given by its path, and is nobody's to fetch."""
        return Path(self.model.file).is_absolute()


def frozen_file(model: Model, folder: Path) -> ModelFile:
    return ModelFile(model=model, part=Part.FROZEN, path=folder / model.file, mirrors=model.mirrors)


def model_file(model: Model, part: Part, folder: Path) -> ModelFile:
    """That part of the model. Raises InvalidRequest where the model has none."""
    if part is Part.FROZEN:
        return frozen_file(model, folder)
    mirrors = model.downloads.get(part)
    if not mirrors:
        raise InvalidRequest(f"{model.name} has no {part}, only its frozen model.")
    name = urlsplit(mirrors[0]).path.rpartition("/")[2]
    return ModelFile(model=model, part=part, path=folder / name, mirrors=mirrors)


def model_files(model: Model, folder: Path) -> list[ModelFile]:
    """All that there is of the model, the frozen graph first."""
    return [model_file(model, part, folder) for part in (Part.FROZEN, *model.downloads)]

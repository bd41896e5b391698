"""What a local run has done so far, on disk: a run that was killed goes on from here.

    results.json.unfinished/
        lock                     held by the run while it lives
        run.json                 what was asked for
        plan.json                how many images and shards there are; until it stands, none is run
        images/0000042.ndjson    the images of shard 42
        kept/0000042.ndjson      lines of the results that were taken over, of that shard
        shards/0000042.ndjson    lines of the results so far, in list order
        over                     the plan, once nothing here is needed any more and it is deleted

A line is added when its image is finished. What a kill left of a line is cut off, and the next run
begins with that image. Nothing is ever written anew but that line.
"""

import os
import shutil
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TypeVar

import msgspec

from core.errors import InvalidRequest, InvalidResults
from core.image_list import ListedImage
from core.results.format import decode_image
from core.results.image_lines import DECODE_ERRORS
from detection.file_lock import held_alone
from detection.local.durable import Appender, cut_to, write_whole
from detection.local.settings import RunSettings, differences

_encoder = msgspec.json.Encoder()
_images = msgspec.json.Decoder(ListedImage)
_S = TypeVar("_S", bound=msgspec.Struct)

_FOLDERS = ("images", "kept", "shards")
# Deleted last, so that a kill while the others go leaves nothing that is taken for a run.
_OVER = "over"


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What there is to do; written once listing is over."""

    images: int
    shards: int
    #: Bytes of the images, as far as the listing told.
    size: int
    #: Images whose results are taken over.
    kept: int = 0
    skipped: dict[str, int] = {}
    duplicates: int = 0


class Journal:
    """One run's folder. Raises OSError from every method when the disk does not do its part."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._held = ExitStack()
        self._holds = False
        self._appender = Appender()

    @property
    def settings(self) -> RunSettings:
        """What the run that began was asked for."""
        settings = self._read("run.json", RunSettings)
        if settings is None:
            raise FileNotFoundError(self.folder / "run.json")
        return settings

    def begin(self, settings: RunSettings) -> None:
        """Begin a run, or go on with the one that began. Holds the folder until `close`.

        Raises InvalidRequest when another process runs it, or it began with other settings.
        """
        self._hold()
        if (self.folder / _OVER).exists():
            self._clear()
        begun = self._read("run.json", RunSettings)
        if begun is None:
            write_whole(self.folder / "run.json", _encoder.encode(settings))
        elif changed := differences(begun, settings):
            self.close()
            raise InvalidRequest(
                "\n  ".join([f"{self.folder} was begun otherwise:", *changed])
                + "\nRun it as it was begun. Or give up what it has done: delete that folder, or "
                "begin anew with --overwrite."
            )

    def _hold(self) -> None:
        if self._holds:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            self._held.enter_context(held_alone(self.folder / "lock"))
        except BlockingIOError as error:
            raise InvalidRequest(
                f"Another process is at work on {self.folder}; let it end first."
            ) from error
        self._holds = True

    def close(self) -> None:
        self._held.close()
        self._holds = False

    def discard(self) -> None:
        """Delete the folder, of a run that is over or is to begin anew, and close it.

        Raises InvalidRequest when another process runs it.
        """
        self._hold()
        try:
            with suppress(FileNotFoundError):  # without a plan nothing is taken for a run
                os.replace(self.folder / "plan.json", self.folder / _OVER)
            self._clear()
        finally:
            self.close()
        with suppress(OSError):  # another process has begun a run in it
            self.folder.rmdir()

    def end_discarding(self) -> None:
        """Delete what is left where `discard` was killed. Raises as it does."""
        begun = (self.folder / "run.json").exists() and not (self.folder / _OVER).exists()
        if self.folder.exists() and not begun:
            self.discard()

    def _clear(self) -> None:
        for name in _FOLDERS:
            shutil.rmtree(self.folder / name, ignore_errors=True)
        for path in self.folder.iterdir():
            if path.is_file() and path.name not in ("lock", _OVER):
                path.unlink()
        (self.folder / _OVER).unlink(missing_ok=True)

    def plan(self) -> Plan | None:
        """None before listing is over."""
        return self._read("plan.json", Plan)

    def forget_lists(self) -> None:
        """Delete what a listing that was broken off has left."""
        for name in _FOLDERS:
            shutil.rmtree(self.folder / name, ignore_errors=True)
            (self.folder / name).mkdir(exist_ok=True)

    def write_list(self, index: int, images: Sequence[ListedImage], kept: Sequence[bytes]) -> None:
        """Write a shard's list. `kept`: the lines of those of its images that are kept."""
        write_whole(self._path("images", index), _encoder.encode_lines(images))
        if kept:
            write_whole(self._path("kept", index), _joined(kept))

    def write_plan(self, plan: Plan) -> None:
        write_whole(self.folder / "plan.json", _encoder.encode(plan))

    def images(self, index: int) -> list[ListedImage]:
        """The images of a shard, in list order."""
        return _images.decode_lines(self._path("images", index).read_bytes())

    def kept(self, index: int) -> list[bytes]:
        """The lines of its kept images, in list order."""
        return _lines(self._bytes("kept", index))

    def done(self, index: int) -> int:
        """How many of its other images are finished; cuts off what a kill left of another line."""
        names = [image.name for image in self.images(index) if not image.kept]
        right = _right_lines(_lines(self._bytes("shards", index)), names)
        cut_to(self._path("shards", index), sum(len(line) + 1 for line in right))
        return len(right)

    def add(self, index: int, line: bytes) -> None:
        """Add the line of its next image."""
        self._appender.add(self._path("shards", index), line + b"\n")

    def end(self, index: int) -> None:
        """All images of this shard are finished."""
        self._appender.end(self._path("shards", index))

    def lines(self, index: int) -> list[bytes]:
        """All lines of a shard that is done, in list order.

        Raises InvalidResults when they are not those of its images.
        """
        images = self.images(index)
        kept, others = iter(self.kept(index)), iter(_lines(self._bytes("shards", index)))
        lines = [next(kept if image.kept else others, b"") for image in images]
        if len(_right_lines(lines, [image.name for image in images])) != len(images):
            raise InvalidResults(
                f"{self.folder} is damaged at shard {index}; begin anew with --overwrite."
            )
        return lines

    def _read(self, name: str, kind: type[_S]) -> _S | None:
        try:
            return msgspec.json.decode((self.folder / name).read_bytes(), type=kind)
        except FileNotFoundError:
            return None
        except msgspec.DecodeError as error:
            raise InvalidRequest(
                f"{self.folder / name} was written by another version of MegaBatch, or is "
                "damaged; begin anew with --overwrite."
            ) from error

    def _bytes(self, kind: str, index: int) -> bytes:
        try:
            return self._path(kind, index).read_bytes()
        except FileNotFoundError:
            return b""

    def _path(self, kind: str, index: int) -> Path:
        return self.folder / kind / f"{index:07d}.ndjson"


def _joined(lines: Sequence[bytes]) -> bytes:
    return b"".join(line + b"\n" for line in lines)


def _lines(data: bytes) -> list[bytes]:
    """The whole lines; what follows the last line end is none."""
    return data.split(b"\n")[:-1]


def _right_lines(lines: Sequence[bytes], names: Sequence[str]) -> list[bytes]:
    """The lines up to the first that is not the one of its image."""
    right: list[bytes] = []
    for line, name in zip(lines, names, strict=False):
        try:
            if decode_image(line).file != name:
                break
        except DECODE_ERRORS:
            break
        right.append(line)
    return right


def unfinished_folder(output: Path) -> Path:
    """Where the run that writes this results file keeps what it has done."""
    return output.with_name(f"{output.name}.unfinished")

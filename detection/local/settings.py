"""What a local run was asked for: what decides its results, and must not change on the way."""

from collections.abc import Collection
from pathlib import Path

import msgspec

from core.containers.file_names import listed_name
from core.jobs import Preprocessing, TruncatedImages


class RunSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Written down when a run begins; it goes on only where the same is asked for again."""

    #: What was named, secrets left out.
    sources: tuple[str, ...]
    relative_to: str
    model: str
    #: SHA-256 of the model's file, hex.
    weights: str
    threshold: float
    preprocessing: Preprocessing = "native"
    truncated_images: TruncatedImages = "fail"
    gps: bool = False
    #: EXIF tags that stand in the results.
    exif: tuple[str, ...] = ()
    #: Which frames of videos are looked at; empty for images.
    frames: str = ""
    #: What is drawn, and where it is written.
    pictures: tuple[str, ...] = ()
    #: An earlier results file, from which unchanged images are taken over.
    previous: str = ""
    #: Only the images that failed in `previous` are processed, whatever has changed since.
    retry_failed: bool = False


#: What a run may take over; it decides how much is processed, but not what comes out.
TAKEN_OVER = frozenset({"previous", "retry_failed"})


def differences(begun: RunSettings, asked: RunSettings, but: Collection[str] = ()) -> list[str]:
    """What differs, a line each: `threshold: 0.1 then, 0.2 now`; `but` these fields."""
    return [
        f"{name.replace('_', ' ')}: {_shown(then)} then, {_shown(now)} now"
        for name in RunSettings.__struct_fields__
        if name not in but and (then := getattr(begun, name)) != (now := getattr(asked, name))
    ]


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "none"
    return str(value) if value != "" else "none"


def absolute(path: Path | None) -> str:
    """The whole path, as it is written down; empty for none."""
    return "" if path is None else listed_name(str(path.absolute()))

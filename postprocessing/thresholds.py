"""Which threshold a results file asks for, where nobody names one."""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from core.results.reader import Results

# Detector names, as they stand in results files, to typical and conservative threshold; the first
# that fits. Source: the public MegaDetector repository, README and `detector_metadata`.
_BY_NAME: tuple[tuple[re.Pattern[str], tuple[float, float]], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), thresholds)
    for pattern, thresholds in (
        (r"v1000|mdv1000", (0.3, 0.1)),
        (r"v5|md5", (0.2, 0.05)),
        (r"v[234]|megadetector_v[234]", (0.8, 0.3)),
    )
)
# A file without a detector's name is of the time of MegaDetector v4, as the format's page says.
_UNNAMED, _UNKNOWN = (0.8, 0.3), (0.2, 0.1)

#: Between the names of detectors, in a file that was made of several.
AND = " and "


class Threshold(msgspec.Struct, frozen=True):
    """A confidence, 0..1, and why it is that."""

    value: float
    #: Such as `given`, or `typical of megadetector_v4.1`.
    reason: str

    def __str__(self) -> str:
        return f"{self.value:g} ({self.reason})"


def typical(results: Results, given: float | None = None) -> Threshold:
    """What is given, or where people start with the detector of this file."""
    return _threshold(results.info, given, "typical", 0)


def conservative(results: Results, given: float | None = None) -> Threshold:
    """What is given, or where people look who must not miss anything."""
    return _threshold(results.info, given, "conservative", 1)


def _threshold(info: Mapping[str, Any], given: float | None, kind: str, which: int) -> Threshold:
    if given is not None:
        return Threshold(given, "given")
    name = info.get("detector")
    metadata = info.get("detector_metadata")
    told = metadata.get(f"{kind}_detection_threshold") if isinstance(metadata, dict) else None
    if isinstance(told, int | float):
        return Threshold(float(told), f"{kind} of {name or 'the detector'}")
    if not isinstance(name, str):
        return Threshold(_UNNAMED[which], f"{kind} of MegaDetector v4: the file names no detector")
    # `combine --mixed` names all detectors of a file.
    known = [_known(one) for one in name.split(AND)]
    values = [one[which] for one in known if one is not None]
    if len(values) < len(known):
        values.append(_UNKNOWN[which])
    if len(set(values)) > 1:
        return Threshold(min(values), f"the lowest of several, {name}: better name one")
    return Threshold(values[0], f"{kind} of {name}" if all(known) else f"{name} is not known")


def _known(name: str) -> tuple[float, float] | None:
    return next((values for pattern, values in _BY_NAME if pattern.search(name)), None)

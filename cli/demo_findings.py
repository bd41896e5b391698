"""What the demo's photographs show, and what was found on them."""

from collections.abc import Iterable, Mapping

import msgspec

from core.results.format import Detection, ImageResult

#: What the photographs show, as the demo model must find it above its typical threshold.
EXPECTED: Mapping[str, str | None] = {
    "astronaut.png": "person",
    "chelsea.png": "animal",
    "coffee.png": None,
    "grass.png": None,
    "motorcycle_left.png": "vehicle",
}


class Finding(msgspec.Struct, frozen=True):
    """What is shown of one image: the detections above the threshold, the surest first."""

    file: str
    detections: list[Detection]

    def text(self, categories: Mapping[str, str]) -> str:
        """Such as `animal 0.93, person 0.51`, or `nothing`."""
        named = [f"{categories[one.category]} {one.conf:.2f}" for one in self.detections]
        return ", ".join(named) or "nothing"


def findings(images: Iterable[ImageResult], threshold: float) -> list[Finding]:
    """What was found strictly above the threshold, an entry for each image."""
    return [
        Finding(image.file, [one for one in image.detections or [] if one.conf > threshold])
        for image in images
    ]


def faults(found: Iterable[Finding], categories: Mapping[str, str]) -> list[str]:
    """Where the surest detections differ from `EXPECTED`, a line each; empty when all is right."""
    surest = {
        finding.file: categories[finding.detections[0].category] if finding.detections else None
        for finding in found
    }
    return [
        f"{name}: {surest.get(name, 'missing') or 'nothing'} in place of {expected or 'nothing'}"
        for name, expected in EXPECTED.items()
        if surest.get(name, "missing") != expected
    ] + [f"{name}: not asked for" for name in surest.keys() - EXPECTED.keys()]

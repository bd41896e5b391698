"""Results of every shape that the format allows, for property tests."""

from typing import Any

from hypothesis import strategies as st

from core.failures import FailureCode, ImageFailure
from core.results.format import Detection, ImageResult

# Lone surrogates cannot be written as UTF-8, so no file holds them.
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
_finite: dict[str, Any] = {"allow_nan": False, "allow_infinity": False}
_parts = st.floats(0, 1, **_finite)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | _parts | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)
# A prefix keeps made-up names apart from the fields of the format.
extras = st.none() | st.dictionaries(texts.map("x-{}".format), values, min_size=1, max_size=3)

detections = st.builds(
    Detection,
    category=st.sampled_from(["1", "2", "3"]),
    conf=st.floats(-1, 1, **_finite),
    bbox=st.tuples(_parts, _parts, _parts, _parts),
    classifications=st.none() | st.lists(st.tuples(st.just("7"), _parts), max_size=2),
    frame_number=st.none() | st.integers(0, 10**6),
    extra=extras,
)
_about: dict[str, Any] = {
    "file": texts,
    "width": st.none() | st.integers(1, 10**5),
    "height": st.none() | st.integers(1, 10**5),
    "datetime": st.none() | st.just("2026-04-30 05:12:44"),
    "latitude": st.none() | st.floats(-90, 90, **_finite),
    "meta": st.none() | texts,
    "truncated": st.booleans(),
    "extra": extras,
}
processed = st.builds(ImageResult, detections=st.lists(detections, max_size=3), **_about)
failures = st.builds(
    ImageResult,
    detections=st.none(),
    failure=st.sampled_from([str(ImageFailure(code)) for code in FailureCode]),
    **_about,
)
images = processed | failures

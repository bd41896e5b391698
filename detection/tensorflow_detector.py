"""Runs a frozen TensorFlow graph with the tensors of MegaDetector v2, v3 and v4."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from core.errors import ModelUnavailable
from core.results.format import Detection
from detection.detector import RgbImage
from detection.graph_file import INPUT, OUTPUTS
from detection.tensorflow_module import load_tensorflow

_WARM_UP_SIDE = 64
# On a CPU two threads with an image each beat one with a batch (benchmarks/pipeline.py); a GPU is
# filled by the batch that the 2019 service used. Not measured on a GPU.
_CPU_BATCH, _GPU_BATCH = 1, 8


class TensorFlowDetector:
    """A detector that holds a frozen graph and one session. Safe to use from several threads."""

    def __init__(self, weights: Path, categories: Mapping[str, str]) -> None:
        """Load `weights`, a `.pb` file. Raises ModelUnavailable when it is no such graph."""
        self._categories = dict(categories)
        self._run = _load(weights)
        self._batch_size = _GPU_BATCH if _sees_gpu() else _CPU_BATCH

    @property
    def categories(self) -> Mapping[str, str]:
        return self._categories

    @property
    def batch_size(self) -> int:
        return self._batch_size

    def warm_up(self) -> None:
        self.detect([np.full((_WARM_UP_SIDE, _WARM_UP_SIDE, 3), 127, np.uint8)])

    def detect(self, batch: Sequence[RgbImage]) -> list[list[Detection]]:
        """Detections of each image; of a batch whose images all have one size."""
        if not batch:
            return []
        # A batch of one is the common case on a CPU, and needs no copy.
        pixels = batch[0][np.newaxis] if len(batch) == 1 else np.stack(batch)
        boxes, scores, classes, counts = self._run(pixels)
        return [
            _detections(boxes[i, :count], scores[i, :count], classes[i, :count])
            for i, count in enumerate(counts.astype(int))
        ]


def _detections(
    boxes: npt.NDArray[np.float32],
    scores: npt.NDArray[np.float32],
    classes: npt.NDArray[np.float32],
) -> list[Detection]:
    """Detections from rows of `ymin, xmin, ymax, xmax`, 0..1."""
    return [
        Detection(category=str(int(category)), conf=score, bbox=(x, y, right - x, bottom - y))
        for (y, x, bottom, right), score, category in zip(
            boxes.tolist(), scores.tolist(), classes.tolist(), strict=True
        )
    ]


def _load(weights: Path) -> Any:
    """A function from pixels, uint8 [N, H, W, 3], to the four arrays of `OUTPUTS`."""
    tf = load_tensorflow()
    definition = tf.compat.v1.GraphDef()
    graph = tf.Graph()
    try:
        definition.ParseFromString(weights.read_bytes())
        with graph.as_default():
            tf.import_graph_def(definition, name="")
        for tensor in (INPUT, *OUTPUTS):
            graph.get_tensor_by_name(tensor)
    except Exception as error:  # whatever TensorFlow says, the file is not what it should be
        raise ModelUnavailable(
            f"{weights} is not a frozen TensorFlow graph with MegaDetector's inputs and outputs "
            f"({type(error).__name__}). Delete it and fetch the model again."
        ) from error
    session = tf.compat.v1.Session(graph=graph, config=_session_config(tf))
    return session.make_callable(list(OUTPUTS), feed_list=[INPUT])


def _session_config(tf: Any) -> Any:
    config = tf.compat.v1.ConfigProto()
    # Take GPU memory as it is needed: several processes may share one GPU.
    config.gpu_options.allow_growth = True
    return config


def _sees_gpu() -> bool:
    return bool(load_tensorflow().config.list_physical_devices("GPU"))

"""Importing TensorFlow, as little of it as a frozen graph needs."""

import os
from typing import Any


def load_tensorflow() -> Any:
    """The tensorflow module, which logs errors only and leaves Keras out.

    It imports Keras for whoever might use it, and with it what Keras finds, such as scikit-learn: a
    tenth of the time, or half (docs/benchmarks.md), and a frozen graph has no use for any. Where it
    is told to take the older Keras (`tf_keras`), and there is none, it goes without (TensorFlow
    2.21).
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
    import tensorflow as tf

    return tf

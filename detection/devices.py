"""`python -m detection.devices`: tells, as JSON, what TensorFlow is and which GPUs it sees.

A process of its own, since a driver at fault may keep whoever asks it for ever, or end it.
"""

import sys

import msgspec

from detection.tensorflow_module import load_tensorflow


class Devices(msgspec.Struct, frozen=True):
    """What TensorFlow tells of this machine."""

    #: Its version.
    tensorflow: str
    #: Whether it was made for NVIDIA GPUs at all.
    cuda: bool
    #: What the GPUs are called.
    gpus: list[str]


def seen_devices() -> Devices:
    tf = load_tensorflow()
    details = tf.config.experimental.get_device_details
    gpus = [
        details(gpu).get("device_name", gpu.name) for gpu in tf.config.list_physical_devices("GPU")
    ]
    return Devices(tf.__version__, tf.test.is_built_with_cuda(), gpus)


def main() -> None:
    sys.stdout.buffer.write(msgspec.json.encode(seen_devices()))


if __name__ == "__main__":
    main()

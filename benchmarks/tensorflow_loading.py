"""What it saves to load TensorFlow without Keras: processor time and memory.

    python -m benchmarks.tensorflow_loading [--rounds 3] [--alone]

Loads it in processes of their own, without and with Keras in turn. Keras loads scikit-learn, SciPy
and matplotlib where they are installed; `--alone` hides them, as on a machine that only detects.
"""

import argparse
import os
import statistics
import subprocess
import sys

#: Keras tries these.
COMPANIONS = ("sklearn", "scipy", "matplotlib")
#: What TensorFlow is told, without and with Keras.
WITHOUT, WITH = "1", "0"

_LOAD = """
import resource, sys
sys.modules.update(dict.fromkeys(sys.argv[1:]))
from detection.tensorflow_module import load_tensorflow
load_tensorflow()
used = resource.getrusage(resource.RUSAGE_SELF)
print(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)
"""


def load(keras: str, hidden: tuple[str, ...]) -> tuple[float, float]:
    """Seconds of processor time and MiB that a process took which did nothing else."""
    ended = subprocess.run(
        [sys.executable, "-c", _LOAD, *hidden],
        env={**os.environ, "TF_USE_LEGACY_KERAS": keras},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    seconds, memory = map(float, ended.stdout.split())
    return seconds, memory


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--alone", action="store_true")
    chosen = parser.parse_args()
    hidden = COMPANIONS if chosen.alone else ()
    ratios = []
    for _ in range(chosen.rounds):
        (less, small), (more, large) = (load(keras, hidden) for keras in (WITHOUT, WITH))
        ratios.append(less / more)
        print(f"{less / more:.2f} of the processor time; {small:.0f} against {large:.0f} MiB")
    print(f"median {statistics.median(ratios):.2f}")


if __name__ == "__main__":
    main()

"""How many processes a machine is good for, and what each of them is told of it."""

import os
import subprocess
from collections.abc import Mapping, Sequence

#: Cores for each process on a CPU: two images at a time keep about so many busy.
CORES_EACH = 4
_SECONDS = 10
_VISIBLE = "CUDA_VISIBLE_DEVICES"


def gpus(environ: Mapping[str, str]) -> list[str]:
    """The NVIDIA GPUs that may be used, as `CUDA_VISIBLE_DEVICES` names them."""
    if _VISIBLE in environ:
        named = [one.strip() for one in environ[_VISIBLE].split(",") if one.strip()]
        return [] if "-1" in named else named
    try:
        told = subprocess.run(
            ["nvidia-smi", "--query-gpu=uuid", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            check=True,
            timeout=_SECONDS,
        )
    except (OSError, subprocess.SubprocessError):
        return []
    return told.stdout.split()


def cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def environments(processes: int | None, gpus: Sequence[str], cores: int) -> list[dict[str, str]]:
    """The variables of each process: its GPU, or its part of the cores.

    `processes`: how many, where somebody has said; else one a GPU, or one for every four cores.
    """
    if gpus:
        count = processes or len(gpus)
        return [{_VISIBLE: gpus[number % len(gpus)]} for number in range(count)]
    count = processes or max(1, cores // CORES_EACH)
    each = max(1, cores // count)
    # Read by TensorFlow where a session names no number of its own.
    return [{"TF_NUM_INTRAOP_THREADS": str(each)} for _ in range(count)]

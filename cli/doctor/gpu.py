"""The GPUs that TensorFlow sees, asked in a process of its own: a driver may hang, or crash it."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from cli.doctor.case import Case
from cli.doctor.finding import Finding, Findings, Part, fault, guarded, ok, warning
from cli.programs import environment as with_our_packages
from detection.devices import Devices

_PART = Part.GPU
#: TensorFlow alone may take half a minute to load.
SECONDS = 120.0
_HIDDEN = "CUDA_VISIBLE_DEVICES"
_VISIBLE = "NVIDIA_VISIBLE_DEVICES"
_NONE = ("", "void", "none")
_FILES = ("proc/driver/nvidia/version", "dev/nvidia0", "dev/dxg")


def examine(case: Case) -> Findings:
    if case.detects:
        yield from guarded(_PART, "TensorFlow", _look, os.environ)
    else:
        yield ok(_PART, "TensorFlow", "not a detection host: skipped")


def _look(environ: Mapping[str, str]) -> Findings:
    try:
        ended = _ask(environ)
    except subprocess.TimeoutExpired as error:
        seen = f"did not load within {error.timeout:g} s"
        todo = "Try `nvidia-smi`: where it hangs too, the driver does; start the host again."
        yield fault(_PART, "TensorFlow", seen, todo)
        return
    if ended.returncode:
        yield fault(_PART, "TensorFlow", _why(ended), "Install the extra `detect` anew.")
        return
    devices = msgspec.json.decode(ended.stdout, type=Devices)
    yield ok(_PART, "TensorFlow", f"{devices.tensorflow} loads")
    yield _gpus(devices, environ)


def _ask(environ: Mapping[str, str]) -> subprocess.CompletedProcess[bytes]:
    """Raises subprocess.TimeoutExpired."""
    return subprocess.run(
        [sys.executable, "-P", "-m", "detection.devices"],
        env=with_our_packages(environ),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=SECONDS,
        check=False,
    )


def _why(ended: subprocess.CompletedProcess[bytes]) -> str:
    """Why the child told nothing."""
    if ended.returncode < 0:
        return f"is ended by {signal.Signals(-ended.returncode).name} when it loads"
    last = ended.stderr.decode(errors="replace").strip().rpartition("\n")[2]
    return f"cannot be loaded: {last}"


def _gpus(devices: Devices, environ: Mapping[str, str]) -> Finding:
    if devices.gpus:
        return ok(_PART, "devices", ", ".join(devices.gpus))
    if environ.get(_HIDDEN) in ("", "-1"):
        return ok(_PART, "devices", f"CPU only, as {_HIDDEN} says")
    signs = list(signs_of_nvidia(environ))
    if not signs:
        return ok(_PART, "devices", "CPU only")
    seen = f"TensorFlow sees no GPU, and there are signs of one: {', '.join(signs)}"
    if devices.cuda:
        todo = "See that `nvidia-smi` answers, in a container too: NVIDIA's toolkit gives it GPUs."
    else:
        todo = "This TensorFlow is for CPUs: take tensorflow[and-cuda], or the image target gpu."
    return warning(_PART, "devices", seen, todo)


def signs_of_nvidia(environ: Mapping[str, str], root: Path = Path("/")) -> Iterator[str]:
    """What lets one think that there is an NVIDIA GPU."""
    yield from (f"/{name}" for name in _FILES if (root / name).exists())
    if environ.get(_VISIBLE, "") not in _NONE:
        yield _VISIBLE
    if shutil.which("nvidia-smi", path=environ.get("PATH", "")):
        yield "nvidia-smi"

"""What is said of GPUs: by a real TensorFlow, and by packages of that name which misbehave."""

import signal
from pathlib import Path

import pytest

from cli.doctor import case as cases
from cli.doctor import gpu
from cli.doctor.case import Case
from detection.devices import Devices
from tests.unit.cli.doctor.conftest import by_what

CPU = Devices(tensorflow="2.21.0", cuda=False, gpus=[])
#: A TensorFlow that sees two GPUs, of which one has a name.
TWO_GPUS = """
class gpu: name = "/gpu:0"
class config:
    list_physical_devices = lambda kind: [gpu, gpu]
    class experimental:
        told = [{"device_name": "NVIDIA H100"}, {}]
        get_device_details = lambda one: config.experimental.told.pop(0)
class test: is_built_with_cuda = lambda: True
__version__ = "9.0"
"""


@pytest.fixture
def tensorflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The code of a package that the child takes for TensorFlow; no sign of a GPU is seen."""
    package = tmp_path / "packages/tensorflow"
    package.mkdir(parents=True)
    monkeypatch.setenv("PYTHONPATH", str(package.parent))
    monkeypatch.setattr(gpu, "signs_of_nvidia", lambda _environ: iter(()))
    return package / "__init__.py"


def look(case: Case) -> dict[str, str]:
    found = by_what(gpu.examine(case))
    return {what: f"{one.verdict}: {one.seen}" for what, one in found.items()}


def test_a_real_tensorflow_tells(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "signs_of_nvidia", lambda _environ: iter(()))
    found = look(case)
    assert found["TensorFlow"].endswith("loads") and found["devices"] == "ok: CPU only"


def test_gpus_are_named(case: Case, tensorflow: Path) -> None:
    tensorflow.write_text(TWO_GPUS)
    assert look(case) == {"TensorFlow": "ok: 9.0 loads", "devices": "ok: NVIDIA H100, /gpu:0"}


def test_a_driver_that_hangs_is_not_waited_for(
    case: Case, tensorflow: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tensorflow.write_text("import time; time.sleep(600)")
    monkeypatch.setattr(gpu, "SECONDS", 1.5)
    assert look(case) == {"TensorFlow": "fault: did not load within 1.5 s"}


def test_a_tensorflow_that_cannot_be_imported(case: Case, tensorflow: Path) -> None:
    tensorflow.write_text("raise ImportError('libcudart.so is missing')")
    seen = look(case)["TensorFlow"]
    assert seen == "fault: cannot be loaded: ImportError: libcudart.so is missing"


def test_a_driver_that_ends_the_child(case: Case, tensorflow: Path) -> None:
    tensorflow.write_text(f"import os; os.kill(os.getpid(), {int(signal.SIGSEGV)})")
    assert look(case) == {"TensorFlow": "fault: is ended by SIGSEGV when it loads"}


def test_a_child_that_ends_in_another_way(case: Case, tensorflow: Path) -> None:
    tensorflow.write_text("raise SystemExit(3)")
    assert look(case)["TensorFlow"].startswith("fault: cannot be loaded")


@pytest.mark.parametrize("hidden", ["", "-1"])
def test_gpus_that_are_hidden_on_purpose(hidden: str) -> None:
    environ = {"CUDA_VISIBLE_DEVICES": hidden, "NVIDIA_VISIBLE_DEVICES": "all"}
    assert gpu._gpus(CPU, environ).verdict == "ok"


@pytest.mark.parametrize(("cuda", "word"), [(False, "tensorflow[and-cuda]"), (True, "nvidia-smi")])
def test_a_gpu_that_tensorflow_does_not_see(cuda: bool, word: str) -> None:
    devices = Devices(tensorflow="2.21.0", cuda=cuda, gpus=[])
    finding = gpu._gpus(devices, {"NVIDIA_VISIBLE_DEVICES": "all"})
    assert finding.verdict == "warning" and "NVIDIA_VISIBLE_DEVICES" in finding.seen
    assert word in finding.todo


def test_signs_of_a_gpu(tmp_path: Path) -> None:
    def signs(**environ: str) -> list[str]:
        return list(gpu.signs_of_nvidia({"PATH": str(tmp_path / "bin"), **environ}, tmp_path))

    assert signs() == signs(NVIDIA_VISIBLE_DEVICES="void") == []
    assert signs(NVIDIA_VISIBLE_DEVICES="0") == ["NVIDIA_VISIBLE_DEVICES"]
    for name in ("proc/driver/nvidia/version", "dev/nvidia0", "bin/nvidia-smi"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
        (tmp_path / name).chmod(0o755)
    assert signs() == ["/proc/driver/nvidia/version", "/dev/nvidia0", "nvidia-smi"]


def test_a_host_that_does_not_detect(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cases, "is_here", lambda module: module != "tensorflow")
    assert look(case) == {"TensorFlow": "ok: not a detection host: skipped"}

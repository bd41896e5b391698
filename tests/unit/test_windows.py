"""What runs on one machine is without what Windows lacks; seen on any system by taking it away."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
#: Takes away what Windows lacks, from our modules alone: libraries that were imported before have
#: looked at the system already. Then imports ours anew.
WITHOUT = """
import os, pkgutil, signal, sys, importlib

def ours():
    yield from ("cli.main", "core.containers.folder", "core.results.writer")
    for package in ("core.results", "cli", "detection"):
        folder = os.path.join({root!r}, *package.split("."))
        yield from (one.name for one in pkgutil.walk_packages([folder], package + "."))

names = sorted(set(ours()))
for name in names:
    importlib.import_module(name)
for name in [name for name in sys.modules if name.split(".")[0] in ("cli", "core", "detection")]:
    del sys.modules[name]
for name in ("fcntl", "grp", "pwd", "resource", "termios", "tty", "pty", "syslog"):
    sys.modules[name] = None
for name in ("O_CLOEXEC", "O_DIRECTORY", "O_NOFOLLOW", "O_NONBLOCK", "O_SYNC", "chown", "fchmod",
             "fork", "geteuid", "getloadavg", "getpgid", "getuid", "killpg", "mkfifo", "nice",
             "posix_fadvise", "sched_getaffinity", "setsid", "statvfs", "sysconf", "uname"):
    if hasattr(os, name):
        delattr(os, name)
for name in ("SIGALRM", "SIGCHLD", "SIGHUP", "SIGKILL", "SIGQUIT", "SIGUSR1", "SIGUSR2", "alarm"):
    delattr(signal, name)
for name in names:
    importlib.import_module(name)
{then}
"""
READ = """
from pathlib import Path
from core.containers.folder import LocalFolder
folder = LocalFolder(Path(sys.argv[1]))
for page in folder.pages():
    print([(image.name, folder.read(image)) for image in page.images])
"""


def without(then: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    program = WITHOUT.format(root=str(ROOT), then=then)
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_modules_of_one_machine_are_imported_without_what_windows_lacks() -> None:
    ended = without("print(len(names))")
    assert ended.returncode == 0, ended.stderr
    assert int(ended.stdout) > 50


@pytest.mark.parametrize("line", ["import fcntl", "os.O_NONBLOCK", "signal.SIGKILL", "os.killpg"])
def test_what_is_lacking_is_noticed(line: str) -> None:
    ended = without(line)
    assert ended.returncode == 1
    assert "Error: " in ended.stderr


def test_images_are_listed_and_read_without_what_windows_lacks(tmp_path: Path) -> None:
    (tmp_path / "north").mkdir()
    (tmp_path / "north/a.jpg").write_bytes(b"a\r\n\x1ab")
    ended = without(READ, str(tmp_path))
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == "[('north/a.jpg', b'a\\r\\n\\x1ab')]\n"

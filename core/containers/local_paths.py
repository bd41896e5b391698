"""Paths of files on this machine, by the rules of its system.

On Windows a path is compared without regard to case, joined by backslashes, and may be longer than
260 characters only where it starts with `\\\\?\\`, which makes `nul.jpg` a file too.
Each function takes the rules that it goes by, `ntpath` or `posixpath`: both can be tested anywhere.
"""

import ntpath
import os
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

# Source: Microsoft, "Naming Files, Paths, and Namespaces".
_ANY_LENGTH, _ANY_LENGTH_SHARE = "\\\\?\\", "\\\\?\\UNC\\"
# What no name on Windows holds. A colon would lead to another drive, or into a stream of the file.
_IN_NO_NAME = frozenset('<>:"|?*\\') | {chr(code) for code in range(32)}


def real_path(path: str | Path) -> str:
    """The path without links, in the form that may be of any length."""
    return of_any_length(os.path.realpath(path))


def of_any_length(path: str, rules: ModuleType = os.path) -> str:
    """A real path in the form that Windows takes at any length; elsewhere the path itself."""
    if rules is not ntpath or path.startswith(_ANY_LENGTH):
        return path
    if path.startswith("\\\\"):
        return _ANY_LENGTH_SHARE + path[2:]
    return _ANY_LENGTH + path


def as_typed(path: str, rules: ModuleType = os.path) -> str:
    """The path as people write it; the opposite of `of_any_length`."""
    if rules is not ntpath:
        return path
    if path.startswith(_ANY_LENGTH_SHARE):
        return "\\\\" + path.removeprefix(_ANY_LENGTH_SHARE)
    return path.removeprefix(_ANY_LENGTH)


def is_below(path: str, roots: Sequence[str], rules: ModuleType = os.path) -> bool:
    """Whether a real path is one of these real folders, or lies below one."""
    inner = _comparable(path, rules)
    outer = (_comparable(root, rules).rstrip(rules.sep) for root in roots)
    return any(inner == root or inner.startswith(root + rules.sep) for root in outer)


def _comparable(path: str, rules: ModuleType) -> str:
    return str(rules.normcase(as_typed(path, rules)))


def path_inside(folder: str, file_name: str, rules: ModuleType = os.path) -> str | None:
    """The path of a file name with `/` inside a folder; None where it leads out, or is no name."""
    parts = file_name.split("/")
    if file_name.startswith("/") or ".." in parts:
        return None
    if rules is ntpath and not all(map(_is_windows_name, parts)):
        return None
    return str(rules.join(folder, rules.sep.join(parts)))


def _is_windows_name(part: str) -> bool:
    return part not in {"", "."} and _IN_NO_NAME.isdisjoint(part)

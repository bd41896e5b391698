"""File names as text that JSON can hold, and back.

A file name on disk is bytes, and not always UTF-8: old cameras and old Windows disks wrote Latin-1.
Such a byte is written `\\xe9` in the listed name, so that the image is neither lost nor renamed:
the listed name leads back to the file. A backslash that would read as such a byte is written
`\\x5c`.

On Windows a file name is 16-bit units, and not always UTF-16: half of a surrogate pair may stand
alone. It is written `\\ud83d`; no name there holds a backslash of its own.

An accent that is a character of its own stays one: such a name and its composed twin are two.
"""

import os
import re

_FOREIGN = re.compile("[\udc80-\udcff]")
_LOOKS_FOREIGN = re.compile(r"\\(?=x(?:5c|[89a-f][0-9a-f]))")
_ESCAPED = re.compile(rb"\\x(5c|[89a-f][0-9a-f])")
_HALF = re.compile("[\ud800-\udfff]")
_ESCAPED_HALF = re.compile(r"\\u(d[89a-f][0-9a-f]{2})")
_WINDOWS = os.name == "nt"


def listed_name(file_name: str, *, windows: bool = _WINDOWS) -> str:
    """The listed name of a file name (or relative path) as Python's `os` functions give it."""
    if file_name.isascii() and "\\x" not in file_name:
        return file_name
    if windows:
        return _HALF.sub(lambda match: f"\\u{ord(match[0]):x}", file_name)
    escaped = _LOOKS_FOREIGN.sub(r"\\x5c", file_name)
    return _FOREIGN.sub(lambda match: f"\\x{ord(match[0]) - 0xDC00:02x}", escaped)


def file_name_of(name: str, *, windows: bool = _WINDOWS) -> str:
    """The file name whose listed name this is; the inverse of `listed_name`.

    Raises ValueError for a name that no file can have.
    """
    if "\0" in name:
        raise ValueError("a file name holds no NUL")
    text = name.encode()
    if windows:
        return _ESCAPED_HALF.sub(lambda match: chr(int(match[1], 16)), name)
    on_disk = _ESCAPED.sub(lambda match: bytes([int(match[1], 16)]), text)
    return os.fsdecode(on_disk)

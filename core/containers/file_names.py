"""File names as text that JSON can hold, and back.

A file name on disk is bytes, and not always UTF-8: old cameras and old Windows disks wrote Latin-1.
Such a byte is written `\\xe9` in the listed name, so that the image is neither lost nor renamed:
the listed name leads back to the file. A backslash that would read as such a byte is written
`\\x5c`.
"""

import os
import re

_FOREIGN = re.compile("[\udc80-\udcff]")
_LOOKS_FOREIGN = re.compile(r"\\(?=x(?:5c|[89a-f][0-9a-f]))")
_ESCAPED = re.compile(rb"\\x(5c|[89a-f][0-9a-f])")


def listed_name(file_name: str) -> str:
    """The listed name of a file name (or relative path) as Python's `os` functions give it."""
    if file_name.isascii() and "\\x" not in file_name:
        return file_name
    escaped = _LOOKS_FOREIGN.sub(r"\\x5c", file_name)
    return _FOREIGN.sub(lambda match: f"\\x{ord(match[0]) - 0xDC00:02x}", escaped)


def file_name_of(name: str) -> str:
    """The file name whose listed name this is; the inverse of `listed_name`.

    Raises ValueError for a name that no file can have.
    """
    if "\0" in name:
        raise ValueError("a file name holds no NUL")
    on_disk = _ESCAPED.sub(lambda match: bytes([int(match[1], 16)]), name.encode())
    return os.fsdecode(on_disk)

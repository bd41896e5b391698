"""Files of a local storage, beyond what obstore does with them."""

import os
import re
from contextlib import suppress
from pathlib import Path

#: What obstore calls a file that is still written. It passes over such names itself; copied into a
#: cloud, they would be taken for files of ours.
UNFINISHED = re.compile(r"#\d+$")


def delete_unfinished(folder: Path) -> None:
    """Delete what writers that died have left in a folder and below, and folders left empty.

    A writer that is still at such a file fails when it ends. Raises OSError.
    """
    for path, _, names in os.walk(folder, topdown=False):
        for name in filter(UNFINISHED.search, names):
            Path(path, name).unlink(missing_ok=True)
        with suppress(OSError):  # something is in it
            os.rmdir(path)

"""Where the processes of one API count their requests together.

prometheus_client (0.26) decides how it counts when it is imported: a module that imports it is
itself to be imported after `share`.
"""

import os
import shutil
import tempfile

#: The variable by which prometheus_client finds the folder.
SHARED_FOLDER = "PROMETHEUS_MULTIPROC_DIR"


def share() -> None:
    """Let this process, and those that it starts, count together from now on."""
    os.environ[SHARED_FOLDER] = tempfile.mkdtemp(prefix="megabatch-metrics-")


def forget() -> None:
    """Remove what was counted together, if anything was."""
    folder = os.environ.pop(SHARED_FOLDER, None)
    if folder:
        shutil.rmtree(folder, ignore_errors=True)

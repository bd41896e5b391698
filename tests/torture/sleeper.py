"""A process with a child, as a worker is one; both do nothing until they are killed."""

import subprocess
import sys
import time

_SLEEP = "import time; time.sleep(600)  # as billiard's spawn_main"

if __name__ == "__main__":
    subprocess.Popen([sys.executable, "-c", _SLEEP])
    time.sleep(600)

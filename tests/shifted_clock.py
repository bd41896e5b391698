"""`python -m tests.shifted_clock SECONDS celery ...`: a Celery worker whose clock is wrong."""

import runpy
import sys
import time


def main() -> None:
    shift = float(sys.argv[1])
    right = time.time
    time.time = lambda: right() + shift  # before anybody takes it from there
    del sys.argv[:2]
    runpy.run_module("celery", run_name="__main__")


if __name__ == "__main__":
    main()

"""The API with little patience, so that no test waits for a minute; words as of `python -m api`."""

import sys

import api.connections
from api.__main__ import main

#: Seconds for a request, and of an answer that is not taken.
PATIENCE = 2

if __name__ == "__main__":
    api.connections.REQUEST_SECONDS = PATIENCE
    api.connections.STALLED_SECONDS = PATIENCE
    main(sys.argv[1:])

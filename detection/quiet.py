"""Keeping to itself what native code writes to standard error."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from core.errors import ModelUnavailable


@contextmanager
def quiet_standard_error() -> Iterator[None]:
    """Keeps to itself what native code writes to standard error, unless the block fails.

    TensorFlow greets with a dozen lines about this machine's processor and the lack of a GPU,
    before any of its own switches can be set.
    """
    kept = os.dup(2)
    with tempfile.TemporaryFile() as hidden:
        os.dup2(hidden.fileno(), 2)
        try:
            yield
        except ModelUnavailable:  # says all there is to say
            raise
        except BaseException:
            hidden.seek(0)
            os.write(kept, hidden.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)

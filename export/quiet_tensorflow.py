"""Import TensorFlow without the dozen lines that it writes to standard error at every start.

Those lines (which processor was found, that there is no CUDA) bury the one line that a user needs. They are written
by C++ before any setting is read, so the stream itself is turned away while
TensorFlow starts. Whoever sets TF_CPP_MIN_LOG_LEVEL gets everything as TensorFlow sends it.
"""

import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

LEVEL_VARIABLE = "TF_CPP_MIN_LOG_LEVEL"
# What goes wrong in an operation is raised as an exception as well, so nothing is lost at this level.
FATAL_ONLY = "3"
STANDARD_ERROR = 2


def start_tensorflow() -> None:
    """Import TensorFlow and Keras, and let TensorFlow find its devices. Raises ImportError if that fails."""
    if "tensorflow" in sys.modules:
        return
    if LEVEL_VARIABLE in os.environ:
        _start()
        return
    with log_level_kept():
        os.environ[LEVEL_VARIABLE] = FATAL_ONLY
        with _turned_away(STANDARD_ERROR):
            _start()


@contextmanager
def log_level_kept() -> Iterator[None]:
    """Leave the variable as it was, whatever the block sets it to: programs started from here must decide anew."""
    before = os.environ.get(LEVEL_VARIABLE)
    try:
        yield
    finally:
        os.environ.pop(LEVEL_VARIABLE, None)
        if before is not None:
            os.environ[LEVEL_VARIABLE] = before


def _start() -> None:
    import keras  # noqa: F401  # brings up its backend
    import tensorflow as tf

    # It warns of every function that is traced again for another shape.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    tf.config.list_physical_devices()


@contextmanager
def _turned_away(descriptor: int) -> Iterator[None]:
    """Keep what is written to a file descriptor, and hand it on only if the block raises."""
    sys.stderr.flush()
    original = os.dup(descriptor)
    with tempfile.TemporaryFile() as kept:
        os.dup2(kept.fileno(), descriptor)
        try:
            yield
        except BaseException:
            kept.seek(0)
            os.write(original, kept.read())
            raise
        finally:
            os.dup2(original, descriptor)
            os.close(original)

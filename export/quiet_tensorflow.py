"""Import TensorFlow without the dozen lines that it writes to standard error at every start.

They bury the one line that a user needs. C++ writes them before it reads any setting, so the stream itself is
redirected while TensorFlow starts. With TF_CPP_MIN_LOG_LEVEL set, everything is shown as TensorFlow sends it.
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
    with log_level_kept(), _standard_error_kept():
        os.environ[LEVEL_VARIABLE] = FATAL_ONLY
        _start()


@contextmanager
def log_level_kept() -> Iterator[None]:
    """Restore the variable after the block: a program that is started from here decides for itself."""
    before = os.environ.get(LEVEL_VARIABLE)
    try:
        yield
    finally:
        os.environ.pop(LEVEL_VARIABLE, None)
        if before is not None:
            os.environ[LEVEL_VARIABLE] = before


def _start() -> None:
    import keras  # noqa: F401  # imports its backend
    import tensorflow as tf

    # It warns of every function that is traced again for another shape.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    tf.config.list_physical_devices()


@contextmanager
def _standard_error_kept() -> Iterator[None]:
    """Keep what is written to standard error, below Python too, and show it only if the block raises."""
    sys.stderr.flush()
    original = os.dup(STANDARD_ERROR)
    with tempfile.TemporaryFile() as kept:
        os.dup2(kept.fileno(), STANDARD_ERROR)
        try:
            yield
        except BaseException:
            kept.seek(0)
            os.write(original, kept.read())
            raise
        finally:
            os.dup2(original, STANDARD_ERROR)
            os.close(original)

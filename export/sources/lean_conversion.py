"""Let tf2onnx convert large networks without copying them dozens of times.

It exists because vgg16, half a gigabyte of weights, was killed at 20 of memory. (What is left, 14 for a moment, is
TensorFlow's own optimiser.) tf2onnx copies the whole graph before each of its dozen optimisations, in case one fails,
and then each of them writes every weight into its node's message again, which protobuf does not let go of as long as
the node lives. Both are left out here: the first by a variable that
tf2onnx reads, the second, for constants, whose messages it does not use (it makes initialisers of their values), by
putting another method in place. Comparing the file with the original would find it out if that were wrong.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

# That it is there is enough: tf2onnx 1.17 compares the name of the variable, and not its value.
VARIABLE = "TF2ONNX_CATCH_ERRORS"


@contextmanager
def lean_conversion() -> Iterator[None]:
    """Leave out the copies inside the block; environment and tf2onnx are as they were behind it."""
    from tf2onnx.graph import Node

    update, before = Node.update_proto, os.environ.get(VARIABLE)

    def update_unless_constant(self: Any, *arguments: Any, **options: Any) -> None:
        if not self.is_const():
            update(self, *arguments, **options)

    os.environ[VARIABLE] = "FALSE"
    Node.update_proto = update_unless_constant
    try:
        yield
    finally:
        Node.update_proto = update
        os.environ.pop(VARIABLE, None)
        if before is not None:
            os.environ[VARIABLE] = before

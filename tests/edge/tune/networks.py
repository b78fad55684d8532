"""Files of one network, for tests: the tiny one as it was trained, and a variant that answers the other way round."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from edge.artifact import read_spec
from edge.class_counts import ClassCounts
from edge.cores import usable_cores
from edge.processor import read_cpu
from edge.spec import Parity, TrainingRecord, Variant
from edge.tune.network import identity
from edge.tune.record import RECORD_FORMAT, Record, Setting
from tests.conftest import TINY_SLOPE
from tests.edge.artifacts import restamped, without_entry, written

COUNTS = ClassCounts((3, 3, 3), (3, 3, 3), (3, 3, 3), ())
TRAINING = TrainingRecord("tiny", "greys", "ab12", 9, 9, 0.99, 3, 0, 1.0, COUNTS)
PARITY = Parity("keras", "held-out", 9, 27, 1e-7, 1.0, 1e-5, "cd34", {"keras": "3.15.0"})
VARIANT = Variant("int8", "U8S8", "minmax", (), 9, 0.986, 0.99, 0.9925, 0.1, 0.5)


def float32(content: bytes, **changes: Any) -> bytes:
    """The tiny network with a training and a certificate."""
    return restamped(content, **{"training": TRAINING, "parity": PARITY} | changes)


def int8(content: bytes, **changes: Any) -> bytes:
    """The same network in name, whose answers are reversed, so that a test sees which file gave them."""
    model = without_entry(content)
    (slope,) = (i for i in model.graph.initializer if np.array_equal(numpy_helper.to_array(i), TINY_SLOPE))
    slope.CopyFrom(numpy_helper.from_array(-TINY_SLOPE, slope.name))
    (offset,) = (i for i in model.graph.initializer if numpy_helper.to_array(i).tolist() == [4.0, 0.0, -8.0])
    offset.CopyFrom(numpy_helper.from_array(np.array([-8.0, 0.0, 4.0], np.float32), offset.name))
    fields = {"training": TRAINING, "parity": PARITY, "variant": VARIANT, "self_test": None}
    return restamped(content, onnx.ModelProto.FromString(model.SerializeToString()), **fields | changes)


def setting(path: Path, threads: int = 1) -> Setting:
    return Setting(os.path.abspath(path), read_spec(path).version or "", threads, True, 0.5)


def record(one: Path, many: Path, *measured: Path) -> Record:
    """What `eyespot tune` would remember here of files it measured."""
    versions = tuple(sorted({read_spec(path).version or "" for path in (one, many, *measured)}))
    network = identity(read_spec(one))
    return Record(RECORD_FORMAT, network, read_cpu()[0], usable_cores(), versions, setting(one), setting(many))


def pair(folder: Path, content: bytes) -> tuple[Path, Path]:
    """Write both files and return where they are."""
    return written(folder / "m.onnx", float32(content)), written(folder / "m8.onnx", int8(content))

"""Artifacts of any number of labels and any preprocessing, made without a training."""

import math
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from edge.model import INPUT_NAME, NETWORK_INPUT_NAME, OUTPUT_NAME
from edge.runtime import create_session
from edge.spec import SPEC_FORMAT, ClassCounts, Faces, Glyphs, ModelSpec, Parity, TrainingRecord
from edge.steps import Step
from export.evaluation import count_classes
from export.graph.merge import merge
from export.parity.compare import Comparison, View
from export.preprocess import build_preprocessing, make_model, network_shape
from export.writer import make_self_test, stamp

IMAGES = 4000


def photograph(height: int = 90, width: int = 120, seed: int = 0) -> np.ndarray:
    """A smooth picture in colour, uint8 RGB [H, W, 3]: waves of another direction and length in each channel."""
    y, x = np.mgrid[:height, :width] / max(height, width)
    angles = np.random.default_rng(seed).random(3) * math.pi
    waves = [np.sin(6 * (x * math.cos(a) + y * math.sin(a)) + 2 * i) for i, a in enumerate(angles)]
    return np.rint(np.stack(waves, axis=2) * 120 + 127).astype(np.uint8)


def make_labels(count: int) -> tuple[str, ...]:
    return tuple(f"class {i}" for i in range(count))


def random_counts(labels: tuple[str, ...], seed: int = 0) -> ClassCounts:
    """What a model that is right in four of five cases and else calls the next label or any other would give."""
    chance = np.random.default_rng(seed)
    targets = chance.integers(0, len(labels), IMAGES)
    wrong = (targets + chance.integers(1, min(len(labels), 4), IMAGES)) % len(labels)
    called = np.where(chance.random(IMAGES) < 0.8, targets, wrong)
    return count_classes(called, targets, len(labels))


def write_model(
    path: Path,
    labels: tuple[str, ...],
    steps: tuple[Step, ...],
    name: str = "made-up",
    counts: ClassCounts | None = None,
    regions: Faces | Glyphs | None = None,
    warnings: tuple[str, ...] | None = None,
) -> Path:
    """Write an artifact whose logits are a product of the mean of each channel; return `path`."""
    preprocessing = build_preprocessing(steps)
    height, width, channels = network_shape(preprocessing)
    weights = np.random.default_rng(1).normal(size=(channels, len(labels))).astype(np.float32)
    network = helper.make_graph(
        [
            helper.make_node("ReduceMean", [NETWORK_INPUT_NAME, "axes"], ["means"], keepdims=0),
            helper.make_node("MatMul", ["means", "weights"], ["logits"]),
            helper.make_node("Softmax", ["logits"], [OUTPUT_NAME], axis=1),
        ],
        "network",
        [helper.make_tensor_value_info(NETWORK_INPUT_NAME, TensorProto.FLOAT, ["N", height, width, channels])],
        [helper.make_tensor_value_info(OUTPUT_NAME, TensorProto.FLOAT, ["N", len(labels)])],
        [numpy_helper.from_array(np.array([1, 2]), "axes"), numpy_helper.from_array(weights, "weights")],
    )
    model = merge(preprocessing, make_model(network))
    session = create_session(model.SerializeToString(), "made up")
    (answer,) = session.run([OUTPUT_NAME], {INPUT_NAME: photograph()[None]})[0]
    known = [Comparison("waves", View("waves", photograph()), answer, 0.0, True)]
    counts = counts or random_counts(labels)
    right = sum(counts.correct) / sum(counts.support)
    spec = ModelSpec(
        format=SPEC_FORMAT,
        name=name,
        version=None,
        labels=labels,
        preprocessing=steps,
        regions=regions,
        reject_threshold=None,
        training=TrainingRecord("waves", "made up", "ab12", 7, IMAGES, right, 3, 4, 1.5, counts, warnings=warnings),
        parity=Parity("keras", "held-out", 20, 60, 2.5e-7, 1.0, 1e-5, "cd34", {"keras": "3.15.1", "onnx": "1.23.2"}),
        self_test=make_self_test(known),
    )
    path.write_bytes(stamp(model, spec)[0])
    return path

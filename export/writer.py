"""Write the artifact: stamp the spec into the model, replay its samples, and only then give the file its name."""

import base64
import hashlib
from collections.abc import Iterable
from pathlib import Path

import cv2
import msgspec
import numpy as np
import onnx
from numpy.typing import NDArray

from edge.classifier import Classifier, require_self_test
from edge.files import replacing
from edge.model import METADATA_KEY, content_version
from edge.spec import ModelSpec, SelfTest, SelfTestSample
from export.parity.compare import TOLERANCE, Comparison

# Another processor sums in another order, and a GPU may round its factors; ten times the parity limit is
# room for that, and still far from changing an answer.
SELF_TEST_FACTOR = 10
SELF_TEST_SAMPLES = 6
# A variant rounds after every layer. Where another processor or runtime sums in another order, a value on the
# edge between two levels falls to the other side, and what follows moves with it: seldom, but by 1/256 with int8
# (integers add up alike everywhere, so only what stays float32 can differ), always and by 1/2048 with fp16.
VARIANT_SELF_TEST_TOLERANCES = {"int8": 0.05, "fp16": 0.01}


def make_self_test(comparisons: Iterable[Comparison], tolerance: float = SELF_TEST_FACTOR * TOLERANCE) -> SelfTest:
    """Return the first small pictures among `comparisons` as samples with their probabilities.

    `tolerance` is what a replay may differ by. Large pictures are left out so that the file stays small; the odd sizes
    of the parity check are all small.
    """
    small = [(c.view, c.expected) for c in comparisons if c.view]
    samples = tuple(
        SelfTestSample(view.name, encode_png(view.pixels), tuple(map(float, expected)))
        for view, expected in small[:SELF_TEST_SAMPLES]
    )
    return SelfTest(min(1.0, tolerance), samples)


def fit_into(pixels: NDArray[np.uint8], side_px: int) -> NDArray[np.uint8]:
    """Return uint8 [H, W, 3] with its longer side at most `side_px`; a smaller picture stays as it is."""
    height, width = pixels.shape[:2]
    scale = min(1.0, side_px / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)


def encode_png(pixels: NDArray[np.uint8]) -> str:
    """Return uint8 RGB [H, W, 3] as a PNG in base64."""
    _, encoded = cv2.imencode(".png", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
    return base64.b64encode(encoded.tobytes()).decode("ascii")


def stamp(model: onnx.ModelProto, spec: ModelSpec) -> tuple[bytes, ModelSpec]:
    """Return the bytes of the artifact, and the spec with the version that they give it.

    The entry goes behind everything else, so that what the version is a digest of is one piece.
    """
    body = model.SerializeToString(deterministic=True)
    versioned = msgspec.structs.replace(spec, version=content_version(hashlib.sha256(body).digest(), spec))
    entry = onnx.StringStringEntryProto(key=METADATA_KEY, value=versioned.to_json())
    return body + onnx.ModelProto(metadata_props=[entry]).SerializeToString(), versioned


def write_artifact(content: bytes, path: Path) -> None:
    """Write `content` to `path`, unless the file, read back as a device would, fails its own self-test.

    Raises ParityError for that, OSError for a disk that is full or read-only; in both cases `path` is as it was.
    """
    with replacing(path) as temporary:
        temporary.write_bytes(content)
        classifier = Classifier.load(temporary, regions="none")
        require_self_test(classifier.spec, classifier.probabilities, str(path))

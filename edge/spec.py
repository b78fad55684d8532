"""`ModelSpec`: all that anyone needs to know about a model, carried inside the model file.

It exists so that nothing travels beside the file and no label, size or constant is typed twice.
"""

import json
import math
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal

from edge.class_counts import ClassCounts
from edge.errors import ModelError
from edge.fingerprint import Fingerprint
from edge.steps import Step
from edge.strict_json import LATER, decode, encode

SPEC_FORMAT = 1

# What an artifact was compared with: what ran the network before it was an artifact.
Reference = Literal["keras", "tensorflow", "onnx"]
# Where the pictures of that comparison came from: a training's held-out images, a folder, or eyespot itself.
Origin = Literal["held-out", "folder", "made"]


@dataclass(frozen=True)
class Faces:
    """The model classifies the faces found in a picture, not the picture."""

    kind: ClassVar[str] = "faces"


@dataclass(frozen=True)
class Glyphs:
    """The model classifies the `count` characters found in a picture, read from left to right."""

    kind: ClassVar[str] = "glyphs"
    count: int

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ValueError(f"glyphs: count must be at least 1. Received: {self.count}")


def describe_regions(regions: Faces | Glyphs) -> str:
    """Return what is looked for in words: `faces`, or `4 glyphs`."""
    return f"{regions.count} glyphs" if isinstance(regions, Glyphs) else regions.kind


@dataclass(frozen=True)
class TrainingRecord:
    """What the model was trained on, how, and how well it did on images it had not seen.

    `data_digest` is a SHA-256 over the names and contents of all images, in hexadecimal. `temperature` is what
    the logits are divided by inside the network; 1 leaves them as they are. `classes` are of the held-out images.
    """

    recipe: str
    dataset: str
    data_digest: str
    training_images: int
    held_out_images: int
    held_out_accuracy: float
    epochs: int
    seed: int
    temperature: float
    classes: ClassCounts
    evaluated_on: Literal["test", "validation", "out-of-fold"] | None = field(default=None, metadata=LATER)
    baseline_accuracy: float | None = field(default=None, metadata=LATER)
    calibration_error: float | None = field(default=None, metadata=LATER)
    warnings: tuple[str, ...] | None = field(default=None, metadata=LATER)
    backbone: str | None = field(default=None, metadata=LATER)


@dataclass(frozen=True)
class Parity:
    """The certificate that was measured before the file was written: the original network against this very graph.

    Where the file holds a variant, the original was compared with the float32 graph that it was made from.
    `reference` ran the original: `keras`, `tensorflow` (a SavedModel) or `onnx` (a plain file, on onnxruntime).
    `largest_difference` is between probabilities; `top1_agreement` is a share, 0 to 1; `data_digest` is a SHA-256
    of the pictures, in hexadecimal: of the archive of `held-out` images, of names and contents of a `folder`, of
    names and pixels of those that eyespot `made`. `versions` are those of the packages used.
    """

    reference: Reference
    origin: Origin
    images: int
    comparisons: int
    largest_difference: float
    top1_agreement: float
    tolerance: float
    data_digest: str
    versions: dict[str, str]


@dataclass(frozen=True)
class Variant:
    """How the network in the file was made smaller, and what that cost on `images` held-out pictures.

    It is measured against the float32 network that `parity` certifies. `scheme` is how numbers are held,
    `calibration` how their ranges were found (empty for fp16), and `float_layers` are layers that were left as
    they were because they could not bear it. Accuracies and `top1_agreement` are shares, 0 to 1, the former None for
    pictures without labels; `max_drop_points` is what was allowed.
    """

    kind: Literal["int8", "fp16"]
    scheme: str
    calibration: str
    float_layers: tuple[str, ...]
    images: int
    accuracy: float | None
    float32_accuracy: float | None
    top1_agreement: float
    largest_difference: float
    max_drop_points: float

    @property
    def drop_points(self) -> float:
        """How many points of 100 the accuracy lost, negative if it gained; without labels, how many labels changed."""
        if self.accuracy is None or self.float32_accuracy is None:
            return 100 * (1 - self.top1_agreement)
        return 100 * (self.float32_accuracy - self.accuracy)


@dataclass(frozen=True)
class SelfTestSample:
    """One small picture (a PNG in base64) and the probabilities that the original network, or a variant, gave it."""

    name: str
    png: str
    probabilities: tuple[float, ...]


@dataclass(frozen=True)
class SelfTest:
    """Samples that any device can replay, and the largest difference it may find."""

    tolerance: float
    samples: tuple[SelfTestSample, ...]

    def __post_init__(self) -> None:
        if not self.samples:
            raise ValueError("a self-test needs at least one sample")


@dataclass(frozen=True)
class ModelSpec:
    """One model. `labels` are in the order of the network's outputs.

    An answer whose best probability is less than `abstain_below` is unsure; None never is.
    A run folder holds a spec that has no `version`, `parity` or `self_test` yet; export fills them in. A file
    without a `variant` is what training made, in float32. A variant keeps the `fingerprint` of what it was made
    from; files of before there were fingerprints, and models that were trained elsewhere, have none.
    """

    format: int
    name: str
    version: str | None
    labels: tuple[str, ...]
    preprocessing: tuple[Step, ...]
    regions: Faces | Glyphs | None
    abstain_below: float | None
    training: TrainingRecord | None
    parity: Parity | None
    self_test: SelfTest | None
    variant: Variant | None = None
    fingerprint: Fingerprint | None = field(default=None, metadata=LATER)

    def __post_init__(self) -> None:
        if self.format != SPEC_FORMAT:
            raise ValueError(f"format must be {SPEC_FORMAT}. Received: {self.format}")
        if not self.name.strip() or "/" in self.name:
            raise ValueError(f"name must be a word without a slash. Received: {self.name!r}")
        self._check_labels()
        if self.abstain_below is not None and not 0 < self.abstain_below <= 1:
            raise ValueError(f"abstain_below must be above 0 and at most 1. Received: {self.abstain_below}")
        if not self.preprocessing:
            raise ValueError("preprocessing must have at least one step")
        for sample in self.self_test.samples if self.self_test else ():
            if len(sample.probabilities) != len(self.labels):
                raise ValueError(
                    f"self-test sample {sample.name!r} must have one probability for each of the "
                    f"{len(self.labels)} labels. Received: {len(sample.probabilities)}"
                )
        if self.training and (counted := len(self.training.classes.shown)) != len(self.labels):
            raise ValueError(f"training.classes must count {len(self.labels)} labels. Received: {counted}")
        if self.fingerprint and (counted := len(self.fingerprint.classes)) != len(self.labels):
            raise ValueError(f"fingerprint.classes must count {len(self.labels)} labels. Received: {counted}")

    def _check_labels(self) -> None:
        if len(self.labels) < 2:
            raise ValueError(f"labels must be at least two. Received: {len(self.labels)}")
        if len(set(self.labels)) != len(self.labels):
            raise ValueError("labels must differ from each other")
        if not all(label.strip() for label in self.labels):
            raise ValueError("labels must not be blank")

    def to_json(self) -> str:
        """Return the spec as one line of canonical JSON (sorted keys), the text that digests are taken of."""
        return canonical_json(encode(self))

    def without_version(self) -> "ModelSpec":
        """Return the spec as it is digested: everything but the digest itself."""
        return replace(self, version=None)


def canonical_json(value: Any) -> str:
    """Return `value` as JSON that is the same text for the same content."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def parse_spec(text: str, source: str) -> ModelSpec:
    """Return the spec that `text` holds; `source` names the file in messages.

    Raises ModelError if it is not JSON, of a newer format, or breaks any rule of `ModelSpec`.
    """
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{source}: its spec is not valid JSON ({error})") from None
    found = value.get("format") if isinstance(value, dict) else None
    if isinstance(found, int | float) and SPEC_FORMAT < found < math.inf:
        raise ModelError(
            f"{source}: its spec has format {found}, this eyespot reads up to {SPEC_FORMAT}; upgrade eyespot here"
        )
    try:
        return decode(ModelSpec, value, "spec")
    except ValueError as error:
        raise ModelError(f"{source}: its spec is not valid: {error}") from None

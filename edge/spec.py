"""`ModelSpec`: the description of a model, which its file carries as JSON.

Unknown keys, missing keys and wrong types are refused. Where an attribute was renamed, `field(name=...)` is its key in
the JSON, as older files have it.
"""

import json
import math
from bisect import bisect
from itertools import pairwise
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, field

from edge.errors import ModelError
from edge.steps import Checked, Kind, Step

SPEC_FORMAT = 1

# What ran the source network: TensorFlow a SavedModel, onnxruntime a plain ONNX file.
Reference = Literal["keras", "tensorflow", "onnx"]
# The images of the comparison: those a training did not see, those of a folder, or synthetic ones.
Origin = Literal["held-out", "folder", "made"]

Count = Annotated[int, Meta(ge=0)]


class Faces(Kind, frozen=True, tag="faces"):
    """The model classifies the faces in a picture."""


class Glyphs(Kind, frozen=True, tag="glyphs"):
    """The model classifies the `count` characters in a picture, from left to right."""

    count: Annotated[int, Meta(ge=1)]


def describe_regions(regions: Faces | Glyphs) -> str:
    """Return `faces`, or as `4 glyphs`."""
    return f"{regions.count} glyphs" if isinstance(regions, Glyphs) else regions.kind


class Confusion(Checked, frozen=True):
    """`count` images of class `true` that were predicted as `predicted`; both are indices of labels."""

    true: Count
    predicted: Count
    count: Annotated[int, Meta(ge=1)]


class ClassCounts(Checked, frozen=True):
    """Counts of images for each class, in the order of the labels, and the most frequent confusions.

    `support` counts the images of a class, `predicted` those predicted as it, `correct` those that are both. Up to 20
    classes the confusions are the whole matrix.
    """

    support: tuple[Count, ...] = field(name="shown")
    predicted: tuple[Count, ...] = field(name="called")
    correct: tuple[Count, ...] = field(name="right")
    confusions: tuple[Confusion, ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        classes = len(self.support)
        if not classes == len(self.predicted) == len(self.correct) or sum(self.support) != sum(self.predicted):
            raise ValueError("class counts: as many classes and images must be predicted as are shown")
        if any(n > min(both) for n, *both in zip(self.correct, self.support, self.predicted, strict=True)):
            raise ValueError("class counts: correct must be at most the images shown, and those predicted")
        if any(max(pair.true, pair.predicted) >= classes for pair in self.confusions):
            raise ValueError(f"class counts: a confusion is of a class past the {classes} that there are")


class TrainingRecord(Checked, frozen=True, omit_defaults=True):
    """What the model was trained on, how, and how well it did on images that it was not trained on.

    `data_digest` is a SHA-256 of all names and images. Logits are divided by `temperature` inside the network.
    `accuracy`, `classes` and `calibration_error` (expected calibration error) are measured on the `evaluation_images`;
    `baseline_accuracy` is that of always predicting the most frequent class. These are 0 to 1; None is not in the JSON.
    """

    recipe: str
    dataset: str
    data_digest: str
    training_images: int
    evaluation_images: int = field(name="held_out_images")
    accuracy: float = field(name="held_out_accuracy")
    epochs: int
    seed: int
    temperature: float
    classes: ClassCounts
    evaluated_on: Literal["test", "validation", "out-of-fold"] | None = None
    baseline_accuracy: float | None = None
    calibration_error: float | None = None
    warnings: tuple[str, ...] | None = None
    backbone: str | None = None


class Parity(Checked, frozen=True):
    """The certificate, measured before the file was written: the source network compared with this graph.

    Where the file holds a variant, the graph is the float32 one that it was made from. `largest_difference` is between
    probabilities; `top1_agreement` is a share, 0 to 1; `data_digest` is a SHA-256 of the images.
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


class Variant(Checked, frozen=True):
    """How the network in the file was made smaller, and what that cost on `images` that it was not trained on.

    It is measured against the float32 network that `parity` certifies. `scheme` is the format of the numbers,
    `calibration` how their ranges were found (empty for fp16), and `float_layers` stayed float32. Accuracies (None for
    images without labels) and `top1_agreement` are shares, 0 to 1; `max_drop_points` was allowed.
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
        """How many points of 100 the accuracy lost; without labels, the share of answers that changed."""
        if self.accuracy is None or self.float32_accuracy is None:
            return 100 * (1 - self.top1_agreement)
        return 100 * (self.float32_accuracy - self.accuracy)


class Histogram(Checked, frozen=True):
    """`counts[i]` values lie from `edges[i]` up to `edges[i + 1]`; the outer bins also hold what lies beyond."""

    edges: tuple[float, ...]
    counts: Annotated[tuple[Count, ...], Meta(min_length=1)]

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.edges) != len(self.counts) + 1 or any(a >= b for a, b in pairwise(self.edges)):
            raise ValueError("a histogram must have one edge more than it has counts, and its edges must rise")
        if not any(self.counts):
            raise ValueError("a histogram must count something")

    def bin_of(self, value: float) -> int:
        """Return the index of the bin of `value`."""
        return min(max(bisect(self.edges, value) - 1, 0), len(self.counts) - 1)


class Fingerprint(Checked, frozen=True):
    """Histograms of the training images, and of the answers for other images, which drift is measured against.

    `size`, `brightness` and `contrast` are of the training images before preprocessing, or of the crops of regions; see
    `edge.fingerprint`. `confidence` counts best probabilities, and `classes` best labels, in the order of the labels.
    """

    size: Histogram
    brightness: Histogram
    contrast: Histogram
    confidence: Histogram
    classes: tuple[Count, ...]


class SelfTestSample(Checked, frozen=True):
    """One small image (a PNG in base64) and the probabilities that the network gave for it at the export."""

    name: str
    png: str
    probabilities: tuple[float, ...]


class SelfTest(Checked, frozen=True):
    """Samples that a device can replay, and the largest difference of a probability that passes."""

    tolerance: float
    samples: Annotated[tuple[SelfTestSample, ...], Meta(min_length=1)]


class ModelSpec(Checked, frozen=True, omit_defaults=True):
    """One model. `labels` are in the order of the network's outputs.

    An answer whose best probability is below `reject_threshold` is unsure. In a run folder `version`, `parity` and
    `self_test` are still None. Models that were trained elsewhere have no `fingerprint`, also not in the JSON.
    """

    format: int
    name: Annotated[str, Meta(pattern=r"^[^/]*[^/\s][^/]*$")]
    version: str | None
    labels: Annotated[tuple[Annotated[str, Meta(pattern=r"\S")], ...], Meta(min_length=2)]
    preprocessing: Annotated[tuple[Step, ...], Meta(min_length=1)]
    regions: Faces | Glyphs | None
    reject_threshold: Annotated[float, Meta(gt=0, le=1)] | None = field(name="abstain_below")
    training: TrainingRecord | None
    parity: Parity | None
    self_test: SelfTest | None
    # A factory, so that the key is in the JSON in any case: versions are digests of the JSON.
    variant: Variant | None = field(default_factory=lambda: None)
    fingerprint: Fingerprint | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.format != SPEC_FORMAT:
            raise ValueError(f"format must be {SPEC_FORMAT}. Received: {self.format}")
        if len(set(self.labels)) != len(self.labels):
            raise ValueError(f"labels must differ. Received: {list(self.labels)!r:.60}")
        samples = self.self_test.samples if self.self_test else ()
        for_labels = {f"self-test sample {sample.name!r}": len(sample.probabilities) for sample in samples}
        if self.training:
            for_labels["the class counts"] = len(self.training.classes.support)
        if self.fingerprint:
            for_labels["the fingerprint"] = len(self.fingerprint.classes)
        for name, count in for_labels.items():
            if count != len(self.labels):
                raise ValueError(f"{name} must have a value for each of {len(self.labels)} labels. Received: {count}")

    def to_json(self) -> str:
        """Return the spec as one line of canonical JSON (sorted keys), which digests are taken of."""
        return canonical_json(self)


def canonical_json(value: Any) -> str:
    """Return `value`, which may hold structs, as JSON that is the same string for the same content."""
    return json.dumps(msgspec.to_builtins(value), sort_keys=True, separators=(",", ":"), allow_nan=False)


def _finite(text: str) -> float:
    if not math.isfinite(number := float(text)):
        raise ValueError(f"{text:.20} is not a finite number")
    return number


def parse_spec(text: str, source: str) -> ModelSpec:
    """Return the spec in `text`; `source` names the file in messages.

    Raises ModelError if it is not JSON, has a newer format, or breaks a rule of `ModelSpec`.
    """
    try:
        # msgspec's own reader refuses lone surrogates, which labels have that are folder names not in UTF-8.
        value = json.loads(text, parse_float=_finite, parse_constant=_finite)
        found = value.get("format") if isinstance(value, dict) else None
        if isinstance(found, int | float) and found > SPEC_FORMAT:
            raise ModelError(
                f"{source}: its spec has format {found:g}, this eyespot reads up to {SPEC_FORMAT}; upgrade eyespot here"
            )
        return msgspec.convert(value, ModelSpec)
    except ModelError:
        raise
    except (ValueError, OverflowError, RecursionError) as error:
        reason = "it is nested too deep" if isinstance(error, RecursionError) else error
        raise ModelError(f"{source}: its spec is not valid: {reason}") from None
